from __future__ import annotations

import pytest

from qdpi.cluster import Kind, Node
from qdpi.cluster.readiness import is_answering


def node_at(kind: Kind, address: str, port: str) -> Node:
    host, _, number = address.partition(",")[0].partition(":")
    return Node(kind, 1, host, {port: int(number)})


@pytest.mark.kafka
async def test_kafka_fixture_answers(kafka_environment: dict[str, str]):
    assert await is_answering(node_at(Kind.KAFKA, kafka_environment["KAFKA_BROKERS"], "open"))


@pytest.mark.cassandra
async def test_cassandra_fixture_answers(cassandra_environment: dict[str, str]):
    assert await is_answering(node_at(Kind.CASSANDRA, cassandra_environment["CASSANDRA_HOSTS"], "native"))
