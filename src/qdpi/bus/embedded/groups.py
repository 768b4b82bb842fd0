"""Consumer groups: generations, commits and lag in SQL, the file lock of a group, and the member that holds it or is on
standby.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from qdpi.bus.embedded import log
from qdpi.bus.embedded.log import ONLY, partition_of
from qdpi.bus.embedded.notifier import Notifier
from qdpi.bus.embedded.tap import Cursor
from qdpi.bus.port import Delivery, Lag, Partition
from qdpi.bus.validation import check_limit
from qdpi.errors import BusUnavailable
from qdpi.ids import from_microseconds
from qdpi.sqlite import Database

STANDBY_INTERVAL: Final = 0.020
"""Seconds between a standby member's attempts to take the group over."""


def register(connection: Connection, group: str, topics: Iterable[str]) -> None:
    """Register a group for topics, from their first record on, so that trimming keeps their records."""
    connection.executemany(
        "INSERT INTO commits (consumer_group, topic, next) VALUES (?, ?, 0) ON CONFLICT DO NOTHING",
        ((group, topic) for topic in topics),
    )


def take_over(connection: Connection, group: str) -> int:
    """Raise a group's generation, which fences all previous holders, and return the new generation."""
    (generation,) = connection.execute(
        "INSERT INTO consumer_groups (name, generation) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET generation = generation + 1 RETURNING generation",
        (group,),
    ).fetchone()
    return int(generation)


def generation(connection: Connection, group: str) -> int:
    """Return a group's generation, 0 if it never had a holder."""
    row = connection.execute("SELECT generation FROM consumer_groups WHERE name = ?", (group,)).fetchone()
    return 0 if row is None else int(row[0])


def committed(connection: Connection, group: str) -> dict[str, int]:
    """Return the next offset to read for every topic that a group has joined."""
    return dict(connection.execute("SELECT topic, next FROM commits WHERE consumer_group = ?", (group,)))


def commit(connection: Connection, group: str, holder: int, offsets: Mapping[str, int]) -> None:
    """Store the next offsets to read, never lower than before. A commit of an older generation has no effect."""
    if generation(connection, group) != holder:
        return
    connection.executemany(
        "UPDATE commits SET next = max(next, ?) WHERE consumer_group = ? AND topic = ?",
        ((offset, group, topic) for topic, offset in offsets.items()),
    )


def lag(connection: Connection, group: str) -> list[Lag]:
    """Return a row for every live topic that a group has joined."""
    return [
        Lag(partition_of(topic), records, None if since is None else from_microseconds(since))
        for topic, records, since in connection.execute(
            "SELECT topic,"
            " (SELECT count(*) FROM records WHERE topic = commits.topic AND offset >= commits.next),"
            " (SELECT taken_at FROM records WHERE topic = commits.topic AND offset >= commits.next"
            "  ORDER BY offset LIMIT 1)"
            " FROM commits JOIN topics ON name = topic AND live WHERE consumer_group = ? ORDER BY topic",
            (group,),
        )
    ]


class GroupLock:
    """A file lock that is released by its holder, or by the operating system when the holder's process ends.

    flock belongs to the open file, not to the process, so every attempt opens the file again. Two members in one
    process therefore exclude each other too, and a removed file is created again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free, without waiting. Raises `BusUnavailable` if the file cannot be opened."""
        if self._held is not None:
            return False
        try:
            self._held = self._try()
        except OSError as error:
            raise BusUnavailable(
                f"{self._path} cannot be locked: {error.strerror}.",
                next_step="Make its directory writable for this user.",
            ) from error
        return self._held is not None

    def release(self) -> None:
        """Release the lock if it is held."""
        held, self._held = self._held, None
        if held is not None:
            # unlocked explicitly: a child forked meanwhile may hold the same open file
            fcntl.flock(held, fcntl.LOCK_UN)
            os.close(held)

    def _try(self) -> int | None:
        opened = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        if _lock(opened) and is_at(opened, self._path):
            return opened
        os.close(opened)
        return None


def _lock(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(opened: int, path: Path) -> bool:
    """Return whether an open file is still the one at a path: it may have been removed or replaced."""
    try:
        return os.path.samestat(os.fstat(opened), path.stat())
    except FileNotFoundError:
        return False


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
            partial(commit, group=self._group, holder=self._tenure.generation, offsets=owned),
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
        if generation(connection, self._group) != tenure.generation:
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
        register(connection, self._group, self._topics)
        generation = take_over(connection, self._group)
        offsets = committed(connection, self._group)
        return _Tenure(generation, Cursor({topic: offsets[topic] for topic in self._topics}))

    def _release(self) -> None:
        self._tenure = None
        self._lock.release()

    async def _wait(self, timeout: float) -> None:
        tenure = self._tenure

        def ready() -> bool:
            return self._tenure is not tenure or tenure is None or self._notifier.has_records_after(tenure.positions())

        if timeout > 0:
            await self._notifier.wait(self._topics, ready, timeout)
