"""Startup during outages of the store or the bus, and with errors that no retry mends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.support.gateway import brisk

from qdpi.bootstrap import build_system
from qdpi.errors import BusUnavailable, InvalidSetting
from qdpi.runtime.startup import Startup, closing
from qdpi.settings import Settings
from qdpi.system import System


async def nothing() -> None:
    """Do nothing."""


def system_whose_bus(directory: Path, opens: Any) -> System:
    system = build_system(Settings(data_dir=directory), backoff=brisk())
    system.bus.open = opens  # type: ignore[method-assign]
    return system


async def test_startup_retries_an_unavailable_bus(tmp_path: Path):
    """An unavailable bus is retried, and the gateway may answer meanwhile."""
    back = asyncio.Event()

    async def unavailable() -> None:
        if not back.is_set():
            raise BusUnavailable("No answer.", next_step="Wait.")

    async with closing(system_whose_bus(tmp_path, unavailable)) as system, asyncio.timeout(60):
        start = Startup(system, nothing)
        ready = asyncio.create_task(start.ready(asyncio.Event()))
        await start.answerable.wait()
        assert not ready.done()
        back.set()
        assert await ready


async def test_startup_stopped_while_waiting_is_not_ready(tmp_path: Path):
    """A startup stopped during an outage is not ready."""

    async def unavailable() -> None:
        raise BusUnavailable("No answer.", next_step="Wait.")

    stopping = asyncio.Event()
    async with closing(system_whose_bus(tmp_path, unavailable)) as system, asyncio.timeout(60):
        start = Startup(system, nothing)
        ready = asyncio.create_task(start.ready(stopping))
        await start.answerable.wait()
        stopping.set()
        assert not await ready


async def test_startup_raises_errors_that_no_retry_mends(tmp_path: Path):
    async def refused() -> None:
        raise InvalidSetting("KAFKA_BROKERS is 'x'.", next_step="Mend it.")

    async with closing(system_whose_bus(tmp_path, refused)) as system, asyncio.timeout(60):
        with pytest.raises(InvalidSetting, match="KAFKA_BROKERS"):
            await Startup(system, nothing).ready(asyncio.Event())


async def test_startup_is_answerable_once_ready(tmp_path: Path):
    prepared = asyncio.Event()

    async def prepare() -> None:
        prepared.set()

    async with closing(build_system(Settings(data_dir=tmp_path))) as system, asyncio.timeout(60):
        start = Startup(system, prepare)
        assert await start.ready(asyncio.Event())
        assert prepared.is_set()
        assert start.answerable.is_set()
