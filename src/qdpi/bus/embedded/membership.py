"""A member of a group on the embedded bus: it holds the group, or is on standby."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from sqlite3 import Connection
from typing import Final

from qdpi.bus.embedded import groups, log
from qdpi.bus.embedded.groups import GroupLock
from qdpi.bus.embedded.log import ONLY, partition_of
from qdpi.bus.embedded.notifier import Notifier
from qdpi.bus.embedded.tap import Cursor
from qdpi.bus.port import Delivery, Partition
from qdpi.bus.validation import check_limit
from qdpi.errors import BusUnavailable
from qdpi.sqlite import Database

STANDBY_INTERVAL: Final = 0.020
"""Seconds between a standby member's attempts to take the group over."""


@dataclass(slots=True)
class _Tenure:
    """The state of a member that holds its group: its generation, its positions, and the paused topics."""

    generation: int
    cursor: Cursor
    paused: set[str] = field(default_factory=set)

    def positions(self) -> dict[str, int]:
        return self.cursor.positions(without=self.paused)


class EmbeddedMembership:
    """A member of a group (see `Membership`). One member of a group consumes at a time."""

    def __init__(
        self, group: str, topics: Iterable[str], database: Database, notifier: Notifier, lock: GroupLock
    ) -> None:
        self._group = group
        self._topics = tuple(dict.fromkeys(topics))
        self._database = database
        self._notifier = notifier
        self._lock = lock
        self._tenure: _Tenure | None = None
        self.has_left = False
        """Whether `leave` was called."""

    async def fetch(self, limit: int, timeout: float) -> Delivery:
        """Return records as soon as there are any, or the partitions lost to another holder, once."""
        if self.has_left:
            raise BusUnavailable(f"This member has left {self._group}.", next_step="Join again.")
        check_limit(limit)
        now = asyncio.get_running_loop().time
        deadline = now() + timeout
        while True:
            if self._is_drained():
                await self._wait(deadline - now())
            if self.has_left:
                return Delivery()
            delivery = await self._fetch_now(limit)
            if delivery.records or delivery.revoked or now() >= deadline:
                return delivery
            if self._tenure is None:
                await asyncio.sleep(min(STANDBY_INTERVAL, deadline - now()))

    async def pause(self, partitions: Collection[Partition]) -> None:
        """Stop reading these partitions until they are resumed or the group is lost."""
        if self._tenure is not None:
            self._tenure.paused |= {partition.topic for partition in partitions}

    async def resume(self, partitions: Collection[Partition]) -> None:
        """Read these partitions again, from where the last fetch stopped."""
        if self._tenure is not None:
            self._tenure.paused -= {partition.topic for partition in partitions}
            self._notifier.wake()

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the next offsets to read, unless another member has taken over since."""
        if self._tenure is None:
            return
        owned = {
            topic: offset for (topic, number), offset in offsets.items() if number == ONLY and topic in self._topics
        }
        # Not durable: the offset goes into the same WAL as the messages published before it, after them. A power
        # cut keeps a prefix of that file, so the offset never survives without those messages.
        await self._database.write(
            partial(groups.commit, group=self._group, holder=self._tenure.generation, offsets=owned),
            durable=False,
        )

    async def leave(self) -> None:
        """Release the group at once."""
        self.has_left = True
        self._release()
        self._notifier.wake()

    def _is_drained(self) -> bool:
        """Return whether this process knows of no unread records."""
        return self._tenure is not None and not self._notifier.has_records_after(self._tenure.positions())

    async def _fetch_now(self, limit: int) -> Delivery:
        tenure = self._tenure or await self._take_over()
        if tenure is None:
            return Delivery()
        batch = await self._database.read(partial(self._read, tenure=tenure, limit=limit))
        if self._tenure is not tenure:
            return Delivery()
        if batch is None:
            self._release()
            return Delivery(revoked=tuple(map(partition_of, self._topics)))
        tenure.cursor.advance(batch.reached)
        return Delivery(batch.records)

    def _read(self, connection: Connection, tenure: _Tenure, limit: int) -> log.Batch | None:
        """Read the next records; None if another member holds the group now."""
        if groups.generation(connection, self._group) != tenure.generation:
            return None
        return log.read(connection, tenure.positions(), limit)

    async def _take_over(self) -> _Tenure | None:
        if not self._lock.acquire():
            return None
        try:
            tenure = await self._database.write(self._begin_tenure, durable=False)
        except BaseException:
            self._lock.release()
            raise
        if self.has_left:
            return None
        self._tenure = tenure
        return tenure

    def _begin_tenure(self, connection: Connection) -> _Tenure:
        groups.register(connection, self._group, self._topics)
        generation = groups.take_over(connection, self._group)
        committed = groups.committed(connection, self._group)
        return _Tenure(generation, Cursor({topic: committed[topic] for topic in self._topics}))

    def _release(self) -> None:
        self._tenure = None
        self._lock.release()

    async def _wait(self, timeout: float) -> None:
        tenure = self._tenure

        def ready() -> bool:
            return self._tenure is not tenure or tenure is None or self._notifier.has_records_after(tenure.positions())

        if timeout > 0:
            await self._notifier.wait(self._topics, ready, timeout)
