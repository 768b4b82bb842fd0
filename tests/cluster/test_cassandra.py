from __future__ import annotations

from pathlib import Path

import pytest

from qdpi.cluster import Kind, Node
from qdpi.cluster.cassandra import configuration, serve_command, token
from qdpi.cluster.tools import Java

DATA = Path("/somewhere/data")


def nodes(count: int) -> list[Node]:
    return [
        Node(Kind.CASSANDRA, number, f"127.0.0.{number}", {"native": 1, "storage": 2}) for number in range(1, count + 1)
    ]


def command(release: int = 17) -> list[str]:
    return serve_command(Java(Path("/java"), release), Path("/jars"), Path("/node"), ["-Xmx1g"], alone=True)


@pytest.mark.parametrize("count", [1, 3])
def test_tokens_part_the_ring_evenly(count: int):
    tokens = [token(number, count) for number in range(1, count + 1)]
    ring = 2**64
    parts = [(after - before) % ring or ring for before, after in zip(tokens, [*tokens[1:], tokens[0]], strict=True)]

    assert all(-(2**63) < each < 2**63 for each in tokens)  # the lowest of all stands for no token
    assert max(parts) - min(parts) <= 3


def test_every_node_is_a_seed_so_that_all_may_start_at_once():
    peers = nodes(3)

    for node in peers:
        (provider,) = configuration(node, peers, DATA, {})["seed_provider"]
        assert provider["parameters"] == [{"seeds": "127.0.0.1:2,127.0.0.2:2,127.0.0.3:2"}]


def test_a_node_listens_on_its_own_loopback_address_and_keeps_all_it_has_under_its_data():
    peers = nodes(3)
    held = configuration(peers[1], peers, DATA, {})

    assert held["listen_address"] == held["rpc_address"] == "127.0.0.2"
    assert all(str(held[name]).strip("[]'").startswith(str(DATA)) for name in held if "director" in name)


def test_a_truncated_table_leaves_no_copy_behind():
    (one,) = peers = nodes(1)

    assert configuration(one, peers, DATA, {})["auto_snapshot"] is False


def test_a_lone_node_waits_for_its_disk_and_fellows_need_not():
    alone, three = nodes(1), nodes(3)
    assert configuration(alone[0], alone, DATA, {})["commitlog_sync"] == "batch"
    assert {configuration(node, three, DATA, {})["commitlog_sync"] for node in three} == {"periodic"}


def test_a_caller_may_put_values_over_ours():
    (one,) = peers = nodes(1)
    held = configuration(one, peers, DATA, {"authenticator": "PasswordAuthenticator", "num_tokens": 4})

    assert (held["authenticator"], held["num_tokens"]) == ("PasswordAuthenticator", 4)


def test_nothing_is_told_to_anybody_outside():
    assert "-Dchronicle.analytics.disable=true" in command()


def test_a_java_that_wants_it_said_is_told_that_a_security_manager_is_set():
    allowing = "-Djava.security.manager=allow"

    assert allowing not in command(17)
    assert allowing in command(21)


def test_java_is_told_what_options_say():
    assert "-Xmx1g" in command()
