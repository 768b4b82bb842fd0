"""The vault: the newest change of each page, and every change."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from qdpi.ids import from_microseconds, microseconds, time_of_uuid, time_uuid
from qdpi.store.embedded.statements import Repository, row, rows
from qdpi.store.rows import VaultChangeRow, VaultEntry

_CHANGE = (
    "INSERT INTO vault (session_id, saved_ts, page_id, label, notes, event_id, at, removed) "
    "VALUES (:session_id, :saved_ts, :page_id, :label, :notes, :event_id, :at, :removed)"
)
_RECORD = (
    "INSERT OR IGNORE INTO vault_changes (session_id, at, event_id, page_id, action, label, notes) "
    "VALUES (:session_id, :at, :event_id, :page_id, :action, :label, :notes)"
)
_EARLIEST = microseconds(datetime.min.replace(tzinfo=UTC))


class Vault(Repository):
    """The `Vault` port."""

    async def save(self, entry: VaultEntry, *, labelled: bool = False) -> None:
        """Save a page in a vault, or relabel it: the newest change (by time, then event id) wins."""
        change = _change(entry.session_id, entry.page_id, entry.saved_at, entry.event_id)
        change |= {"label": entry.label, "notes": entry.notes, "action": "labelled" if labelled else "saved"}
        await self._database.write(lambda connection: _apply(connection, change), durable=False)

    async def unsave(self, session_id: str, page_id: str, at: datetime, event_id: str) -> None:
        """Remove a page from a vault, unless a newer change saved it."""
        change = _change(session_id, page_id, at, event_id) | {"removed": 1, "action": "unsaved"}
        await self._database.write(lambda connection: _apply(connection, change), durable=False)

    async def saved(self, session_id: str, page_id: str) -> VaultEntry | None:
        """Return a page's entry in a reader's vault, None where it is not saved."""
        sql = "SELECT * FROM vault WHERE session_id = ? AND page_id = ? AND NOT removed"

        def read(connection: sqlite3.Connection) -> VaultEntry | None:
            found = row(connection, sql, session_id, page_id)
            return _entry(found) if found else None

        return await self._database.read(read)

    async def changes(self, session_id: str, *, since: datetime | None = None) -> list[VaultChangeRow]:
        """Return every change of a vault, from the time `since` on, in the order of time and event id."""
        sql = "SELECT * FROM vault_changes WHERE session_id = ? AND at >= ? ORDER BY at, event_id, page_id"
        first = microseconds(since) if since else _EARLIEST

        def read(connection: sqlite3.Connection) -> list[VaultChangeRow]:
            found = rows(connection, sql, session_id, first)
            return [VaultChangeRow(**change, saved_at=from_microseconds(change["at"])) for change in found]

        return await self._database.read(read)

    async def vault(self, session_id: str) -> list[VaultEntry]:
        """Return a reader's saved pages, the oldest first."""
        sql = "SELECT * FROM vault WHERE session_id = ? AND NOT removed ORDER BY at, event_id, page_id"

        def read(connection: sqlite3.Connection) -> list[VaultEntry]:
            return [_entry(entry) for entry in rows(connection, sql, session_id)]

        return await self._database.read(read)


def _entry(stored: dict[str, Any]) -> VaultEntry:
    return VaultEntry(**stored, saved_at=time_of_uuid(stored["saved_ts"]))


def _change(session_id: str, page_id: str, at: datetime, event_id: str) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "saved_ts": time_uuid(at, event_id),
        "page_id": page_id,
        "label": "",
        "notes": "",
        "event_id": event_id,
        "at": microseconds(at),
        "removed": 0,
    }


def _apply(connection: sqlite3.Connection, change: dict[str, Any]) -> None:
    connection.execute(_RECORD, change)
    key = (change["session_id"], change["page_id"])
    stored = row(connection, "SELECT at, event_id FROM vault WHERE session_id = ? AND page_id = ?", *key)
    if stored and (stored["at"], stored["event_id"]) > (change["at"], change["event_id"]):
        return
    connection.execute("DELETE FROM vault WHERE session_id = ? AND page_id = ?", key)
    connection.execute(_CHANGE, change)
