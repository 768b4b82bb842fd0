"""Looks whether topics that somebody reads have grown, or were deleted and made again.

The client notices more partitions of a subscribed topic by itself. That a topic of the same name is another
one it does not, under the classic protocol: it would read on from where it stood in the old one, and miss what
the new one held before that offset. Topic ids tell (KIP-516).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Final, Protocol

import structlog

from qdpi.bus.kafka.administration import Shape
from qdpi.bus.port import Partition
from qdpi.errors import BusUnavailable

INTERVAL: Final = 2.0
"""How often topics are looked at, in seconds."""

log = structlog.get_logger()


class Reader(Protocol):
    """Somebody who reads topics."""

    topics: frozenset[str]

    async def renewed(self, topics: Collection[str]) -> None:
        """Take note of topics that were deleted and made again."""
        ...

    async def appeared(self, partitions: Collection[Partition]) -> None:
        """Take note of partitions that came to be."""
        ...


class Watch:
    """Keeps an eye on the topics of its readers."""

    def __init__(self, look: Callable[[Iterable[str]], Awaitable[dict[str, Shape]]]) -> None:
        self._look = look
        self._shapes: dict[str, Shape] = {}
        self._readers: list[Reader] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, reader: Reader, shapes: Mapping[str, Shape]) -> None:
        """Watch for a reader that begins with topics of these shapes."""
        self._shapes |= {name: shape for name, shape in shapes.items() if name not in self._shapes}
        self._readers.append(reader)
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="kafka-watch")

    def remove(self, reader: Reader) -> None:
        """Watch for a reader no more."""
        with suppress(ValueError):
            self._readers.remove(reader)

    async def close(self) -> None:
        """Stop watching."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self._compare()
            except BusUnavailable:
                continue  # whoever reads says so
            except Exception:
                log.exception("kafka.watch_failed")

    async def _compare(self) -> None:
        names = {topic for reader in self._readers for topic in reader.topics}
        now = await self._look(names)
        before, self._shapes = self._shapes, {**self._shapes, **now}
        renewed = [name for name, shape in now.items() if name in before and before[name].id != shape.id]
        appeared = [partition for name, shape in now.items() for partition in _more(name, before.get(name), shape)]
        for reader in tuple(self._readers):
            if ours := reader.topics.intersection(renewed):
                log.warning("kafka.topics_renewed", topics=sorted(ours))
                await reader.renewed(ours)
            if more := [partition for partition in appeared if partition.topic in reader.topics]:
                await reader.appeared(more)


def _more(name: str, before: Shape | None, now: Shape) -> list[Partition]:
    known = before.partitions if before else 0
    return [Partition(name, number) for number in range(known, now.partitions)]
