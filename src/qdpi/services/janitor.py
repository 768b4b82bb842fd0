"""The janitor: deletes records past their topic's retention, and idle topics of single pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Protocol, runtime_checkable

import structlog

from qdpi.bus.port import EventBus, TopicState
from qdpi.errors import BusUnavailable
from qdpi.events import is_page_topic
from qdpi.language.port import LanguageModel
from qdpi.services.workers import ServiceWorker
from qdpi.system import System
from qdpi.topology import JANITOR

log = structlog.get_logger()


class Janitor:
    """Trims the bus every `interval` seconds, but never records that a group has not committed.

    It deletes a single page's topic that held records and is empty now; publishing to that topic creates it again.
    """

    def __init__(self, bus: EventBus, *, now: Callable[[], datetime], interval: float = 60.0) -> None:
        self._bus, self._now, self._interval = bus, now, interval
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End `run` after the turn in progress."""
        self._stopping.set()

    async def run(self) -> None:
        """Trim until `stop`. While the bus is unavailable, the next turn tries again."""
        while not self._stopping.is_set():
            await self._trim()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._stopping.wait()

    async def _trim(self) -> None:
        try:
            dropped = await self._bus.trim(self._now())
            deleted = await delete_idle(self._bus, idle_page_topics(await self._bus.topics()))
        except BusUnavailable as error:
            log.warning("janitor.dependency_unavailable", cause=error.detail)
        else:
            if dropped or deleted:
                log.info("janitor.trimmed", records=dropped, topics=len(deleted))


@runtime_checkable
class DeletesIdle(Protocol):
    """A bus that checks whether a topic is empty and deletes it in one step, with no publish in between."""

    async def delete_idle(self, names: Iterable[str]) -> list[str]:
        """Delete those of the named topics that are empty; return the names of the deleted ones."""
        ...


async def delete_idle(bus: EventBus, idle: Collection[str]) -> list[str]:
    """Delete topics that were idle a moment ago; return the names of the deleted ones.

    A bus that `DeletesIdle` keeps a topic to which an event was published in that moment.
    """
    return await (bus.delete_idle(idle) if isinstance(bus, DeletesIdle) else bus.delete_topics(idle))


def idle_page_topics(states: Iterable[TopicState]) -> list[str]:
    """Return the topics of single pages that held records and are empty now.

    One that never held any may have been created this moment, for an event about to be published.
    """
    pages = [state for state in states if is_page_topic(state.partition.topic)]
    busy = {state.partition.topic for state in pages if state.next > state.first}
    used = {state.partition.topic for state in pages if state.next > 0}
    return sorted(used - busy)


def build(system: System, model: LanguageModel) -> ServiceWorker:
    """Return the janitor's worker, which joins no group."""
    service = Janitor(system.bus, now=system.now)
    return ServiceWorker(JANITOR.name, (service.run,), service.stop)
