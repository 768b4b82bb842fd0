"""The janitor: drops from the bus what has outlived its topic's retention, and pages' topics that are idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime

import structlog

from qdpi.bus.port import EventBus, TopicState
from qdpi.errors import BusUnavailable
from qdpi.events import is_page_topic

log = structlog.get_logger()


class Janitor:
    """Trims the bus every `interval` seconds; never what a group has not committed.

    A single page's topic that holds nothing any more is deleted; publishing to it makes it again.
    """

    def __init__(self, bus: EventBus, *, now: Callable[[], datetime], interval: float = 60.0) -> None:
        self._bus, self._now, self._interval = bus, now, interval
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask the janitor to end."""
        self._stopping.set()

    async def run(self) -> None:
        """Trim until `stop`. A bus that is away is trimmed at the next turn."""
        while not self._stopping.is_set():
            await self._trim()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._stopping.wait()

    async def _trim(self) -> None:
        try:
            dropped = await self._bus.trim(self._now())
            deleted = await self._bus.delete_topics(idle_page_topics(await self._bus.topics()))
        except BusUnavailable as error:
            log.warning("janitor.stands", cause=error.detail)
        else:
            if dropped or deleted:
                log.info("janitor.trimmed", records=dropped, topics=len(deleted))


def idle_page_topics(states: Iterable[TopicState]) -> list[str]:
    """Return the topics of single pages that hold nothing any more."""
    pages = [state for state in states if is_page_topic(state.partition.topic)]
    busy = {state.partition.topic for state in pages if state.next > state.first}
    return sorted({state.partition.topic for state in pages} - busy)
