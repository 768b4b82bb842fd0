"""Findings: the names of each kind of damage, and the remedy for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final, NamedTuple

from qdpi.repair.differences import Difference
from qdpi.services.projections import BY_TABLE
from qdpi.services.projections.projection import Projection, Remedy

_LONGEST: Final = 60
PUBLISHED: Final = "It is published again."


class Finding(NamedTuple):
    """Damage in one place. `journey` is None for a place that belongs to no journey."""

    name: str
    journey: str | None
    place: str
    detail: str
    remedy: Remedy


class RepairResult(NamedTuple):
    """A finding, and whether it was repaired. `cause` is the error that prevented it, empty without one."""

    finding: Finding
    mended: bool
    cause: str = ""


def findings_of(journey: str | None, differences: Iterable[Difference]) -> Iterator[Finding]:
    """Yield a finding for each row that differs."""
    for (table, key), group in groupby(differences, lambda difference: difference[:2]):
        columns, projection = list(group), BY_TABLE[table]
        condition = _condition(projection, columns)
        remedy = projection.remedies.get(condition, projection.remedy)
        name, place = f"{projection.noun}-{condition}", place_of(table, key)
        yield Finding(name, journey, place, _detail(projection, columns), remedy)


def unpublished_outcome(journey: str, seq: int) -> Finding:
    """Return the finding of an outcome whose event or dead letter is not on the bus."""
    detail = f"outcome {seq} is not on the bus"
    return Finding("outcome-untold", journey, f"outcomes/{seq}", detail, Remedy(PUBLISHED))


def unanswered_press(journey: str, press: str, *, in_log: bool) -> Finding:
    """Return the finding of a press without an outcome that no worker will answer."""
    where = "in the log" if in_log else "on the bus"
    detail = f"it is {where}, has no outcome, and no worker has it left to do"
    remedy = Remedy(f"{PUBLISHED} It is answered at its journey's end.")
    return Finding("press-unanswered", journey, f"presses/{press}", detail, remedy)


def idle_topic(topic: str) -> Finding:
    """Return the finding of a page's topic whose records are all gone."""
    remedy = Remedy("It is deleted; publishing to it makes it again.")
    return Finding("page-topic-idle", None, topic, "it had records and holds none", remedy)


def place_of(table: str, key: str) -> str:
    """Return a row's place as findings name it."""
    return f"{table}/{key}"


def places_of(differences: Iterable[Difference]) -> set[str]:
    """Return the places of the rows that differ."""
    return {place_of(difference.table, difference.key) for difference in differences}


def _condition(projection: Projection[Any], columns: list[Difference]) -> str:
    first = columns[0]
    if not first.field:
        return "missing" if first.found is None else "stray"
    for version in _versions(projection, columns):
        return "behind" if version.found < version.wanted else "ahead"
    return "changed"


def _versions(projection: Projection[Any], columns: list[Difference]) -> list[Difference]:
    return [column for column in columns if projection.version and column.field == projection.version]


def _detail(projection: Projection[Any], columns: list[Difference]) -> str:
    columns = _versions(projection, columns) or columns  # in a row of another version every column may differ
    seq = f"outcome {columns[0].seq}: " if columns[0].seq else ""
    if not columns[0].field:
        return seq + ("it is not there" if columns[0].found is None else "no row is due")
    label = projection.column_label.format
    return seq + "; ".join(f"{label(c.field)} is {shown(c.found)}, due is {shown(c.wanted)}" for c in columns)


def shown(value: Any) -> str:
    """Return a value in a line's wording, cut to a length of 60."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
