"""The simulated adapters as fixtures for the ports' contract suites."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

from tests.simulation.bus import Kafka, SimulatedBus
from tests.simulation.log import Log
from tests.simulation.network import Network, Weather

from qdpi.bus.port import EventBus

BEGINNING = datetime(2026, 11, 1, tzinfo=UTC)


def simulated_now() -> datetime:
    """Return the time that the running loop simulates."""
    return BEGINNING + timedelta(seconds=asyncio.get_running_loop().time())


class Client:
    """A process without faults."""

    name = "client"
    alive = True
    frozen = False

    def called(self, name: str) -> None:
        """Do nothing."""


class SimulatedRig:
    """Clients of one simulated Kafka, each its own process."""

    def __init__(self, partitions: int, leg: float) -> None:
        network = Network(Random("a bus"), Weather(leg=leg))
        self._kafka = Kafka(Log(simulated_now, partitions), network)
        self._clients: list[SimulatedBus] = []

    async def client(self) -> EventBus:
        self._clients.append(self._kafka.client(Client()))
        return self._clients[-1]

    async def cut_off(self, bus: EventBus) -> None:
        assert isinstance(bus, SimulatedBus)
        bus.cut_off()

    def child(self) -> tuple[str, str]:
        raise NotImplementedError("A simulated bus lives in one real process.")

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
