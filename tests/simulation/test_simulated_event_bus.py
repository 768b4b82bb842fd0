"""The simulated event bus keeps the port's contract: without that, what is simulated on it proves nothing.

`ProcessesSuite` alone is left out: it is about real processes, and a simulation has none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.contract.event_bus_suite import EventBusSuite
from tests.simulation.rig import SimulatedRig


@pytest.fixture(params=[(1, 0.0), (3, 0.0), (3, 0.01)], ids=["one partition", "three", "three over a network"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[SimulatedRig]:
    rig = SimulatedRig(*request.param)
    yield rig
    await rig.close()


class TestSimulatedEventBus(EventBusSuite):
    """The behaviour suite in simulated time."""

    test_what_another_process_publishes_is_seen_by_a_tap_and_a_member = None  # type: ignore[assignment]
    test_what_a_killed_member_had_not_committed_comes_to_the_next_and_nothing_else = None  # type: ignore[assignment]
    test_whatever_a_killed_publisher_saw_acknowledged_is_there = None  # type: ignore[assignment]
