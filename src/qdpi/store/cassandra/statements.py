"""CQL statements with their consistency, builders of their text, and the write times of projections."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

from qdpi.ids import microseconds

FETCH_SIZE: Final = 200
"""Rows in one page of results."""
BATCH_SIZE: Final = 10
"""Rows in one batch: usually 20 KB of canon pages, at most 12 MB, where a server accepts 16 MB."""


class Consistency(Enum):
    """How many replicas answer.

    Serial is SERIAL, not LOCAL_SERIAL: the place of an outcome must be unique across datacenters, whichever of them
    the journey's generator runs in. In a cluster of one datacenter the two cost the same.
    """

    QUORUM = "LOCAL_QUORUM"
    SERIAL = "SERIAL"
    ONE = "LOCAL_ONE"


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement with named parameters, its table qualified by `{keyspace}.`.

    The keyspace is part of the text, because a server warns of one that is sent beside a statement or set by USE.
    A `conditional` statement (IF …) is not idempotent.
    """

    cql: str
    consistency: Consistency = Consistency.QUORUM
    conditional: bool = False
    fetch_size: int = FETCH_SIZE


class Change(NamedTuple):
    """A statement that writes, with its values."""

    statement: Statement
    values: dict[str, Any]


def select(
    columns: Iterable[str],
    table: str,
    rest: str,
    *,
    consistency: Consistency = Consistency.QUORUM,
    fetch_size: int = FETCH_SIZE,
) -> Statement:
    """Return a query of named columns; `rest` follows the table."""
    cql = f"SELECT {', '.join(columns)} FROM {{keyspace}}.{table} {rest}"  # noqa: S608
    return Statement(cql, consistency, fetch_size=fetch_size)


def insert(table: str, columns: Iterable[str], *, timed: bool = False, once: bool = False) -> Statement:
    """Return an insert of all columns.

    A `timed` one is written at the write time `:written`; with `once` only a new row is written (IF NOT EXISTS).
    """
    names = list(columns)
    values = ", ".join(f":{name}" for name in names)
    ending = " IF NOT EXISTS" if once else ""
    ending += " USING TIMESTAMP :written" if timed else ""
    into = f"INSERT INTO {{keyspace}}.{table} ({', '.join(names)})"
    return Statement(f"{into} VALUES ({values}){ending}", conditional=once)


def batches(changes: Iterable[Change], partition: Callable[[Change], Hashable]) -> list[list[Change]]:
    """Group changes into batches of one `partition` each, in their order.

    A batch of one partition is one mutation for a server: 710 canon pages are written in a third of the time.
    """
    partitions: dict[Hashable, list[list[Change]]] = {}
    for change in changes:
        filled = partitions.setdefault(partition(change), [[]])
        if len(filled[-1]) == BATCH_SIZE:
            filled.append([])
        filled[-1].append(change)
    return [batch for filled in partitions.values() for batch in filled]


class WriteTimes:
    """The write times of projections, in microseconds since 1970.

    A row is written at its version's time, so that equal versions write the same and an older version loses. During
    a repair it is written at the present time, which wins over a tombstone.
    """

    def __init__(self, now: Callable[[], datetime], *, repairing: bool) -> None:
        self._now, self.repairing = now, repairing
        self._last = 0

    def of(self, version: datetime, step: int = 0) -> int:
        """Return the write time of a version: `step` microseconds after its time."""
        if not self.repairing:
            return microseconds(version) + step
        self._last = max(microseconds(self._now()), self._last + 1)
        return self._last
