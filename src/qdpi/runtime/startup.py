"""Startup: open the parts of a system as they become available, and prepare what must exist before any work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from qdpi.errors import Unavailable
from qdpi.language.port import LanguageModel
from qdpi.retry import retry_while_unavailable
from qdpi.system import System

log = structlog.get_logger()


class Startup:
    """Opens a system's store and bus, and then prepares it.

    While a part is unavailable it retries, unless `retry` is False. `answerable` is set once everything is ready or
    the first retry begins: from then on a gateway has something to answer, if only at /readyz.
    """

    def __init__(self, system: System, prepare: Callable[[], Awaitable[None]], *, retry: bool = True) -> None:
        self._system, self._prepare, self._retry = system, prepare, retry
        self.answerable = asyncio.Event()

    async def ready(self, stopping: asyncio.Event) -> bool:
        """Return True once everything is ready, False if `stopping` was set first. Raises what no retry resolves."""
        work, stop = asyncio.ensure_future(self._start()), asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return False
            work.result()
            self.answerable.set()
            return True
        finally:
            for task in (work, stop):
                task.cancel()
            await asyncio.gather(work, stop, return_exceptions=True)

    async def _start(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for opening in (self._system.store.open, self._system.bus.open):
                    tasks.create_task(self._until_available(opening))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        await self._until_available(self._prepare)

    async def _until_available(self, work: Callable[[], Awaitable[None]]) -> None:
        if self._retry:
            await retry_while_unavailable(work, self._system.backoff, on_wait=self._log_wait)
        else:
            await work()

    def _log_wait(self, error: Unavailable, tries: int) -> None:
        self.answerable.set()
        log.warning("startup.dependency_unavailable", tries=tries, cause=error.detail)


@asynccontextmanager
async def closing(system: System) -> AsyncIterator[System]:
    """Close a system's bus and store after a block, as far as they were opened."""
    try:
        yield system
    finally:
        await system.bus.close()
        await system.store.close()


@asynccontextmanager
async def open_store(system: System) -> AsyncIterator[System]:
    """Open a system's store for a block that needs no bus."""
    try:
        await system.store.open()
        yield system
    finally:
        await system.store.close()


@asynccontextmanager
async def open_bus(system: System) -> AsyncIterator[System]:
    """Open a system's bus for a block that needs no store."""
    try:
        await system.bus.open()
        yield system
    finally:
        await system.bus.close()


@asynccontextmanager
async def open_model(model: LanguageModel) -> AsyncIterator[LanguageModel]:
    """Open a language model for a block."""
    try:
        await model.open()
        yield model
    finally:
        await model.close()
