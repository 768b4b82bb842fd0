"""The flow tests run twice: on the embedded bus and store, and on a real Kafka and a real Cassandra."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from tests.support.flow import Flow
from tests.support.flow import working as embedded
from tests.support.keyspace import Keyspace, keyspace

Working = Callable[..., AbstractAsyncContextManager[Flow]]
"""`tests.support.flow.working`, on the bus and the store of the test's parameter."""


@pytest.fixture(
    params=["embedded", pytest.param("kafka and cassandra", marks=[pytest.mark.kafka, pytest.mark.cassandra])]
)
def working(request: pytest.FixtureRequest) -> Iterator[Working]:
    """Run a system on the bus and the store of the test's parameter."""
    if request.param == "embedded":
        yield embedded
        return
    space: Keyspace = request.getfixturevalue("space")
    space.empty()
    brokers = request.getfixturevalue("kafka_environment")
    prefix = f"flow-{uuid4().hex[:8]}-"
    yield partial(
        embedded, environment={**space.environment, **brokers, "KAFKA_PREFIX": prefix, "KAFKA_PARTITIONS": "3"}
    )
    _delete_topics(brokers["KAFKA_BROKERS"], prefix)


@pytest.fixture(scope="session")
def space(cassandra_environment: dict[str, str]) -> Iterator[Keyspace]:
    """A keyspace for all flow tests, one after another."""
    with keyspace(cassandra_environment) as made:
        yield made


def _delete_topics(brokers: str, prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": brokers})
    names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    for deleted in admin.delete_topics(names).values() if names else ():
        deleted.result()
