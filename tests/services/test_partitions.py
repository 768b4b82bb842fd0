"""Partitions are added only after all groups have processed every record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.repair.repair_suite import read_past

from qdpi.bootstrap import build_bus
from qdpi.bus.port import EventBus, Message, Partition, TopicState
from qdpi.errors import InvalidInput
from qdpi.events import TOPICS, Ask, IndexUpdate, Press
from qdpi.services.partitions import NotDrained, add_partitions, topics_to_grow
from qdpi.settings import Settings, load_settings
from qdpi.system import random_id, utc_now


def states(topic: str, partitions: int) -> list[TopicState]:
    return [TopicState(Partition(topic, number), 0, 0) for number in range(partitions)]


def test_topics_to_grow():
    """Our topics with fewer partitions grow; page topics and foreign topics do not."""
    there = [
        *states(Press.topic, 2),
        *states(Ask.topic, 4),
        *states("gibsey.page.S01", 1),
        *states("gibsey.page.S01.P0007.events", 1),
        *states("somebody.elses", 1),
    ]

    assert topics_to_grow(there, 4) == ["gibsey.page.S01", "gibsey.ui.symbol"]
    assert topics_to_grow(there, 1) == []


async def test_add_partitions_is_refused_by_the_embedded_bus(tmp_path: Path):
    bus = build_bus(Settings(data_dir=tmp_path), utc_now)
    await bus.open()
    await bus.publish(Message(Press.topic, b"s", b"{}"))
    try:
        with pytest.raises(InvalidInput, match="one partition"):
            await add_partitions(bus, 2, wait=60, progress=lambda left: pytest.fail("it waited"))
    finally:
        await bus.close()


@pytest.mark.kafka
async def test_add_partitions_drains_kafka_first(kafka_environment: dict[str, str]):
    """Kafka's topics grow once every group has committed all records."""
    environment = {**kafka_environment, "KAFKA_PREFIX": f"grow-{random_id()[:8]}.", "KAFKA_PARTITIONS": "1"}
    bus = build_bus(load_settings(environment), utc_now)
    await bus.open()
    result: list[dict[str, int]] = []
    try:
        await bus.create_topics(TOPICS.values())
        await bus.publish(Message(Press.topic, b"s", b"{}"))
        await bus.publish(Message(IndexUpdate.topic, b"p", b"{}"))

        with pytest.raises(NotDrained, match=r"qdpi\.enricher has 1.*qdpi\.indexer has 1.*Nothing was changed"):
            await add_partitions(bus, 3, wait=0, progress=lambda left: result.append(dict(left)))
        assert await partitions(bus) == {1}
        assert result[0]["qdpi.enricher"] == 1

        await read_past(bus, "qdpi.enricher", (Press.topic, Ask.topic))
        await read_past(bus, "qdpi.recorder", (Press.topic,))
        await read_past(bus, "qdpi.indexer", (IndexUpdate.topic,))
        grown = await add_partitions(bus, 3, wait=10, progress=lambda left: None)

        assert sorted(grown) == sorted(TOPICS)
        assert await partitions(bus) == {3}
        assert await add_partitions(bus, 3, wait=0, progress=lambda left: None) == []
    finally:
        await bus.delete_topics(TOPICS)
        await bus.close()


async def partitions(bus: EventBus) -> set[int]:
    return set(Counter(state.partition.topic for state in await bus.topics()).values())
