"""A reader's vault, folded from its changes: by page the newest change wins, by time and then event id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from qdpi.events import VaultChange, decode
from qdpi.outcome import LogEntry
from qdpi.store.ports import Vault
from qdpi.store.rows import VaultChangeRow, VaultEntry


def newest_changes(before: Mapping[str, VaultChange], entries: Iterable[LogEntry]) -> dict[str, VaultChange]:
    """Return the newest change of each page, by page id: `before` updated with the vault changes among log rows."""
    newest = dict(before)
    for entry in entries:
        if entry.type == VaultChange.topic:
            change = decode(VaultChange, entry.payload_json.encode())
            known = newest.get(change.page_id)
            if known is None or (known.ts, known.event_id) <= (change.ts, change.event_id):
                newest[change.page_id] = change
    return newest


def vault_entries(changes: Iterable[VaultChange]) -> list[VaultEntry]:
    """Return the entries that the newest change of each page leaves in a vault; an unsaved page has none."""
    return [vault_entry(change) for change in changes if change.action != "unsaved"]


def entries_at(changes: Iterable[VaultChangeRow], time: datetime) -> list[VaultEntry]:
    """Return what a vault held at a time, the oldest first, from its stored changes in their order."""
    newest = {row.page_id: vault_change(row) for row in changes if row.saved_at <= time}
    return sorted(vault_entries(newest.values()), key=lambda entry: (entry.saved_at, entry.event_id, entry.page_id))


def vault_entry(change: VaultChange) -> VaultEntry:
    """Return the entry for a change that saves or labels a page."""
    return VaultEntry(
        session_id=change.session_id,
        page_id=change.page_id,
        saved_at=change.ts,
        event_id=change.event_id,
        label=change.label,
        notes=change.notes,
    )


def vault_change(row: VaultChangeRow) -> VaultChange:
    """Return the change of a stored row."""
    return VaultChange(
        event_id=row.event_id,
        ts=row.saved_at,
        session_id=row.session_id,
        action=row.action,
        page_id=row.page_id,
        label=row.label,
        notes=row.notes,
    )


async def keep_change(change: VaultChange, store: Vault) -> None:
    """Apply a change to its vault; it has no effect after a newer change of the same page."""
    if change.action == "unsaved":
        await store.unsave(change.session_id, change.page_id, change.ts, change.event_id)
    else:
        await store.save(vault_entry(change), labelled=change.action == "labelled")
