"""Where readers read, and which pages they have read: one row a journey, written only by conditional statements.

So no page that was read on one device is lost by a write of another.
"""

from __future__ import annotations

from typing import Any, Final

from qdpi.ids import from_microseconds, microseconds
from qdpi.store.cassandra.session import Repository, ResultRow
from qdpi.store.cassandra.statements import Change, Consistency, Statement, insert, select
from qdpi.store.rows import PlaceRow

_COLUMNS: Final = ("session_id", "version", "page_id", "seq", "at", "event_id", "canon", "pages")
_PLACE: Final = select(_COLUMNS, "reader_places", "WHERE session_id = :session_id", consistency=Consistency.SERIAL)
_FIRST: Final = insert("reader_places", _COLUMNS, once=True)
_NEXT: Final = Statement(
    "UPDATE {keyspace}.reader_places SET version = :version, page_id = :page_id, seq = :seq, at = :at, "
    "event_id = :event_id, canon = :canon, pages = :pages WHERE session_id = :session_id IF version = :before",
    conditional=True,
)


class Places(Repository):
    """The `Places` port."""

    async def put_place(self, place: PlaceRow) -> PlaceRow:
        """Take in a place: the newest is kept, and every page read. Return what is stored now."""
        while True:
            found = await self._connection.first(_PLACE, session_id=place.session_id)
            stored = _row(found) if found else None
            merged = place.merged_with(stored) if stored else place
            if merged == stored:
                return merged
            written = await self._connection.write_if(_change(merged, found["version"] if found else None))
            if written["[applied]"]:
                return merged

    async def place(self, session_id: str) -> PlaceRow | None:
        """Return where a reader reads, None where that was never said."""
        found = await self._connection.first(_PLACE, session_id=session_id)
        return _row(found) if found else None


def _change(place: PlaceRow, before: int | None) -> Change:
    values: dict[str, Any] = {**place.model_dump(), "at": microseconds(place.at), "version": (before or 0) + 1}
    return Change(_FIRST, values) if before is None else Change(_NEXT, {**values, "before": before})


def _row(found: ResultRow) -> PlaceRow:
    return PlaceRow(**{**found, "at": from_microseconds(found["at"])})
