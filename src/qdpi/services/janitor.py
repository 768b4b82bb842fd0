"""The janitor: drops from the bus what has outlived its topic's retention, and pages' topics that are idle."""

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
    """Trims the bus every `interval` seconds; never what a group has not committed.

    A single page's topic that held records and has none any more is deleted; publishing to it makes it again.
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
            deleted = await delete_idle(self._bus, idle_page_topics(await self._bus.topics()))
        except BusUnavailable as error:
            log.warning("janitor.stands", cause=error.detail)
        else:
            if dropped or deleted:
                log.info("janitor.trimmed", records=dropped, topics=len(deleted))


@runtime_checkable
class DeletesIdle(Protocol):
    """A bus that can look whether a topic is empty and delete it in one step, between which nothing is published."""

    async def delete_idle(self, names: Iterable[str]) -> list[str]:
        """Delete those of some topics that hold nothing; return the names of those that were there and are gone."""
        ...


async def delete_idle(bus: EventBus, idle: Collection[str]) -> list[str]:
    """Delete topics that were idle a moment ago; return the names of those that are gone.

    Where the bus can, what was published in that moment keeps its topic.
    """
    return await (bus.delete_idle(idle) if isinstance(bus, DeletesIdle) else bus.delete_topics(idle))


def idle_page_topics(states: Iterable[TopicState]) -> list[str]:
    """Return the topics of single pages that had records and hold none any more.

    One that never had any may have been made this moment, for an event that is about to come.
    """
    pages = [state for state in states if is_page_topic(state.partition.topic)]
    busy = {state.partition.topic for state in pages if state.next > state.first}
    used = {state.partition.topic for state in pages if state.next > 0}
    return sorted(used - busy)


def build(system: System, model: LanguageModel) -> ServiceWorker:
    """Return the janitor's worker, which joins no group."""
    service = Janitor(system.bus, now=system.now)
    return ServiceWorker(JANITOR.name, (service.run,), service.stop)
