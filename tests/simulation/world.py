"""A simulated world: servers, a network, processes, and a book."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
from tests.simulation.bus import Kafka
from tests.simulation.log import Log
from tests.simulation.loop import SimulatedLoop
from tests.simulation.network import Network, Weather
from tests.simulation.process import Process
from tests.simulation.program import BriskProgram
from tests.simulation.roles import Gateway, Worker
from tests.simulation.store import SimulatedPageStore
from tests.simulation.tables import Tables

from qdpi.bootstrap import build_system, ensure_book
from qdpi.canon.edition import Edition
from qdpi.events import PageEventLayout
from qdpi.language.offline import OfflineWriter
from qdpi.program import QDPIProgram
from qdpi.retry import Backoff
from qdpi.search.document import Document
from qdpi.search.ranking import Hit
from qdpi.search.vectors import Embedder, Matrix
from qdpi.services import enricher, indexer, page_generator, recorder
from qdpi.services.workers import ServiceWorker
from qdpi.settings import Settings
from qdpi.system import System

BEGINNING: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""When every simulation begins."""
_WRITER: Final = OfflineWriter()


def simulated_now() -> datetime:
    """Return the time that the running loop simulates."""
    return BEGINNING + timedelta(seconds=asyncio.get_running_loop().time())


class SmallEmbedder(Embedder):
    """An embedder whose vectors depend on the text alone."""

    dim = 16

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return one vector a text, of shape [n, 16]."""
        rows = [[(crc32(text.encode()) >> shift) % 7 + 1 for shift in range(0, 32, 2)] for text in texts]
        return np.asarray(rows, dtype=np.float32).reshape(len(rows), self.dim)


class AnyPages:
    """A retriever that finds arbitrary pages, the same for the same query."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = documents

    def search(
        self,
        query: str,
        k: int,
        *,
        sections: Collection[int] | None = None,
        semantic: bool = False,
    ) -> list[Hit]:
        """Return the first pages that match, from a position in the ring derived from the query."""
        start = crc32(query.encode()) % len(self._documents)
        turned = (*self._documents[start:], *self._documents[:start])
        fit = [each for each in turned if sections is None or each.section in sections]
        return [Hit(document, 1.0 / place, ("any",)) for place, document in enumerate(fit[:k], start=1)]


class Book(NamedTuple):
    """The book of every simulation: the canon's tables and its edition, loaded once."""

    tables: Tables
    edition: Edition
    brisk: Edition
    """The same with a retriever that does not search."""
    embedder: Embedder


@cache
def book() -> Book:
    """Return the project's own book, ingested into a simulated store."""
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(_ingested())
    finally:
        loop.close()


async def _ingested() -> Book:
    tables, network = Tables(), Network(Random(0))
    kafka = Kafka(Log(simulated_now), network)
    system = build_system(
        Settings(data_dir=Path("nowhere")),
        bus=kafka.client(),
        store=SimulatedPageStore(tables, network),
        now=simulated_now,
        embedder=SmallEmbedder(),
    )
    await ensure_book(system)
    edition = await system.editions.current()
    # Learnt on a thread at the first page otherwise, which only the first world of a process would see.
    edition.measures.learn()
    edition.cards.learn()
    edition.voice_words.learn()
    brisk = replace(edition, retriever=AnyPages(edition.index.documents))  # type: ignore[arg-type]
    return Book(tables, edition, brisk, system.embedder)


class Terms(NamedTuple):
    """Parameters of a world."""

    weather: Weather
    partitions: int
    layout: PageEventLayout
    pace: float
    """The longest time of a piece of a page, in seconds."""
    model_fails: float
    whole_program: bool
    """Whether pages are written by the real program and the offline writer, at twenty times the cost."""
    concurrency: int
    crowded: bool
    """Whether several workers share one reader and a topic gains partitions meanwhile, so that workers race."""
    skew: float
    """The largest difference between clocks, in seconds."""


class World:
    """Servers, a network, and the processes on them."""

    def __init__(self, chance: Random, terms: Terms) -> None:
        self.chance, self.terms = chance, terms
        self.network = Network(chance, terms.weather)
        self.tables = book().tables.copy()
        self.kafka = Kafka(Log(simulated_now, terms.partitions), self.network)
        self.workers: list[Worker] = []
        self.gateways: list[Gateway] = []
        self.processes: list[Process] = []
        self.plain_bus = self.kafka.client()
        self.plain_store = SimulatedPageStore(self.tables, self.network)

    def _system(self, process: Process) -> System:
        skew = timedelta(seconds=self.chance.uniform(-self.terms.skew, self.terms.skew))
        number = len(self.processes)

        def new_id() -> str:
            return f"{number}-{self.chance.getrandbits(64):016x}"

        system = build_system(
            Settings(
                data_dir=Path("nowhere"),
                page_events=self.terms.layout,
                concurrency=self.terms.concurrency,
                model="offline",
            ),
            bus=self.kafka.client(process),
            store=self.store(process),
            now=lambda: simulated_now() + skew,
            new_id=new_id,
            backoff=Backoff(first=0.01, most=0.5, chance=self.chance.random),
            embedder=book().embedder,
        )
        system.editions._editions[1] = book().edition if self.terms.whole_program else book().brisk
        return system

    def store(self, process: Process) -> SimulatedPageStore:
        """Return the store of a process."""
        return SimulatedPageStore(self.tables, self.network, process)

    def add_worker(self) -> Worker:
        """Start a process that runs every service."""
        worker = Worker(f"worker-{len(self.processes)}")
        self.processes.append(worker)
        self.workers.append(worker)
        worker.run(self.services)
        return worker

    def add_gateway(self) -> Gateway:
        """Start a gateway."""
        gateway = Gateway(f"gateway-{len(self.processes)}")
        self.processes.append(gateway)
        self.gateways.append(gateway)
        gateway.context().run(lambda: gateway.run(self._system(gateway)))
        return gateway

    def services(self, process: Process) -> list[ServiceWorker]:
        """Return the services that a process runs."""
        system = self._system(process)
        return [
            enricher.build(system, _WRITER),
            page_generator.build(system, _WRITER, self._program()),
            indexer.build(system, _WRITER),
            recorder.build(system, _WRITER),
        ]

    def _program(self) -> QDPIProgram:
        if self.terms.whole_program:
            return QDPIProgram(model=_WRITER)
        return BriskProgram(_WRITER, self.chance, pace=self.terms.pace, fails=self.terms.model_fails)

    def living(self, kind: str) -> list[Process]:
        """Return the living processes of a kind: `workers` or `gateways`."""
        processes: list[Process] = getattr(self, kind)
        return [process for process in processes if process.alive]
