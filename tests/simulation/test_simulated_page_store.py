"""The simulated page store keeps the ports' contract; otherwise a simulation on it would prove nothing."""

from __future__ import annotations

from random import Random

import pytest
from tests.contract.page_store.rig import Connect
from tests.contract.page_store_suite import PageStoreSuite
from tests.simulation.network import Network, Weather
from tests.simulation.rig import Client
from tests.simulation.store import SimulatedPageStore
from tests.simulation.tables import Tables

from qdpi.store.ports import PageStore


class TestSimulatedPageStore(PageStoreSuite):
    """The behaviour suite, without and with a network delay."""

    @pytest.fixture(params=[0.0, 0.01], ids=["at once", "over a network"])
    def connect(self, request: pytest.FixtureRequest) -> Connect:
        tables, network = Tables(), Network(Random("a store"), Weather(leg=request.param))

        async def another() -> PageStore:
            return SimulatedPageStore(tables, network, Client())

        return another
