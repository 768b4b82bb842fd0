"""Looks whether topics that somebody reads have grown, or were deleted and made again.

The client notices more partitions of a subscribed topic by itself. That a topic of the same name is another
one it does not, under the classic protocol: it would read on from where it stood in the old one, and miss what
the new one held before that offset. Topic ids tell (KIP-516).
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
"""How often topics are looked at, in seconds."""

log = structlog.get_logger()


class Reader(Protocol):
    """Somebody who reads topics."""

    topics: frozenset[str]

    async def topics_recreated(self, topics: Collection[str]) -> None:
        """Take note of topics that were deleted and made again."""
        ...

    async def partitions_added(self, partitions: Collection[Partition]) -> None:
        """Take note of partitions that came to be."""
        ...


class TopicMonitor:
    """Keeps an eye on the topics of its readers; what is news is judged for each by what it was told before."""

    def __init__(self, look: Callable[[Iterable[str]], Awaitable[dict[str, Shape]]]) -> None:
        self._look = look
        self._told: dict[Reader, dict[str, Shape]] = {}
        self._task: asyncio.Task[None] | None = None
        self.missing: frozenset[str] = frozenset()
        """The core topics that some reader knew and that were not there, or not led, at the last look."""

    def add(self, reader: Reader, shapes: Mapping[str, Shape]) -> None:
        """Watch for a reader that begins with topics of these shapes."""
        self._told[reader] = dict(shapes)
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="kafka-topic-monitor")

    def remove(self, reader: Reader) -> None:
        """Watch for a reader no more."""
        self._told.pop(reader, None)

    async def close(self) -> None:
        """Stop watching."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def check(self) -> None:
        """Look once, and tell every reader what it does not know yet. Raises `BusUnavailable`."""
        now = await self._look({topic for reader in self._told for topic in reader.topics})
        known_to_some = {topic for known in self._told.values() for topic in known}
        self.missing = frozenset(known_to_some & TOPICS.keys() - now.keys())
        for reader, known in tuple(self._told.items()):
            news = {name: shape for name, shape in now.items() if name in reader.topics and known.get(name) != shape}
            # What one cannot be told now it is told after the next look, and the others hear of theirs.
            try:
                await _tell(reader, known, news)
            except BusUnavailable:
                continue  # whoever reads says so
            except Exception:
                log.exception("kafka.reader_notification_failed", topics=sorted(news))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.check()
            except BusUnavailable:
                continue  # whoever reads says so
            except Exception:
                log.exception("kafka.topic_monitor_failed")


async def _tell(reader: Reader, known: dict[str, Shape], news: Mapping[str, Shape]) -> None:
    """Tell a reader of topics that are not as it knew them, and note what it was told."""
    renewed = [name for name, shape in news.items() if name in known and known[name].id != shape.id]
    if renewed:
        log.warning("kafka.topics_recreated", topics=sorted(renewed))
        await reader.topics_recreated(renewed)
        known |= {name: known[name]._replace(id=news[name].id) for name in renewed}
    appeared = [partition for name, shape in news.items() for partition in _more(name, known.get(name), shape)]
    if appeared:
        await reader.partitions_added(appeared)
    known |= news


def _more(name: str, before: Shape | None, now: Shape) -> list[Partition]:
    known = before.partitions if before else 0
    return [Partition(name, number) for number in range(known, now.partitions)]
