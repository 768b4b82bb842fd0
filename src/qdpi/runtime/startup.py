"""Starting: a system's parts opened as soon as they answer, and what must be there before anybody works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from qdpi.errors import Unavailable
from qdpi.retry import retry_while_unavailable
from qdpi.system import System

log = structlog.get_logger()


class Start:
    """Opens a system and prepares it. A store or a bus that is away is waited for.

    `answerable` is set once all is ready, or once something has to be waited for: from then on a gateway has
    something to say, be it at /readyz alone.
    """

    def __init__(self, system: System, prepare: Callable[[], Awaitable[None]]) -> None:
        self._system, self._prepare = system, prepare
        self.answerable = asyncio.Event()

    async def ready(self, stopping: asyncio.Event) -> bool:
        """Return True when all is ready, False when the event was set first. Raises what cannot be waited for."""
        work, stop = asyncio.ensure_future(self._start()), asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            return work.done()
        finally:
            self.answerable.set()
            for task in (work, stop):
                task.cancel()
            await asyncio.gather(work, stop, return_exceptions=True)

    async def _start(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for opening in (self._system.store.open, self._system.bus.open):
                    tasks.create_task(self._patiently(opening))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        await self._patiently(self._prepare)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        await retry_while_unavailable(work, self._system.backoff, on_wait=self._stands)

    def _stands(self, error: Unavailable, tries: int) -> None:
        self.answerable.set()
        log.warning("start.stands", tries=tries, cause=error.detail)


@asynccontextmanager
async def closing(system: System) -> AsyncIterator[System]:
    """Close the bus and the store of a system after a block, as far as they were opened."""
    try:
        yield system
    finally:
        await system.bus.close()
        await system.store.close()
