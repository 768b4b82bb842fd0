"""Statements, what consistency they are asked with, and the small builders of their text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

from qdpi.ids import microseconds

PAGE: Final = 200
"""Rows that come in one answer; more are asked for page by page."""


class Consistency(Enum):
    """How many replicas answer.

    Serial is SERIAL, not LOCAL_SERIAL: outcomes must be alone in their place in all datacenters, whichever of
    them a journey's generator runs in; in a cluster of one datacenter the two cost the same.
    """

    QUORUM = "LOCAL_QUORUM"
    SERIAL = "SERIAL"
    ONE = "LOCAL_ONE"


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement with named parameters, whose tables stand behind `{keyspace}.`.

    Written out: a server warns of a keyspace that comes beside a statement or by USE. `decides` marks a
    conditional one, which is not idempotent.
    """

    cql: str
    consistency: Consistency = Consistency.QUORUM
    decides: bool = False
    page: int = PAGE


class Change(NamedTuple):
    """A statement that writes, with its values."""

    statement: Statement
    values: dict[str, Any]


def select(
    columns: Iterable[str], table: str, rest: str, *, consistency: Consistency = Consistency.QUORUM, page: int = PAGE
) -> Statement:
    """Return a query of named columns; `rest` is what follows the table."""
    return Statement(f"SELECT {', '.join(columns)} FROM {{keyspace}}.{table} {rest}", consistency, page=page)  # noqa: S608


def insert(table: str, columns: Iterable[str], *, timed: bool = False, once: bool = False) -> Statement:
    """Return an insert of all columns: at the write time `:written` where `timed`, only of a new row where `once`."""
    names = list(columns)
    values = ", ".join(f":{name}" for name in names)
    ending = " IF NOT EXISTS" if once else ""
    ending += " USING TIMESTAMP :written" if timed else ""
    into = f"INSERT INTO {{keyspace}}.{table} ({', '.join(names)})"
    return Statement(f"{into} VALUES ({values}){ending}", decides=once)


class WriteTimes:
    """The write times of projections, in microseconds since 1970.

    A row is written at its version's time, so that equal versions write the same and a late writer loses. Where
    somebody is mending, it is written at the present time, which wins over a row's deletion.
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
