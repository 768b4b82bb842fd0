"""Reading topics without a group: the tap's own consumer, and what it is told of its topics."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from functools import partial
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer

from qdpi.bus.kafka.codec import placed, places
from qdpi.bus.kafka.consumer_thread import Poller
from qdpi.bus.kafka.consuming import Consuming
from qdpi.bus.kafka.errors import Reach
from qdpi.bus.kafka.heartbeat import Pulse
from qdpi.bus.kafka.naming import Names
from qdpi.bus.port import Partition, Record
from qdpi.errors import BusUnavailable

READING: Final = 500
"""How many records are handed over at once."""
_PATIENCE: Final = 1.0
_AWAY: Final = 0.2


class _Following:
    """All that was assigned is read, whether or not somebody waits: what is not taken waits in Kafka."""

    def __init__(self) -> None:
        self.positions: dict[Partition, int] = {}

    def owns(self, partition: Partition) -> bool:
        """Tell whether it is of our topics."""
        return partition in self.positions

    def flows(self, partition: Partition) -> bool:
        """All does."""
        return partition in self.positions

    def prepare(self, *, wanted: bool) -> bool:
        """Poll for a reader alone: without a group, nobody is owed a sign of life."""
        return wanted

    def caught_up(self) -> None:
        """Take nothing from it: nothing is ever revoked."""


class Tap(AsyncIterator[Record]):
    """Records from given positions on, as they come, until it is closed. Brokers that are away are waited for."""

    def __init__(
        self,
        topics: Collection[str],
        positions: Mapping[Partition, int],
        open_consumer: Callable[[Reach], Consumer],
        names: Names,
        pulse: Pulse,
        *,
        limit: int,
    ) -> None:
        self.topics = frozenset(topics)
        self._names, self._limit = names, min(limit, READING)
        self._read: deque[Record] = deque()
        self._following = _Following()
        reach = Reach(names.wire(min(topics)))
        self._consumer = open_consumer(reach)
        self._assign(positions)
        poller = Poller(self._consumer, self._following, names, reach, pulse)
        self._consuming = Consuming(poller, pulse, name="kafka-tap")

    async def __anext__(self) -> Record:
        while not self._read:
            if self._consuming.has_closed:
                raise StopAsyncIteration
            try:
                self._read.extend((await self._consuming.fetch(self._limit, _PATIENCE)).records)
            except BusUnavailable:
                await asyncio.sleep(_AWAY)
        return self._read.popleft()

    async def close(self) -> None:
        """End the iteration, wherever its reader waits."""
        await self._consuming.close()

    async def renewed(self, topics: Collection[str]) -> None:
        """Read topics that were deleted and made again from their beginning."""
        again = [partition for partition in self._following.positions if partition.topic in topics]
        await self.appeared(again)

    async def appeared(self, partitions: Collection[Partition]) -> None:
        """Read partitions that came to be after the tap, from their beginning."""
        if not self._consuming.has_closed:
            await self._consuming.call(partial(self._assign, dict.fromkeys(partitions, OFFSET_BEGINNING)))

    def _assign(self, positions: Mapping[Partition, int]) -> None:
        again = self._following.positions.keys() & positions
        if again:
            self._consumer.incremental_unassign(places(again, self._names))
        self._consumer.incremental_assign(placed(positions, self._names))
        self._following.positions.update(positions)
