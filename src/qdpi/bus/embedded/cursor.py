"""Where a reader stands in its topics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from qdpi.bus.embedded import log
from qdpi.bus.port import Record
from qdpi.sqlite import Database


class Cursor:
    """The next offset to read of each topic; the topic that was read from longest ago comes first.

    That order is what keeps a busy topic from starving another.
    """

    def __init__(self, positions: Mapping[str, int]) -> None:
        self._positions = dict(positions)

    def positions(self, without: Collection[str] = ()) -> dict[str, int]:
        """Return the positions, those of some topics left out."""
        return {topic: at for topic, at in self._positions.items() if topic not in without}

    def advance(self, reached: Mapping[str, int]) -> None:
        """Move to where a reading ended."""
        for topic, position in reached.items():
            del self._positions[topic]
            self._positions[topic] = position


async def read_on(database: Database, cursor: Cursor, limit: int) -> list[Record]:
    """Return what comes next, at most `limit` records; nothing where the log holds no more."""
    reading = await database.read(partial(log.read, positions=cursor.positions(), limit=limit))
    cursor.advance(reading.reached)
    return reading.records
