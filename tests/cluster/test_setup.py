from __future__ import annotations

import socket
from pathlib import Path
from random import Random

import pytest

from qdpi.cluster import Kind
from qdpi.cluster.setup import free_ports, is_free, new_setup, read_setup, write_setup
from qdpi.errors import InvalidInput, ServicesFailed

HERE = "127.0.0.1"


def test_listening_port_is_not_free():
    (port,) = free_ports([HERE], 1, Random(1))
    with socket.create_server((HERE, port)):
        assert not is_free(HERE, port)
        assert free_ports([HERE], 1, Random(1)) != [port]
    assert is_free(HERE, port)


def test_foreign_address_is_reported_with_a_command():
    with pytest.raises(ServicesFailed) as refused:
        is_free("192.0.2.1", 0)  # reserved for documentation, RFC 5737

    assert refused.value.detail == "192.0.2.1 is not an address of this machine."
    assert "sudo " in refused.value.next_step
    assert "192.0.2.1" in refused.value.next_step


def test_addresses_and_ports_by_kind():
    """Kafka's nodes share an address; Cassandra's nodes share their ports."""
    setup = new_setup(Random(2)).with_kinds(list(Kind), 3, Random(3))
    brokers, hosts = setup.of(Kind.KAFKA), setup.of(Kind.CASSANDRA)

    assert [node.name for node in setup.nodes] == [f"{kind}-{number}" for kind in Kind for number in (1, 2, 3)]
    assert len({port for node in brokers for port in node.ports.values()}) == 9
    assert [node.host for node in hosts] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert len({tuple(node.ports.items()) for node in hosts}) == 1


def test_adding_a_kind_keeps_ports():
    alone = new_setup(Random(2)).with_kinds([Kind.KAFKA], None, Random(3))
    both = alone.with_kinds(list(Kind), None, Random(4))

    assert both.of(Kind.KAFKA) == alone.of(Kind.KAFKA)
    assert len(both.of(Kind.CASSANDRA)) == 1
    assert both.with_kinds(list(Kind), 1, Random(5)) == both


def test_other_size_is_refused():
    three = new_setup(Random(2)).with_kinds([Kind.KAFKA], 3, Random(3))

    with pytest.raises(InvalidInput, match=r"kafka is set up with 3 nodes, not 1\. .*down --delete"):
        three.with_kinds([Kind.KAFKA], 1, Random(4))
    with pytest.raises(InvalidInput, match="2 nodes are not supported: 1 or 3"):
        three.with_kinds([Kind.CASSANDRA], 2, Random(4))


def test_added_kind_gets_the_size_of_the_other():
    three = new_setup(Random(2)).with_kinds([Kind.KAFKA], 3, Random(3))

    assert len(three.with_kinds(list(Kind), None, Random(4)).of(Kind.CASSANDRA)) == 3


def test_different_sizes_are_kept():
    one = new_setup(Random(2)).with_kinds([Kind.KAFKA], 1, Random(3))
    mixed = one.with_kinds([Kind.CASSANDRA], 3, Random(4))

    for kinds in ([Kind.KAFKA], [Kind.CASSANDRA], list(Kind)):
        assert mixed.with_kinds(kinds, None, Random(5)) == mixed


def test_setup_round_trip(tmp_path: Path):
    setup = new_setup(Random(2)).with_kinds(list(Kind), 3, Random(3))
    write_setup(setup, tmp_path / "new" / "cluster.json")

    assert read_setup(tmp_path / "new" / "cluster.json") == setup
    assert read_setup(tmp_path / "cluster.json") is None
