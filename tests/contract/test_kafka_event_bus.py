"""The Kafka bus: the contract suite with both group protocols. With KIP-848 most of it is slow."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.bus.groups import OffsetsSuite, TakeoverSuite
from tests.contract.bus.kafka import KafkaRig
from tests.contract.event_bus_suite import BusFixtures, EventBusSuite

pytestmark = pytest.mark.kafka


class _ClassicGroups:
    @pytest.fixture
    async def rig(self, kafka_environment: dict[str, str]) -> AsyncIterator[KafkaRig]:
        rig = KafkaRig(kafka_environment, KAFKA_GROUPS="classic", KAFKA_PARTITIONS="3", KAFKA_SESSION_TIMEOUT="1")
        yield rig
        await rig.close()


class _ConsumerGroups:
    @pytest.fixture
    async def rig(self, kafka_environment: dict[str, str]) -> AsyncIterator[KafkaRig]:
        rig = KafkaRig(kafka_environment, KAFKA_GROUPS="consumer", KAFKA_PARTITIONS="1", KAFKA_SESSION_TIMEOUT="1")
        yield rig
        await rig.close()


class TestKafkaEventBus(_ClassicGroups, EventBusSuite):
    """The behaviour suite on Kafka, with classic groups."""


class TestKafkaConsumerGroups(_ConsumerGroups, BusFixtures, OffsetsSuite, TakeoverSuite):
    """The suites about groups, with KIP-848 groups."""


@pytest.mark.long
class TestKafkaEventBusWithConsumerGroups(_ConsumerGroups, EventBusSuite):
    """The whole contract suite, with KIP-848 groups."""
