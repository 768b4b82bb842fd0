"""The facts that are due and the facts that are stored, their differences and their hashes. Pure.

A fact is a row of a table. The due facts and the stored ones are of the same rows in the same order, so a journey's
projections are equal exactly if their hashes are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from qdpi.services.projections.projection import Columns


class Fact(NamedTuple):
    """A table's row: its compared columns, None for no row. `seq` is its outcome's, 0 for rows of a whole journey."""

    table: str
    key: str
    columns: Columns | None
    seq: int = 0


class Difference(NamedTuple):
    """A column whose value is not the one due. `field` is empty where the row itself is missing or superfluous."""

    table: str
    key: str
    field: str
    wanted: Any
    found: Any
    seq: int = 0


class FactsHash:
    """The SHA-256, in hex, of facts in their order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, facts: Iterable[Fact]) -> None:
        """Hash further facts."""
        for table, key, columns, _ in facts:
            # A column that is null equals one that is absent, as in a table.
            filled = None if columns is None else {name: value for name, value in columns.items() if value is not None}
            self._hash.update(f"{_text([table, key, filled])}\n".encode())

    def hexdigest(self) -> str:
        """Return the hash of the facts so far."""
        return self._hash.hexdigest()


def differences(wanted: Iterable[Fact], found: Iterable[Fact]) -> Iterator[Difference]:
    """Yield the differences, column by column, of facts that are of the same rows in the same order."""
    for due, stored in zip(wanted, found, strict=True):
        if due.columns is None or stored.columns is None:
            if due.columns != stored.columns:
                yield Difference(due.table, due.key, "", due.columns, stored.columns, due.seq)
            continue
        for field in sorted(due.columns.keys() | stored.columns.keys()):
            wanted_value, found_value = due.columns.get(field), stored.columns.get(field)
            if _text(wanted_value) != _text(found_value):
                yield Difference(due.table, due.key, field, wanted_value, found_value, due.seq)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
