"""Where readers read, and which pages they have read."""

from __future__ import annotations

import sqlite3

from qdpi.ids import from_microseconds, microseconds
from qdpi.store.embedded.statements import Repository, put, row
from qdpi.store.rows import PlaceRow

_OF_JOURNEY = "SELECT * FROM reader_places WHERE session_id = ?"


class Places(Repository):
    """The `Places` port."""

    async def put_place(self, place: PlaceRow) -> PlaceRow:
        """Take in a place: the newest is kept, and every page read. Return what is stored now."""

        def merge(connection: sqlite3.Connection) -> PlaceRow:
            stored = _stored(connection, place.session_id)
            merged = place.merged_with(stored) if stored else place
            if merged != stored:
                values = merged.model_dump(exclude={"at"}) | {"at": microseconds(merged.at)}
                put(connection, "reader_places", values, ["session_id"])
            return merged

        return await self._database.write(merge, durable=False)

    async def place(self, session_id: str) -> PlaceRow | None:
        """Return where a reader reads, None where that was never said."""
        return await self._database.read(lambda connection: _stored(connection, session_id))


def _stored(connection: sqlite3.Connection, session_id: str) -> PlaceRow | None:
    found = row(connection, _OF_JOURNEY, session_id)
    return PlaceRow(**{**found, "at": from_microseconds(found["at"])}) if found else None
