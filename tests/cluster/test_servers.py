"""The real servers: started, used, killed and restarted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from cassandra import AuthenticationFailed, ConsistencyLevel
from cassandra.cluster import NoHostAvailable
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from tests.cluster.clients import PATIENCE, consume, create_topic, produce, session
from tests.support.servers import servers_in

from qdpi.cluster import Kind, Options, Servers, State, running
from qdpi.cluster.setup import new_setup, write_setup
from qdpi.errors import ServicesFailed

pytestmark = [pytest.mark.long]
KEYSPACE = "CREATE KEYSPACE try WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': {}}}"


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as opened:
        yield opened


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers_in(tmp_path_factory.mktemp("one")) as started:
        yield started


def brokers(servers: Servers) -> str:
    return servers.environment["KAFKA_BROKERS"]


def hosts(servers: Servers) -> str:
    return servers.environment["CASSANDRA_HOSTS"]


def states(servers: Servers, portal: BlockingPortal) -> dict[str, str]:
    return {status.node.name: status.state for status in portal.call(servers.status)}


async def until_all_are_up(servers: Servers) -> None:
    async with asyncio.timeout(PATIENCE):
        while {status.state for status in await servers.status()} != {State.UP}:  # noqa: ASYNC110 (servers do not announce their state)
            await asyncio.sleep(0.1)


@pytest.mark.kafka
def test_killed_broker_keeps_acknowledged_records(servers: Servers, portal: BlockingPortal):
    before = brokers(servers)
    create_topic(before, "kept")
    produce(before, "kept", b"one", b"two")

    portal.call(servers.kill, "kafka-1")
    assert states(servers, portal)["kafka-1"] is State.DOWN
    portal.call(servers.restart, "kafka-1")

    assert brokers(servers) == before
    assert consume(before, "kept", 2) == [b"one", b"two"]


@pytest.mark.kafka
def test_broker_accepts_the_largest_record(servers: Servers):
    create_topic(brokers(servers), "large")
    produce(brokers(servers), "large", b"x" * (17 << 20))

    (value,) = consume(brokers(servers), "large", 1, **{"fetch.message.max.bytes": 20 << 20})
    assert value is not None
    assert len(value) == 17 << 20


@pytest.mark.kafka
@pytest.mark.parametrize(
    "group",
    [
        {"group.protocol": "classic", "session.timeout.ms": 500, "heartbeat.interval.ms": 100},
        {"group.protocol": "consumer"},
    ],
    ids=lambda group: group["group.protocol"],
)
def test_both_group_protocols_work(servers: Servers, group: dict[str, object]):
    topic = f"for-{group['group.protocol']}"
    create_topic(brokers(servers), topic)
    produce(brokers(servers), topic, b"here")

    assert consume(brokers(servers), topic, 1, **group) == [b"here"]


@pytest.mark.kafka
def test_topics_are_not_created_automatically(servers: Servers):
    with pytest.raises(KafkaException, match="Unknown topic or partition"):
        consume(brokers(servers), "never-made", 1, **{"allow.auto.create.topics": True})

    assert "never-made" not in AdminClient({"bootstrap.servers": brokers(servers)}).list_topics(timeout=PATIENCE).topics


@pytest.mark.cassandra
def test_killed_node_keeps_acknowledged_writes(servers: Servers, portal: BlockingPortal):
    with session(hosts(servers), ConsistencyLevel.ONE) as cql:
        cql.execute(KEYSPACE.format(1))
        cql.execute("CREATE TABLE try.kept (id int PRIMARY KEY, feeling vector<float, 2>)")
        cql.execute("CREATE INDEX ON try.kept (feeling) USING 'sai'")
        cql.execute("INSERT INTO try.kept (id, feeling) VALUES (1, [0.1, 0.9])")
        assert cql.execute("INSERT INTO try.kept (id, feeling) VALUES (2, [0.9, 0.1]) IF NOT EXISTS").was_applied

    portal.call(servers.kill, "cassandra-1")
    portal.call(servers.restart, "cassandra-1")

    with session(hosts(servers), ConsistencyLevel.ONE) as cql:
        near = cql.execute("SELECT id FROM try.kept ORDER BY feeling ANN OF [1.0, 0.0] LIMIT 1").one()
        assert near.id == 2
        cql.execute("TRUNCATE try.kept")
    node = servers.node("cassandra-1")
    assert list(servers.files(node).data.rglob("snapshots")) == []


@pytest.mark.kafka
@pytest.mark.cassandra
def test_paused_server_is_silent(servers: Servers, portal: BlockingPortal):
    for node in servers.nodes:
        servers.pause(node.name)
    assert set(states(servers, portal).values()) == {State.SILENT}

    for node in servers.nodes:
        servers.resume(node.name)
    portal.call(until_all_are_up, servers)  # one answer is not enough: the broker is fenced for its silence


@pytest.mark.kafka
@pytest.mark.cassandra
def test_three_nodes_survive_the_loss_of_one(tmp_path: Path, portal: BlockingPortal):
    with servers_in(tmp_path, nodes=3) as three:
        create_topic(brokers(three), "kept")
        with session(hosts(three), ConsistencyLevel.QUORUM) as cql:
            cql.execute(KEYSPACE.format(3))
            cql.execute("CREATE TABLE try.kept (id int PRIMARY KEY)")

        portal.call(three.kill, "kafka-2")
        portal.call(three.kill, "cassandra-2")
        produce(brokers(three), "kept", b"one")
        survivors = ",".join(address for address in hosts(three).split(",") if "127.0.0.2" not in address)
        with session(survivors, ConsistencyLevel.QUORUM) as cql:
            assert cql.execute("INSERT INTO try.kept (id) VALUES (1) IF NOT EXISTS").was_applied

        portal.call(three.restart, "kafka-2")
        portal.call(three.restart, "cassandra-2")
        assert set(states(three, portal).values()) == {State.UP}
        with session(hosts(three), ConsistencyLevel.ALL) as cql:
            assert cql.execute("SELECT id FROM try.kept").one().id == 1
        assert consume(brokers(three), "kept", 1) == [b"one"]
    assert set(states(three, portal).values()) == {State.DOWN}


@pytest.mark.kafka
@pytest.mark.cassandra
def test_servers_with_passwords(tmp_path: Path):
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    options = Options(
        kafka_guard={
            "protocol": "SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "plain.sasl.jaas.config": f'{login} user_reader="right";',
        },
        cassandra={"authenticator": "PasswordAuthenticator", "authorizer": "CassandraAuthorizer"},
    )
    sasl = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "reader"}
    with servers_in(tmp_path, options=options) as guarded:
        AdminClient({"bootstrap.servers": guarded.guarded_kafka, **sasl, "sasl.password": "right"}).list_topics(
            timeout=PATIENCE
        )
        refusing = AdminClient({"bootstrap.servers": guarded.guarded_kafka, **sasl, "sasl.password": "wrong"})
        with pytest.raises(KafkaException):
            refusing.list_topics(timeout=2)

        with session(hosts(guarded), ConsistencyLevel.ONE, ("cassandra", "cassandra")) as cql:
            cql.execute("LIST ROLES")
        with pytest.raises(NoHostAvailable) as refused, session(hosts(guarded), 1, ("cassandra", "wrong")):
            pass
        assert isinstance(next(iter(refused.value.errors.values())), AuthenticationFailed)


@pytest.mark.cassandra
def test_failed_start_is_quoted_and_cleaned_up(tmp_path: Path):
    """The log of a server that cannot start is quoted, and no process is left running."""
    options = Options(cassandra={"commitlog_sync": "sideways"})
    with (
        pytest.raises(ServicesFailed, match=r"cassandra-1 ended while it started: .*sideways") as failed,
        servers_in(tmp_path, kafka=False, options=options),
    ):
        pass

    assert "qdpi services logs cassandra-1" in failed.value.next_step


async def test_taken_port_is_named(tmp_path: Path):
    setup = new_setup(Random(1)).with_kinds([Kind.KAFKA], 1, Random(2))
    write_setup(setup, tmp_path / "cluster.json")
    (node,) = setup.nodes
    taken = node.ports["controller"]

    with (
        socket.create_server((node.host, taken)),
        pytest.raises(ServicesFailed, match=f"Port {taken} of 127.0.0.1, which is kafka-1's, is taken"),
    ):
        async with running(tmp_path, cassandra=False):
            pass
