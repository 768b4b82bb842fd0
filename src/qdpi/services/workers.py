"""The actors by name: each service as a worker of its own group, with its middleware around it.

`qdpi run` starts them all in one process, `qdpi worker NAME…` some of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from qdpi.bus.middleware.count import count
from qdpi.bus.middleware.dead_letter import dead_letter
from qdpi.bus.middleware.limit import limit
from qdpi.bus.middleware.retry import GiveUp, or_else, retry
from qdpi.bus.middleware.trace import trace
from qdpi.bus.port import Lag
from qdpi.bus.worker import Handler, Worker
from qdpi.errors import BusUnavailable
from qdpi.events import Ask, IndexUpdate, PageRequest, Press
from qdpi.language.port import LanguageModel
from qdpi.services.enricher import Enricher
from qdpi.services.indexer import Indexer
from qdpi.services.janitor import Janitor
from qdpi.services.page_generator import PageGenerator
from qdpi.services.recorder import RECORDED, Recorder
from qdpi.services.stops import Stops
from qdpi.system import System

if TYPE_CHECKING:
    from qdpi.program import QDPIProgram

FIGURES_INTERVAL: Final = 15.0
log = structlog.get_logger()


class Actor(NamedTuple):
    """A service at work: its loops, the first of which is its work, and how that is asked to end."""

    name: str
    loops: tuple[Callable[[], Awaitable[None]], ...]
    stop: Callable[[], None]


def enricher(system: System, model: LanguageModel) -> Actor:
    """Return the enricher."""
    service = Enricher(system.store, system.catalog, system.publisher)
    return _worker(system, "enricher", (Press.topic, Ask.topic), service, service.refuse_or)


def page_generator(system: System, model: LanguageModel, program: QDPIProgram | None = None) -> Actor:
    """Return the page generator, which hears of every stop before it takes work; `program` writes, if it is given."""
    from qdpi.program import QDPIProgram

    settings = system.settings
    stops = Stops(system.bus, system.backoff)
    service = PageGenerator(
        system.store,
        system.catalog,
        system.publisher,
        program or QDPIProgram(model=model, timeout=settings.model_timeout),
        stops,
        now=system.now,
        metrics=system.metrics,
        backoff=system.backoff,
        slots=asyncio.Semaphore(settings.concurrency),
        retries=settings.model_retries,
        pace=settings.delta_pace,
        shown=system.shown,
    )
    actor = _worker(system, "page_generator", (PageRequest.topic,), service, service.refuse_or)
    work, *others = actor.loops

    async def after_stops() -> None:
        await stops.caught_up.wait()
        await work()

    def stop() -> None:
        actor.stop()
        # Work that still waits for the stops of a bus that is away begins, and ends at once.
        stops.caught_up.set()

    async def warm() -> None:
        # The first ask in words would load the vectors on the event loop, for half a second.
        await asyncio.to_thread(system.embedder.embed, [""])

    return actor._replace(loops=(after_stops, stops.run, warm, *others), stop=stop)


def indexer(system: System, model: LanguageModel) -> Actor:
    """Return the indexer."""
    service = Indexer(system.store, system.publisher, system.embedder)
    return _worker(system, "indexer", (IndexUpdate.topic,), service)


def recorder(system: System, model: LanguageModel) -> Actor:
    """Return the recorder."""
    return _worker(system, "recorder", RECORDED, Recorder(system.store, system.publisher))


def janitor(system: System, model: LanguageModel) -> Actor:
    """Return the janitor."""
    service = Janitor(system.bus, now=system.now)
    return Actor("janitor", (service.run,), service.stop)


ACTORS: Final[dict[str, Callable[[System, LanguageModel], Actor]]] = {
    build.__name__: build for build in (enricher, page_generator, indexer, recorder, janitor)
}
"""How each actor is built, by its name."""


def group_of(name: str) -> str:
    """Return the consumer group of an actor."""
    return f"qdpi.{name}"


def _worker(
    system: System,
    name: str,
    topics: Iterable[str],
    service: Handler,
    refuse_or: Callable[[GiveUp], GiveUp] = lambda give_up: give_up,
) -> Actor:
    group = group_of(name)
    last = dead_letter(system.bus, group=group, now=system.now, metrics=system.metrics)
    give_up = or_else(refuse_or(last), last)
    handler = retry(limit(service), give_up, group=group, backoff=system.backoff, metrics=system.metrics)
    worker = Worker(
        system.bus,
        group,
        topics,
        count(trace(handler, group=group), group=group, metrics=system.metrics),
        backoff=system.backoff,
        settle=system.store.settle,
    )

    async def figures() -> None:
        while True:
            await _measure(system, worker)
            await asyncio.sleep(FIGURES_INTERVAL)

    return Actor(name, (worker.run, figures), worker.stop)


async def _measure(system: System, worker: Worker) -> None:
    metrics, group = system.metrics, worker.group
    metrics.lanes.labels(group).set(worker.lanes)
    metrics.in_flight.labels(group).set(worker.in_flight)
    metrics.paused.labels(group).set(worker.paused)
    try:
        lags = await system.bus.lag(group)
    except BusUnavailable as error:
        log.warning("figures.stand", group=group, cause=error.detail)
        return
    for topic, behind in lag_by_topic(lags, system.now()).items():
        metrics.lag_records.labels(group, topic).set(behind.records)
        metrics.lag_seconds.labels(group, topic).set(behind.seconds)


class Behind(NamedTuple):
    """How far a group is behind on a topic: unread records of all partitions, and the age of the oldest."""

    records: int
    seconds: float


def lag_by_topic(lags: Iterable[Lag], now: datetime) -> dict[str, Behind]:
    """Return how far a group is behind on each topic, of how far it is behind on each partition."""
    found: dict[str, Behind] = {}
    for lag in lags:
        so_far = found.get(lag.partition.topic, Behind(0, 0.0))
        age = (now - lag.since).total_seconds() if lag.since else 0.0
        found[lag.partition.topic] = Behind(so_far.records + lag.records, max(so_far.seconds, age))
    return found


class Company:
    """Actors at work together. If one fails, all end and its error is raised."""

    def __init__(self, actors: Iterable[Actor]) -> None:
        self._actors = tuple(actors)
        self._tasks: dict[asyncio.Task[None], Actor] = {}

    async def run(self) -> None:
        """Run every loop until `stop`, after which the workers finish what they have."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._cancel)
            works = [self._start(actor, actor.loops[0]) for actor in self._actors]
            others = [self._start(actor, loop) for actor in self._actors for loop in actor.loops[1:]]
            pending: set[asyncio.Task[None]] = {*works, *others}
            while any(not work.done() for work in works):
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()

    def stop(self) -> None:
        """Ask every actor to finish what it has and leave."""
        for actor in self._actors:
            actor.stop()

    def _start(self, actor: Actor, loop: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        async def work() -> None:
            await loop()

        task = asyncio.get_running_loop().create_task(work(), name=actor.name)
        self._tasks[task] = actor
        return task

    async def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
