"""The Kafka bus passes the suite, with either protocol of groups, and what is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.bus.kafka import KafkaRig
from tests.contract.event_bus_suite import EventBusSuite

pytestmark = pytest.mark.kafka


@pytest.fixture(params=[("consumer", "1"), ("classic", "3")], ids="-".join)
async def rig(kafka_environment: dict[str, str], request: pytest.FixtureRequest) -> AsyncIterator[KafkaRig]:
    groups, partitions = request.param
    rig = KafkaRig(kafka_environment, KAFKA_GROUPS=groups, KAFKA_PARTITIONS=partitions, KAFKA_SESSION_TIMEOUT="1")
    yield rig
    await rig.close()


class TestKafkaEventBus(EventBusSuite):
    """The behaviour suite on Kafka."""
