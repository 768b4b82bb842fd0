"""The group of workers: it stops also during outages, and a failing worker ends it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qdpi.bootstrap import build_system, build_workers, opened
from qdpi.bus.port import Lag, Partition
from qdpi.errors import BusUnavailable
from qdpi.language.offline import OfflineWriter
from qdpi.retry import Backoff
from qdpi.services.workers import Behind, ServiceWorker, WorkerGroup, lag_by_topic
from qdpi.settings import Settings
from qdpi.topology import WORKERS


class UnavailableBus:
    """A bus in an outage; `asked` is set at its first call."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        def ask(*arguments: Any, **options: Any) -> Any:
            self.asked.set()
            raise BusUnavailable("The bus does not answer.")

        return ask


@pytest.mark.parametrize("name", WORKERS)
async def test_worker_stops_during_a_bus_outage(name: str, tmp_path: Path) -> None:
    """A worker can be stopped during an outage of its bus."""
    built = build_system(Settings(data_dir=tmp_path), backoff=Backoff(first=0.001, most=0.001))
    unavailable = UnavailableBus()
    async with asyncio.timeout(60), opened(built) as system:
        group = build_workers(replace(system, bus=unavailable), [name], OfflineWriter())
        working = asyncio.create_task(group.run())
        await unavailable.asked.wait()
        group.stop()
        await working


def test_worker_group_names() -> None:
    """A consumer group is named after its worker."""
    assert all(worker.group in {f"qdpi.{name}", ""} for name, worker in WORKERS.items())
    assert WORKERS["page_generator"].group == "qdpi.page_generator"
    assert list(WORKERS) == ["enricher", "page_generator", "indexer", "recorder", "janitor"]


async def test_worker_failure_ends_the_group() -> None:
    """A failing worker ends the group, and its error is raised."""
    ended = asyncio.Event()

    async def fail() -> None:
        raise ZeroDivisionError

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    group = WorkerGroup([ServiceWorker("one", (work,), lambda: None), ServiceWorker("other", (fail,), lambda: None)])
    with pytest.raises(ZeroDivisionError):
        await group.run()
    assert ended.is_set()


async def test_worker_group_ends_with_its_side_loops() -> None:
    """The group ends when all work has ended, and cancels its side loops."""
    stopped, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await stopped.wait()

    async def figures() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    group = WorkerGroup([ServiceWorker("one", (work, figures), stopped.set)])
    working = asyncio.create_task(group.run())
    await asyncio.sleep(0)
    group.stop()
    async with asyncio.timeout(60):
        await working
    assert ended.is_set()


def test_lag_by_topic_sums_records_and_takes_the_oldest() -> None:
    """Lag adds up the records of all partitions and takes the age of the oldest."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    lags = [
        Lag(Partition("asked", 0), 500, now - timedelta(hours=1)),
        Lag(Partition("asked", 1), 7, now - timedelta(seconds=5)),
        Lag(Partition("asked", 2), 0, None),
        Lag(Partition("pressed", 0), 0, None),
        Lag(Partition("told", 0), 1, now + timedelta(seconds=1)),
    ]
    assert lag_by_topic(lags, now) == {
        "asked": Behind(507, 3_600.0),
        "pressed": Behind(0, 0.0),
        "told": Behind(1, 0.0),
    }
