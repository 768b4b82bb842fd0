"""Reading topics without a group, and the cursor that members and taps share."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping
from functools import partial
from typing import Final

from qdpi.bus.embedded import log
from qdpi.bus.embedded.notifier import Notifier
from qdpi.bus.port import Record
from qdpi.sqlite import Database

BATCH: Final = 256
"""The largest number of records read from the log at once."""


class Tap(AsyncIterator[Record]):
    """Yields records from a cursor on, until it is closed.

    Records that a slow reader has not taken stay in the log; at most `limit` of them are in memory.
    """

    def __init__(self, database: Database, notifier: Notifier, cursor: Cursor, limit: int) -> None:
        self._database = database
        self._notifier = notifier
        self._cursor = cursor
        self._limit = min(limit, BATCH)
        self._read: deque[Record] = deque()
        self._closed = False

    async def __anext__(self) -> Record:
        while not self._closed:
            if self._read:
                return self._read.popleft()
            await self._read_next()
        raise StopAsyncIteration

    def close(self) -> None:
        """End the iteration, also for a reader that is waiting."""
        self._closed = True
        self._notifier.wake()

    async def _read_next(self) -> None:
        await self._notifier.wait(self._cursor.positions(), self._is_ready, None)
        if not self._closed:
            self._read += await read_next(self._database, self._cursor, self._limit)

    def _is_ready(self) -> bool:
        return self._closed or self._notifier.has_records_after(self._cursor.positions())


class Cursor:
    """The next offset to read of each topic, the least recently read topic first.

    That order keeps a busy topic from starving another.
    """

    def __init__(self, positions: Mapping[str, int]) -> None:
        self._positions = dict(positions)

    def positions(self, without: Collection[str] = ()) -> dict[str, int]:
        """Return the positions, without those of some topics."""
        return {topic: at for topic, at in self._positions.items() if topic not in without}

    def advance(self, reached: Mapping[str, int]) -> None:
        """Move to the positions reached by a read."""
        for topic, position in reached.items():
            del self._positions[topic]
            self._positions[topic] = position


async def read_next(database: Database, cursor: Cursor, limit: int) -> list[Record]:
    """Return at most `limit` next records; none at the end of the log."""
    batch = await database.read(partial(log.read, positions=cursor.positions(), limit=limit))
    cursor.advance(batch.reached)
    return batch.records
