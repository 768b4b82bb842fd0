"""Plain clients of the servers, to test their behaviour instead of their configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import FallthroughRetryPolicy, RoundRobinPolicy
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

PATIENCE = 60.0


def create_topic(brokers: str, topic: str, **config: str) -> None:
    """Create a topic with one partition and the brokers' default replication."""
    admin = AdminClient({"bootstrap.servers": brokers})
    made = admin.create_topics([NewTopic(topic, 1, config=config)], request_timeout=PATIENCE)
    made[topic].result(PATIENCE)


def produce(brokers: str, topic: str, *values: bytes, **config: Any) -> None:
    """Produce records, and return when the brokers have acknowledged all."""
    producer = Producer({"bootstrap.servers": brokers, "message.max.bytes": 20 << 20, "acks": "all", **config})
    outcomes: list[KafkaError | None] = []
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: outcomes.append(error))
    producer.flush(PATIENCE)
    assert outcomes == [None] * len(values)


def consume(brokers: str, topic: str, count: int, **config: Any) -> list[bytes | None]:
    """Return the first so many values of a topic."""
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": f"{topic}-readers", "auto.offset.reset": "earliest", **config}
    )
    try:
        consumer.subscribe([topic])
        records = [consumer.poll(PATIENCE) for _ in range(count)]
    finally:
        consumer.close()
    values: list[bytes | None] = []
    for record in records:
        assert record is not None
        if record.error() is not None:
            raise KafkaException(record.error())
        values.append(record.value())
    return values


@contextmanager
def session(hosts: str, consistency: int, user: tuple[str, str] | None = None) -> Iterator[Session]:
    """A session of Cassandra's driver without retries."""
    addresses = [address.partition(":") for address in hosts.split(",")]
    profile = ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(),
        retry_policy=FallthroughRetryPolicy(),
        consistency_level=consistency,
        request_timeout=PATIENCE,
    )
    cluster = Cluster(
        [host for host, _, _ in addresses],
        port=int(addresses[0][2]),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        protocol_version=5,
        auth_provider=PlainTextAuthProvider(*user) if user else None,
        control_connection_timeout=PATIENCE,
        connect_timeout=PATIENCE,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()
