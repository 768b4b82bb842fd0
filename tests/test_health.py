"""Health checks of Kafka and Cassandra."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.keyspace import keyspace

from qdpi.bootstrap import build_bus, build_store
from qdpi.bus.kafka.diagnostics import copies as copies_of_topics
from qdpi.bus.kafka.diagnostics import properties, session_timeout
from qdpi.events import TOPICS
from qdpi.health import Diagnosable, Health, HealthCheck
from qdpi.settings import KafkaGroups, Settings, load_settings
from qdpi.store.cassandra.diagnostics import clocks, replicas
from qdpi.system import random_id, utc_now


def topic(replicas: int, in_sync: int) -> Any:
    return SimpleNamespace(partitions=[SimpleNamespace(replicas=range(replicas), isr=range(in_sync))])


def healths(checks: Any) -> list[Health]:
    return [check.health for check in checks]


def test_topics_with_replicas_behind_are_named():
    (behind, enough) = copies_of_topics({"a": topic(3, 2), "b": topic(3, 3)}, 3, None)

    assert (behind.health, enough.health) == (Health.WARN, Health.OK)
    assert behind.detail == "Replicas are offline or out of sync for a."


@pytest.mark.parametrize(
    ("brokers", "wanted", "health"),
    [(1, None, Health.OK), (3, None, Health.WARN), (1, 1, Health.OK), (3, 3, Health.WARN)],
)
def test_one_replica_is_enough_only_on_one_broker(brokers: int, wanted: int | None, health: Health):
    assert healths(copies_of_topics({"a": topic(1, 1)}, brokers, wanted)) == [health]


def test_topic_properties_that_differ_are_shown():
    due = {"a": {"retention.ms": "1000"}, "b": {"retention.ms": "5"}}

    (check,) = properties({"a": {"retention.ms": "9", "else": "1"}, "b": {"retention.ms": "5"}}, due)

    detail, step = "a: retention.ms is 9 and should be 1000.", "Change it with Kafka's kafka-configs."
    assert check == HealthCheck(Health.WARN, detail, step)
    assert healths(properties({"a": due["a"], "b": due["b"]}, due)) == [Health.OK]


def test_session_timeout_below_the_brokers_minimum_fails():
    broker = {"group.min.session.timeout.ms": "6000"}

    (refused,) = session_timeout(Settings(kafka_session_timeout=2), broker)

    assert refused.health is Health.FAIL
    assert "KAFKA_SESSION_TIMEOUT to 6 or more" in refused.next_step
    assert healths(session_timeout(Settings(kafka_session_timeout=6), broker)) == [Health.OK]
    assert healths(session_timeout(Settings(kafka_groups=KafkaGroups.CONSUMER), broker)) == []
    assert healths(session_timeout(Settings(kafka_session_timeout=2), {})) == []


@pytest.mark.parametrize(
    ("factor", "nodes", "expected"),
    [
        (1, 1, []),
        (3, 3, []),
        (1, 3, [Health.WARN]),
        (3, 2, [Health.WARN]),
        (3, 1, [Health.FAIL]),
        (2, 0, [Health.FAIL]),
    ],
)
def test_replication_factor_against_nodes(factor: int, nodes: int, expected: list[Health]):
    assert healths(replicas({"dc": factor}, {"dc": nodes})) == expected


def test_clocks_that_differ_are_named():
    assert healths(clocks({"a": 0.2, "b": -0.4})) == [Health.OK]
    (check,) = clocks({"a": 0.2, "b": -1.5, "c": None})
    assert check.health is Health.WARN
    assert "b by -1.5 s" in check.detail
    assert list(clocks({"a": None})) == []


@pytest.mark.kafka
async def test_fresh_kafka_passes_all_checks(kafka_environment: dict[str, str]):
    environment = {**kafka_environment, "KAFKA_PREFIX": f"well-{random_id()[:8]}.", "KAFKA_PARTITIONS": "1"}
    bus = build_bus(load_settings(environment), utc_now)
    await bus.open()
    try:
        await bus.create_topics(TOPICS.values())
        assert isinstance(bus, Diagnosable)
        result = await bus.diagnose()
    finally:
        await bus.delete_topics(TOPICS)
        await bus.close()
    assert set(healths(result)) == {Health.OK}
    assert f"{len(TOPICS)} topics are configured as they should be." in [check.detail for check in result]


@pytest.mark.cassandra
async def test_fresh_cassandra_passes_all_checks(cassandra_environment: dict[str, str]):
    with keyspace(cassandra_environment) as space:
        store = build_store(space.settings)
        await store.open()
        try:
            assert isinstance(store, Diagnosable)
            result = await store.diagnose()
        finally:
            await store.close()
    assert set(healths(result)) == {Health.OK}
    assert len(result) == 3
