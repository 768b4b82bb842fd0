from __future__ import annotations

import socket
from pathlib import Path
from random import Random

import pytest

from qdpi.cluster import Kind
from qdpi.cluster.setup import free_ports, is_free, new_setup, read_setup, write_setup
from qdpi.errors import InvalidInput, ServicesFailed

HERE = "127.0.0.1"


def test_a_port_that_somebody_listens_on_is_not_free():
    (port,) = free_ports([HERE], 1, Random(1))
    with socket.create_server((HERE, port)):
        assert not is_free(HERE, port)
        assert free_ports([HERE], 1, Random(1)) != [port]
    assert is_free(HERE, port)


def test_an_address_that_is_not_this_machines_is_said_with_the_command_that_adds_it():
    with pytest.raises(ServicesFailed) as refused:
        is_free("192.0.2.1", 0)  # of the addresses that nobody has, RFC 5737

    assert refused.value.detail == "192.0.2.1 is not an address of this machine."
    assert "sudo " in refused.value.next_step
    assert "192.0.2.1" in refused.value.next_step


def test_kafkas_nodes_share_an_address_and_cassandras_share_ports():
    setup = new_setup(Random(2)).with_kinds(list(Kind), 3, Random(3))
    brokers, hosts = setup.of(Kind.KAFKA), setup.of(Kind.CASSANDRA)

    assert [node.name for node in setup.nodes] == [f"{kind}-{number}" for kind in Kind for number in (1, 2, 3)]
    assert len({port for node in brokers for port in node.ports.values()}) == 9
    assert [node.host for node in hosts] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert len({tuple(node.ports.items()) for node in hosts}) == 1


def test_what_is_set_up_keeps_its_ports_when_the_other_kind_is_added():
    alone = new_setup(Random(2)).with_kinds([Kind.KAFKA], None, Random(3))
    both = alone.with_kinds(list(Kind), None, Random(4))

    assert both.of(Kind.KAFKA) == alone.of(Kind.KAFKA)
    assert len(both.of(Kind.CASSANDRA)) == 1
    assert both.with_kinds(list(Kind), 1, Random(5)) == both


def test_another_number_of_nodes_than_is_set_up_is_refused_with_the_way_out():
    three = new_setup(Random(2)).with_kinds([Kind.KAFKA], 3, Random(3))

    with pytest.raises(InvalidInput, match=r"kafka is set up with 3 nodes, not 1\. .*down --delete"):
        three.with_kinds([Kind.KAFKA], 1, Random(4))
    with pytest.raises(InvalidInput, match="2 nodes are not supported: 1 or 3"):
        three.with_kinds([Kind.CASSANDRA], 2, Random(4))


def test_a_kind_that_is_added_without_a_number_has_as_many_nodes_as_the_other():
    three = new_setup(Random(2)).with_kinds([Kind.KAFKA], 3, Random(3))

    assert len(three.with_kinds(list(Kind), None, Random(4)).of(Kind.CASSANDRA)) == 3


def test_kinds_of_different_sizes_stay_as_they_are_where_no_number_is_asked_for():
    one = new_setup(Random(2)).with_kinds([Kind.KAFKA], 1, Random(3))
    mixed = one.with_kinds([Kind.CASSANDRA], 3, Random(4))

    for kinds in ([Kind.KAFKA], [Kind.CASSANDRA], list(Kind)):
        assert mixed.with_kinds(kinds, None, Random(5)) == mixed


def test_a_setup_is_read_as_it_was_written(tmp_path: Path):
    setup = new_setup(Random(2)).with_kinds(list(Kind), 3, Random(3))
    write_setup(setup, tmp_path / "new" / "cluster.json")

    assert read_setup(tmp_path / "new" / "cluster.json") == setup
    assert read_setup(tmp_path / "cluster.json") is None
