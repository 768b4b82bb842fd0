"""Chaos cluster: gateways, workers killed on a seeded schedule, and readers that must see no anomaly."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import httpx
from tests.chaos.terms import Disruption, Terms, deaths, disruptions
from tests.faults.forked_workers import ForkedWorker, ForkServer, fork_server
from tests.faults.qdpi_process import QdpiProcess
from tests.faults.readers import Reader

from qdpi.cluster import Kind, Servers

GENERATOR: Final = ("page_generator",)
SUPPORT: Final = ("enricher", "recorder", "indexer")
SUSPENDED: Final = 2.5
"""Session timeouts for which a zombie is suspended."""
WITHOUT_KILLS: Final = (Disruption.ZOMBIE, Disruption.JOIN_AND_LEAVE)
MOST_PAUSE: Final = 0.5
UNDER_WAY: Final = 20
"""Answered presses before servers and gateways begin to fail."""
MOST_WAVES: Final = 40


class ChaosCluster:
    """Gateways, workers and readers on real servers, and the faults injected so far."""

    def __init__(
        self,
        terms: Terms,
        servers: Servers,
        environment: Mapping[str, str],
        directory: Path,
        report: Callable[[str], None],
    ) -> None:
        self.terms, self.servers, self.environment = terms, servers, environment
        self.happened: Counter[str] = Counter()
        self.readers: list[Reader] = []
        self.gateways = [QdpiProcess(directory, "serve", environment) for _ in range(2)]
        self._chance = random.Random(terms.seed + 2)
        self._deaths = deaths(terms)
        self._to_come = Counter(self._deaths)
        self._seeds = iter(range(terms.seed * 1_000, terms.seed * 1_000 + 100_000))
        self._generators: set[ForkedWorker] = set()
        self._support: ForkedWorker | None = None
        self._over = asyncio.Event()
        self._under_way = asyncio.Event()
        self._report = report

    @property
    def kills(self) -> int:
        """The number of killed processes."""
        return sum(times for what, times in self.happened.items() if what not in WITHOUT_KILLS)

    async def live(self, settled: Callable[[], Awaitable[None]]) -> None:
        """Press wave after wave until every death and disruption has happened and every press is answered.

        The processes run until `settled` returns.
        """
        async with AsyncExitStack() as stack:
            for gateway in self.gateways:
                await gateway.start()
                stack.push_async_callback(gateway.end, signal.SIGTERM)
            server = await stack.enter_async_context(fork_server())
            self._support = await self._fork(server, SUPPORT)
            async with asyncio.TaskGroup() as tasks:
                slots = [tasks.create_task(self._generate(server)) for _ in range(self.terms.generators)]
                await self._waves(tasks.create_task(self._disrupt(server)))
                await settled()
                self._over.set()
                for slot in slots:
                    await slot
            await self._support.end(signal.SIGTERM)

    async def _waves(self, disrupting: asyncio.Task[None]) -> None:
        for wave in range(MOST_WAVES):
            if disrupting.done() and not self._to_come:
                return
            async with AsyncExitStack() as stack:
                # With bounded connections the streams could take them all, and every press would wait for one.
                unbounded = httpx.Limits(max_connections=None)
                clients = [
                    await stack.enter_async_context(
                        httpx.AsyncClient(base_url=gateway.url, timeout=60.0, limits=unbounded)
                    )
                    for gateway in self.gateways
                ]
                readers = [
                    Reader(
                        clients[number % len(clients)],
                        f"wave-{wave}-{number}",
                        self.terms.presses,
                        random.Random(self._chance.random()),
                        self._progress,
                    )
                    for number in range(self.terms.journeys)
                ]
                self.readers += readers
                async with asyncio.TaskGroup() as reading:
                    for reader in readers:
                        reading.create_task(reader.read())
            self._report(f"{self._answered} answered; wave {wave + 1} is over")
        raise AssertionError(f"After {MOST_WAVES} waves these deaths had not happened: {sorted(self._to_come)}")

    async def _generate(self, server: ForkServer) -> None:
        """Keep one generator running; each new one is killed at the next kill point of the schedule."""
        while not self._over.is_set():
            fault = self._deaths.pop(0) if self._deaths else None
            worker = await self._fork(server, GENERATOR, fault)
            self._generators.add(worker)
            await self._until_over_or(worker.dead)
            self._generators.discard(worker)
            if not worker.dead.done():
                await worker.end(signal.SIGTERM)
            elif fault is not None:
                self._note(fault)
                self._to_come -= Counter([fault])

    @property
    def _answered(self) -> int:
        return sum(len(reader.seqs) for reader in self.readers)

    def _progress(self) -> None:
        if self._answered >= UNDER_WAY:
            self._under_way.set()

    def _note(self, what: str) -> None:
        self.happened[what] += 1
        self._report(f"{self._answered} answered; {what}")

    async def _until_over_or(self, dead: asyncio.Future[Any]) -> None:
        over: asyncio.Future[Any] = asyncio.ensure_future(self._over.wait())
        await asyncio.wait([over, dead], return_when=asyncio.FIRST_COMPLETED)
        over.cancel()

    async def _disrupt(self, server: ForkServer) -> None:
        await self._under_way.wait()
        for disruption in disruptions(self.terms):
            await asyncio.sleep(self._chance.random() * MOST_PAUSE)
            await self._happen(disruption, server)
            self._note(disruption)

    async def _happen(self, disruption: Disruption, server: ForkServer) -> None:
        match disruption:
            case Disruption.ZOMBIE:
                await self._zombie()
            case Disruption.JOIN_AND_LEAVE:
                guest = await self._fork(server, GENERATOR)
                await guest.end(signal.SIGTERM)
            case Disruption.SUPPORT:
                assert self._support is not None
                await self._support.end(signal.SIGKILL)
                self._support = await self._fork(server, SUPPORT)
            case Disruption.GATEWAY:
                gateway = self._chance.choice(self.gateways)
                await gateway.end(signal.SIGKILL)
                await gateway.start()
            case Disruption.BROKER:
                await self._again(Kind.KAFKA)
            case Disruption.NODE:
                await self._again(Kind.CASSANDRA)

    async def _zombie(self) -> None:
        worker = self._chance.choice(sorted(self._generators, key=lambda worker: worker.pid))
        worker.send_signal(signal.SIGSTOP)
        await asyncio.sleep(SUSPENDED * float(self.environment["KAFKA_SESSION_TIMEOUT"]))
        worker.send_signal(signal.SIGCONT)

    async def _again(self, kind: Kind) -> None:
        name = f"{kind}-{self._chance.randint(1, self.terms.nodes)}"
        await self.servers.kill(name)
        await self.servers.restart(name)

    async def _fork(self, server: ForkServer, workers: tuple[str, ...], fault: str | None = None) -> ForkedWorker:
        return await server.worker(self.environment, workers=workers, fault=fault, seed=next(self._seeds))
