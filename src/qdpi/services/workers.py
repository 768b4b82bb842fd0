"""Workers: each service in its consumer group, with the middleware around its handler.

`qdpi run` starts them all in one process, `qdpi worker NAME…` some of them. The topology names them; the module
`qdpi.services.NAME` builds each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import datetime
from importlib import import_module
from typing import Final, NamedTuple

import structlog

from qdpi.bus.middleware.count import count
from qdpi.bus.middleware.dead_letter import dead_letter
from qdpi.bus.middleware.limit import limit
from qdpi.bus.middleware.retry import GiveUp, or_else, retry
from qdpi.bus.middleware.trace import trace
from qdpi.bus.port import Lag
from qdpi.bus.worker import Handler, Worker
from qdpi.errors import BusUnavailable
from qdpi.language.port import LanguageModel
from qdpi.system import System
from qdpi.topology import WORKERS, Component

LAG_INTERVAL: Final = 15.0
"""The time between two measurements of a group's lag, in seconds."""
log = structlog.get_logger()


class ServiceWorker(NamedTuple):
    """A service ready to run: its loops, of which the first is its work, and what asks that one to end."""

    name: str
    loops: tuple[Callable[[], Awaitable[None]], ...]
    stop: Callable[[], None]


def build_worker(name: str, system: System, model: LanguageModel) -> ServiceWorker:
    """Return the worker that the topology names."""
    module = import_module(f"qdpi.services.{WORKERS[name].name}")
    worker: ServiceWorker = module.build(system, model)
    return worker


def consume(
    system: System,
    component: Component,
    service: Handler,
    refuse_or: Callable[[GiveUp], GiveUp] = lambda give_up: give_up,
) -> ServiceWorker:
    """Return a worker that has a service handle the records of a component's topics.

    A record that cannot be handled becomes a dead letter, unless `refuse_or` ends it otherwise.
    """
    group = component.group
    redact = system.settings.redact
    last = dead_letter(system.bus, group=group, now=system.now, metrics=system.metrics, redact=redact)
    give_up = or_else(refuse_or(last), last)
    handler = retry(limit(service), give_up, group=group, backoff=system.backoff, metrics=system.metrics)
    worker = Worker(
        system.bus,
        group,
        component.topics,
        count(trace(handler, group=group), group=group, metrics=system.metrics),
        backoff=system.backoff,
        settle=system.store.settle,
    )

    async def measure() -> None:
        while True:
            await _measure(system, worker)
            await asyncio.sleep(LAG_INTERVAL)

    return ServiceWorker(component.name, (worker.run, measure), worker.stop)


async def _measure(system: System, worker: Worker) -> None:
    metrics, group = system.metrics, worker.group
    metrics.lanes.labels(group).set(worker.lanes)
    metrics.in_flight.labels(group).set(worker.in_flight)
    metrics.paused.labels(group).set(worker.paused)
    try:
        lags = await system.bus.lag(group)
    except BusUnavailable as error:
        log.warning("metrics.dependency_unavailable", group=group, cause=error.detail)
        return
    for topic, behind in lag_by_topic(lags, system.now()).items():
        metrics.lag_records.labels(group, topic).set(behind.records)
        metrics.lag_seconds.labels(group, topic).set(behind.seconds)


class Behind(NamedTuple):
    """A group's lag on a topic: unread records of all partitions, and the age of the oldest in seconds."""

    records: int
    seconds: float


def lag_by_topic(lags: Iterable[Lag], now: datetime) -> dict[str, Behind]:
    """Return how far a group is behind on each topic, from its lag on each partition."""
    found: dict[str, Behind] = {}
    for lag in lags:
        so_far = found.get(lag.partition.topic, Behind(0, 0.0))
        age = (now - lag.since).total_seconds() if lag.since else 0.0
        found[lag.partition.topic] = Behind(so_far.records + lag.records, max(so_far.seconds, age))
    return found


class WorkerGroup:
    """Workers that run together. If one fails, all end and its error is raised."""

    def __init__(self, workers: Iterable[ServiceWorker]) -> None:
        self._workers = tuple(workers)
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Run every loop until `stop`, after which the workers finish what they have."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._cancel)
            works = [self._start(worker.name, worker.loops[0]) for worker in self._workers]
            others = [self._start(worker.name, loop) for worker in self._workers for loop in worker.loops[1:]]
            pending: set[asyncio.Task[None]] = {*works, *others}
            while any(not work.done() for work in works):
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()

    def stop(self) -> None:
        """Ask every worker to finish what it has and leave its group."""
        for worker in self._workers:
            worker.stop()

    def _start(self, name: str, loop: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        async def work() -> None:
            await loop()

        task = asyncio.get_running_loop().create_task(work(), name=name)
        self._tasks.append(task)
        return task

    async def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
