"""The contract of every event bus, written against the port alone.

An adapter's tests are a class that inherits `EventBusSuite` and overrides the fixture `rig`. Nothing here
assumes one partition a topic, a first offset of 0, or an order between keys.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.contract.bus.administration import AdministrationSuite
from tests.contract.bus.groups import OffsetsSuite, TakeoverSuite
from tests.contract.bus.processes import ProcessesSuite
from tests.contract.bus.publishing import PublishingSuite
from tests.contract.bus.rig import BusRig, Client, make_topic
from tests.contract.bus.taps import TapsSuite

from qdpi.bus.port import EventBus


class BusFixtures:
    """The fixtures of the suites, made from an adapter's `rig`."""

    @pytest.fixture
    async def bus(self, rig: BusRig) -> EventBus:
        return await rig.client()

    @pytest.fixture
    def another_client(self, rig: BusRig) -> Client:
        return rig.client

    @pytest.fixture
    async def topic(self, bus: EventBus) -> str:
        return await make_topic(bus)

    @pytest.fixture
    async def other_topic(self, bus: EventBus) -> str:
        return await make_topic(bus)

    @pytest.fixture
    def group(self) -> str:
        return f"group-{uuid4().hex[:12]}"


class EventBusSuite(
    BusFixtures, PublishingSuite, OffsetsSuite, TakeoverSuite, TapsSuite, AdministrationSuite, ProcessesSuite
):
    """The behaviour of an `EventBus`."""
