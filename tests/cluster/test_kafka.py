from __future__ import annotations

from pathlib import Path

import pytest

from qdpi.cluster import Kind, Node
from qdpi.cluster.kafka import format_command, properties, properties_text
from qdpi.errors import InvalidInput

DATA = Path("/somewhere/data")


def brokers(count: int) -> list[Node]:
    return [
        Node(Kind.KAFKA, number, "127.0.0.1", {"open": number, "controller": number + 10, "guarded": number + 20})
        for number in range(1, count + 1)
    ]


def test_single_broker_has_one_replica():
    (one,) = peers = brokers(1)
    held = properties(one, peers, DATA, {})

    assert {held[name] for name in held if name.endswith("replication.factor")} == {"1"}
    assert {held[name] for name in held if name.endswith("min.isr")} == {"1"}
    assert held["min.insync.replicas"] == "1"


def test_three_brokers_have_three_replicas():
    """Three brokers have three replicas, two of which must acknowledge a write."""
    first, *_ = peers = brokers(3)
    held = properties(first, peers, DATA, {})

    assert {held[name] for name in held if name.endswith("replication.factor")} == {"3"}
    assert {held[name] for name in held if name.endswith("min.isr")} == {"2"}
    assert held["min.insync.replicas"] == "2"
    assert held["controller.quorum.voters"] == "1@127.0.0.1:11,2@127.0.0.1:12,3@127.0.0.1:13"


def test_listeners_are_on_loopback():
    first, *_ = peers = brokers(3)

    for names in ("listeners", "advertised.listeners"):
        for listener in properties(first, peers, DATA, {"protocol": "SSL"})[names].split(","):
            assert "://127.0.0.1:" in listener


def test_guard_adds_a_listener():
    (one,) = peers = brokers(1)
    held = properties(one, peers, DATA, {"protocol": "SASL_SSL", "sasl.enabled.mechanisms": "PLAIN"})

    assert held["advertised.listeners"] == "OPEN://127.0.0.1:1,GUARDED://127.0.0.1:21"
    assert "GUARDED:SASL_SSL" in held["listener.security.protocol.map"]
    assert held["listener.name.guarded.sasl.enabled.mechanisms"] == "PLAIN"
    assert "listener.name.guarded.protocol" not in held


def test_record_limit_exceeds_a_dead_letter():
    (one,) = peers = brokers(1)

    assert int(properties(one, peers, DATA, {})["message.max.bytes"]) > 16 << 20


def test_properties_are_escaped():
    assert properties_text({"a": "b", "path": "C:\\x", "pem": "one\ntwo"}) == "a=b\npath=C:\\\\x\npem=one\\n\\\ntwo\n"


def test_non_ascii_properties_are_escaped():
    assert properties_text({"log.dirs": "/café/𝄞"}) == "log.dirs=/caf\\u00e9/\\ud834\\udd1e\n"


def test_directory_with_a_comma_is_refused():
    (one,) = peers = brokers(1)

    with pytest.raises(InvalidInput, match=r"/one,two/data has a comma, .* QDPI_DATA_DIR"):
        properties(one, peers, Path("/one,two/data"), {})


def test_id_with_a_dash_is_not_an_option():
    assert "--cluster-id=-Q" in format_command(Path("/java"), Path("/jars"), Path("/file"), "-Q")
