"""Monitor the topics that members and taps read: added partitions, recreated topics, missing topics.

The client notices new partitions of a subscribed topic by itself. Under the classic protocol it does not notice that
a topic was deleted and recreated: it would read on from its position in the old topic, and miss the records below
that offset in the new one. Topic ids distinguish the two (KIP-516).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Final, Protocol

import structlog

from qdpi.bus.kafka.topics import Shape
from qdpi.bus.port import Partition
from qdpi.errors import BusUnavailable
from qdpi.events import TOPICS

INTERVAL: Final = 2.0
"""Seconds between checks."""

log = structlog.get_logger()


class Reader(Protocol):
    """A member or a tap."""

    topics: frozenset[str]

    async def topics_recreated(self, topics: Collection[str]) -> None:
        """Handle topics that were deleted and recreated."""
        ...

    async def partitions_added(self, partitions: Collection[Partition]) -> None:
        """Handle partitions that were added."""
        ...


class TopicMonitor:
    """Checks the topics of its readers at intervals, and notifies each reader of changes it does not know yet."""

    def __init__(self, describe: Callable[[Iterable[str]], Awaitable[dict[str, Shape]]]) -> None:
        self._describe = describe
        self._known_by: dict[Reader, dict[str, Shape]] = {}
        self._task: asyncio.Task[None] | None = None
        self.missing: frozenset[str] = frozenset()
        """Core topics known to a reader that were missing, or without a leader, at the last check."""

    def add(self, reader: Reader, shapes: Mapping[str, Shape]) -> None:
        """Add a reader that knows topics by these shapes."""
        self._known_by[reader] = dict(shapes)
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="kafka-topic-monitor")

    def remove(self, reader: Reader) -> None:
        """Remove a reader."""
        self._known_by.pop(reader, None)

    async def close(self) -> None:
        """Stop the checks."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def check(self) -> None:
        """Check once, and notify every reader of changes. Raises `BusUnavailable`."""
        now = await self._describe({topic for reader in self._known_by for topic in reader.topics})
        known_to_some = {topic for known in self._known_by.values() for topic in known}
        self.missing = frozenset(known_to_some & TOPICS.keys() - now.keys())
        for reader, known in tuple(self._known_by.items()):
            news = {name: shape for name, shape in now.items() if name in reader.topics and known.get(name) != shape}
            # A reader whose notification fails is notified again after the next check.
            try:
                await _notify(reader, known, news)
            except BusUnavailable:
                continue  # the reader raises it itself
            except Exception:
                log.exception("kafka.reader_notification_failed", topics=sorted(news))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.check()
            except BusUnavailable:
                continue  # the readers raise it themselves
            except Exception:
                log.exception("kafka.topic_monitor_failed")


async def _notify(reader: Reader, known: dict[str, Shape], news: Mapping[str, Shape]) -> None:
    """Notify a reader of changed topics, and record in `known` what it was notified of."""
    recreated = [name for name, shape in news.items() if name in known and known[name].id != shape.id]
    if recreated:
        log.warning("kafka.topics_recreated", topics=sorted(recreated))
        await reader.topics_recreated(recreated)
        known |= {name: known[name]._replace(id=news[name].id) for name in recreated}
    added = [partition for name, shape in news.items() for partition in _added_partitions(name, known.get(name), shape)]
    if added:
        await reader.partitions_added(added)
    known |= news


def _added_partitions(name: str, before: Shape | None, now: Shape) -> list[Partition]:
    known = before.partitions if before else 0
    return [Partition(name, number) for number in range(known, now.partitions)]
