from __future__ import annotations

import asyncio

import pytest

from qdpi.errors import QdpiError
from qdpi.runtime.process import side_by_side, work_until
from qdpi.services.workers import ServiceWorker, WorkerGroup


async def test_drain_timeout_cancels_workers():
    """Workers that do not finish in time are cancelled."""
    stopping, dropped, asked = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def stuck() -> None:
        stopping.set()
        try:
            await asyncio.Event().wait()
        finally:
            dropped.set()

    await work_until(stopping, WorkerGroup([ServiceWorker("stuck", (stuck,), asked.set)]), seconds=0.01)

    assert asked.is_set()
    assert dropped.is_set()


async def test_drain_waits_for_workers():
    """Workers that finish are waited for."""
    stopping, asked, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def orderly() -> None:
        stopping.set()
        await asked.wait()
        finished.set()

    await work_until(stopping, WorkerGroup([ServiceWorker("orderly", (orderly,), asked.set)]))

    assert finished.is_set()


async def test_worker_failure_is_raised():
    async def broken() -> None:
        raise QdpiError("It broke.")

    with pytest.raises(QdpiError, match="It broke"):
        await work_until(asyncio.Event(), WorkerGroup([ServiceWorker("broken", (broken,), lambda: None)]))


async def test_side_by_side_failure_stops_the_others():
    stopping, ended = asyncio.Event(), asyncio.Event()

    async def failing() -> None:
        raise QdpiError("It broke.")

    async def orderly() -> None:
        await stopping.wait()
        ended.set()

    with pytest.raises(QdpiError, match="It broke"):
        await side_by_side(stopping, failing(), orderly())
    assert ended.is_set()
