"""The vault: every change is a row, and the newest change of a page wins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from qdpi.ids import lowest_time_uuid, time_of_uuid, time_uuid
from qdpi.store.cassandra.session import Repository, ResultRow
from qdpi.store.cassandra.statements import Change, insert, select
from qdpi.store.rows import VaultChangeRow, VaultEntry

_COLUMNS: Final = ("session_id", "saved_ts", "page_id", "label", "notes", "event_id", "removed", "action")
_NOTHING: Final = {"label": "", "notes": ""}
_CHANGE: Final = insert("vault", _COLUMNS, timed=True)
_CHANGES: Final = select(_COLUMNS, "vault", "WHERE session_id = :session_id", fetch_size=1_000)
_CHANGES_SINCE: Final = select(
    _COLUMNS, "vault", "WHERE session_id = :session_id AND saved_ts >= :since", fetch_size=1_000
)
_CHANGES_OF: Final = select(
    _COLUMNS, "vault", "WHERE session_id = :session_id AND page_id = :page_id ALLOW FILTERING", fetch_size=1_000
)
PREPARED_AT_OPEN: Final = (_CHANGES, _CHANGES_OF)


class Vault(Repository):
    """The `Vault` port."""

    async def save(self, entry: VaultEntry, *, labelled: bool = False) -> None:
        """Save a page in a vault, or relabel it: the newest change (by time, then event id) wins."""
        action = "labelled" if labelled else "saved"
        values = {"label": entry.label, "notes": entry.notes, "removed": False, "action": action}
        await self._change(entry.session_id, entry.page_id, entry.saved_at, entry.event_id, values)

    async def unsave(self, session_id: str, page_id: str, at: datetime, event_id: str) -> None:
        """Remove a page from a vault, unless a newer change saved it."""
        await self._change(session_id, page_id, at, event_id, {**_NOTHING, "removed": True, "action": "unsaved"})

    async def changes(self, session_id: str, *, since: datetime | None = None) -> list[VaultChangeRow]:
        """Return every change of a vault, from the time `since` on, in the order of time and event id."""
        if since is None:
            rows = await self._connection.rows(_CHANGES, session_id=session_id)
        else:
            rows = await self._connection.rows(_CHANGES_SINCE, session_id=session_id, since=lowest_time_uuid(since))
        return [_change_row(row) for row in sorted(rows, key=_order)]

    async def vault(self, session_id: str) -> list[VaultEntry]:
        """Return a reader's saved pages, the oldest first."""
        return _saved_after(await self._connection.rows(_CHANGES, session_id=session_id))

    async def saved(self, session_id: str, page_id: str) -> VaultEntry | None:
        """Return a page's entry in a reader's vault, None where it is not saved."""
        found = _saved_after(await self._connection.rows(_CHANGES_OF, session_id=session_id, page_id=page_id))
        return found[0] if found else None

    async def _change(self, session_id: str, page_id: str, at: datetime, event_id: str, values: dict[str, Any]) -> None:
        key = {"session_id": session_id, "page_id": page_id, "saved_ts": UUID(time_uuid(at, event_id))}
        await self._connection.write(
            Change(_CHANGE, {**key, **values, "event_id": event_id, "written": self._times.of(at)})
        )


def _saved_after(changes: Iterable[ResultRow]) -> list[VaultEntry]:
    """Return the pages saved after all changes, given in any order; the oldest first."""
    newest: dict[str, ResultRow] = {}
    for change in changes:
        newest[change["page_id"]] = max(newest.get(change["page_id"], change), change, key=_order)
    kept = sorted((change for change in newest.values() if not change["removed"]), key=_order)
    return [VaultEntry(**change, saved_at=time_of_uuid(str(change["saved_ts"]))) for change in kept]


def _change_row(row: ResultRow) -> VaultChangeRow:
    # A row of the schema's version 1 has no action.
    action = row["action"] or ("unsaved" if row["removed"] else "saved")
    return VaultChangeRow(**{**row, "action": action}, saved_at=time_of_uuid(str(row["saved_ts"])))


def _order(row: ResultRow) -> tuple[int, str, str]:
    return row["saved_ts"].time, row["event_id"], row["page_id"]
