"""What a repair finds, in words: what each kind of damage is, and what is done about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final, NamedTuple

from qdpi.repair.projections import (
    EDGES,
    FIGURES,
    INDEX,
    LOG,
    OUTCOMES,
    PAGES,
    READINGS,
    SIGNALS,
    SNAPSHOTS,
    VAULT,
    VECTORS,
    Difference,
)

_SHOWN: Final = 60
REWRITTEN: Final = "It is written again from its outcome."
INDEXED: Final = "The page is indexed again."
PUBLISHED: Final = "It is published again."


class Remedy(NamedTuple):
    """What is done about damage; `mends` is false where a person must act."""

    words: str
    mends: bool = True


class Finding(NamedTuple):
    """One thing that is not as it ought to be. `journey` is None for what belongs to none."""

    name: str
    journey: str | None
    place: str
    detail: str
    remedy: Remedy


class Mended(NamedTuple):
    """A finding, and whether it was mended. `cause` is the error that kept it from being mended, where one did."""

    finding: Finding
    mended: bool
    cause: str = ""


_NAMES: Final = {
    OUTCOMES: "state",
    PAGES: "page",
    EDGES: "edges",
    SIGNALS: "signals",
    READINGS: "reading",
    VECTORS: "vector",
    INDEX: "index-row",
    LOG: "log-row",
    SNAPSHOTS: "snapshot",
    FIGURES: "figures",
    VAULT: "vault",
}
_REMEDIES: Final = {
    "page": Remedy(REWRITTEN),
    "edges": Remedy(REWRITTEN),
    "signals": Remedy(REWRITTEN),
    "reading": Remedy(INDEXED),
    "vector": Remedy(INDEXED),
    "index-row": Remedy(INDEXED),
    "log-row": Remedy("It is written again: from its outcome, or from the bus where that still has it."),
    "snapshot": Remedy("The newest is written again from the outcomes."),
    "figures": Remedy("They are written again from the outcomes."),
    "vault": Remedy("It is brought in line with the journey's log, and with what the bus still has of it."),
    "outcome-untold": Remedy(PUBLISHED),
    "press-unanswered": Remedy(PUBLISHED + " It is answered at its journey's end."),
    "page-topic-idle": Remedy("It is deleted; publishing to it makes it again."),
    "log-row-changed": Remedy("A row of the log is never written over: delete it, and repair again.", mends=False),
    "state-changed": Remedy("An outcome is never written over: restore the store from a backup.", mends=False),
    "snapshot-ahead": Remedy("Outcomes are gone that it knew of: restore the store from a backup.", mends=False),
    "vector-ahead": Remedy("If no ingest is at work, one broke off: ingest the book again.", mends=False),
    "index-row-ahead": Remedy("If no ingest is at work, one broke off: ingest the book again.", mends=False),
}
_VERSIONS: Final = {SNAPSHOTS: "seq", VECTORS: "revision", INDEX: "revision", PAGES: "revision"}


def finding(name: str, journey: str | None, place: str, detail: str) -> Finding:
    """Return a finding with its remedy: the name's own, or that of what it is about."""
    return Finding(name, journey, place, detail, _REMEDIES.get(name) or _REMEDIES[name.rpartition("-")[0]])


def findings_of(journey: str | None, differences: Iterable[Difference]) -> Iterator[Finding]:
    """Give a finding for each place that differs."""
    for (table, key), group in groupby(differences, lambda difference: difference[:2]):
        fields = list(group)
        name = f"{_NAMES[table]}-{_condition(fields)}"
        yield finding(name, journey, place_of(table, key), _detail(fields))


def place_of(table: str, key: str) -> str:
    """Return a place as a finding names it."""
    return f"{table}/{key}"


def places_of(differences: Iterable[Difference]) -> set[str]:
    """Return the places that differ, as findings name them."""
    return {place_of(difference.table, difference.key) for difference in differences}


def _condition(fields: list[Difference]) -> str:
    first = fields[0]
    if not first.field:
        return "missing" if first.found is None else "stray"
    for version in _versions(fields):
        return "behind" if version.found < version.wanted else "ahead"
    return "changed"


def _versions(fields: list[Difference]) -> list[Difference]:
    return [f for f in fields if f.field == _VERSIONS.get(f.table)]


def _detail(fields: list[Difference]) -> str:
    fields = _versions(fields) or fields  # a row of another version says everything otherwise
    seq = f"outcome {fields[0].seq}: " if fields[0].seq else ""
    if not fields[0].field:
        return seq + ("it is not there" if fields[0].found is None else "nothing ought to be there")
    return seq + "; ".join(f"{_named(f)} is {shown(f.found)}, due is {shown(f.wanted)}" for f in fields)


def _named(field: Difference) -> str:
    return f"section {field.field} (branches, debt)" if field.table == FIGURES else field.field


def shown(value: Any) -> str:
    """Return a value as a line tells of it, shortened."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
