"""The simulated event bus keeps the port's contract; otherwise a simulation on it would prove nothing.

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

    test_records_of_another_process_are_delivered = None  # type: ignore[assignment]
    test_killed_member_redelivers_uncommitted_records = None  # type: ignore[assignment]
    test_acknowledged_records_survive_their_publisher = None  # type: ignore[assignment]
