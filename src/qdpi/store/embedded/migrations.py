"""Migrations of a store's file: what each version of the schema fills from the rows of the version before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Final

from qdpi.outcome import Outcome
from qdpi.store.columns import tree_row
from qdpi.store.embedded.outcomes import INSERT_TREE

_VAULT_CHANGES: Final = """
INSERT OR IGNORE INTO vault_changes (session_id, at, event_id, page_id, action, label, notes)
SELECT session_id, at, event_id, payload_json ->> '$.page_id', payload_json ->> '$.action',
       coalesce(payload_json ->> '$.label', ''), coalesce(payload_json ->> '$.notes', '')
FROM events_log WHERE type = 'gibsey.vault'
"""
_NEWEST_CHANGES: Final = """
INSERT OR IGNORE INTO vault_changes (session_id, at, event_id, page_id, action, label, notes)
SELECT session_id, at, event_id, page_id, iif(removed, 'unsaved', 'saved'), label, notes FROM vault
"""


def _to_2(connection: sqlite3.Connection) -> None:
    """Fill the tree of each journey, and the changes of each vault: from the log, and the newest from the vault too."""
    outcomes = connection.execute("SELECT session_id, seq, outcome_json FROM outcomes")
    connection.executemany(
        INSERT_TREE,
        (
            (session_id, seq, tree_row(Outcome.model_validate_json(stored)).model_dump_json(exclude_defaults=True))
            for session_id, seq, stored in outcomes
        ),
    )
    connection.execute(_VAULT_CHANGES)
    connection.execute(_NEWEST_CHANGES)


def _to_3(connection: sqlite3.Connection) -> None:
    """Add the titles that books give to sections: none of the books so far gave any."""
    connection.execute("ALTER TABLE voices ADD COLUMN section_title TEXT")


MIGRATIONS: Final[Mapping[int, Callable[[sqlite3.Connection], None]]] = {2: _to_2, 3: _to_3}
"""By version: what migrates a file of the version before, once the schema's new tables exist."""
