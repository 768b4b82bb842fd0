"""What outcomes come to in the store, fact by fact, and whether the store says so. Pure.

A fact is what stands in one place. What ought to stand there and what was read there are the same facts in
the same order, so that a journey's projections are equal exactly if their hashes are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from pydantic import BaseModel

from qdpi.events import PageDone
from qdpi.journey import JourneyState
from qdpi.outcome import LogEntry, Outcome, log_entry
from qdpi.page_schema import Edges, Page, Signals
from qdpi.search.vectors import from_bytes
from qdpi.store.rows import Embedding, IndexRow, ReadingRow, SectionFigures, Snapshot, VaultEntry, section_figures

OUTCOMES: Final = "outcomes"
PAGES: Final = "pages"
EDGES: Final = "page_edges"
SIGNALS: Final = "page_index_signals"
READINGS: Final = "readings"
VECTORS: Final = "page_embeddings"
INDEX: Final = "pages_index"
LOG: Final = "events_log"
SNAPSHOTS: Final = "state_snapshots"
FIGURES: Final = "section_counters"
VAULT: Final = "vault"

Says = Mapping[str, Any]
THERE: Final[Says] = {"there": True}
"""What is said of a row whose contents no outcome tells."""
ROUNDING: Final = 1e-4
"""By how much a number of a vector of length 1 may differ: another processor adds in another order."""
_DECIMALS: Final = 9
"""A reading's scores are compared to so many: how floats are summed is the interpreter's version's."""


class Fact(NamedTuple):
    """What stands in a place, a table's row: its columns as JSON, None where nothing stands.

    `seq` is the outcome that it follows from, 0 for what follows from all of a journey's.
    """

    table: str
    key: str
    says: Says | None
    seq: int = 0


class Difference(NamedTuple):
    """A field that says something else than it ought to; `field` is empty where the whole row is wanting."""

    table: str
    key: str
    field: str
    wanted: Any
    found: Any
    seq: int = 0

    @property
    def is_unlogged(self) -> bool:
        """Whether a row of the events log is missing; `key` is then its event's id."""
        return self.table == LOG and not self.field


class ProjectionHash:
    """The hash (SHA-256, hex) of facts in their order, added one by one."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, facts: Iterable[Fact]) -> None:
        """Take facts along."""
        for table, key, says, _ in facts:
            # nothing and null are the same here, as they are in a table
            told = None if says is None else {name: value for name, value in says.items() if value is not None}
            self._hash.update(f"{_text([table, key, told])}\n".encode())

    def hexdigest(self) -> str:
        """Return the hash of all that was added."""
        return self._hash.hexdigest()


def projection_hash(facts: Iterable[Fact]) -> str:
    """Return the hash of facts in their order."""
    projection = ProjectionHash()
    projection.add(facts)
    return projection.hexdigest()


def differences(wanted: Iterable[Fact], found: Iterable[Fact]) -> Iterator[Difference]:
    """Give the differences of facts that are of the same places in the same order, field by field."""
    for due, there in zip(wanted, found, strict=True):
        if due.says is None or there.says is None:
            if due.says != there.says:
                yield Difference(due.table, due.key, "", due.says, there.says, due.seq)
            continue
        for field in sorted(due.says.keys() | there.says.keys()):
            if _text(due.says.get(field)) != _text(there.says.get(field)):
                yield Difference(due.table, due.key, field, due.says.get(field), there.says.get(field), due.seq)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows of a page: due ones, or those that were found, with what `is_as_computed` says of the vector."""

    page: Page | None
    edges: Edges | None
    signals: Signals | None
    reading: ReadingRow | None
    vector: Embedding | None
    index: IndexRow | None
    as_computed: bool = True


def is_as_computed(found: Embedding, due: Embedding) -> bool:
    """Tell whether a vector is the one that is due, but for rounding: its bytes may be others on other processors."""
    if len(found.embedding) != len(due.embedding):
        return False
    numbers, wanted = from_bytes(found.embedding, due.dim), from_bytes(due.embedding, due.dim)
    return bool(np.allclose(numbers, wanted, rtol=0, atol=ROUNDING))


def page_facts(page_id: str, rows: PageRows, seq: int = 0) -> list[Fact]:
    """Return the facts of a page."""
    vector = _said(rows.vector, include={"revision", "model", "dim"})
    reading = _said(rows.reading, include={"extractor_version", "reading"})
    values = {
        PAGES: _dotted(_said(rows.page), "edges", "signals"),
        EDGES: _said(rows.edges),
        SIGNALS: _said(rows.signals),
        READINGS: _dotted(_rounded(reading), "reading"),
        VECTORS: {**vector, "as_computed": rows.as_computed} if vector else None,
        INDEX: _said(rows.index),
    }
    return [Fact(table, page_id, says, seq) for table, says in values.items()]


def _said(row: BaseModel | None, **which: Any) -> Says | None:
    return row.model_dump(mode="json", **which) if row is not None else None


def _dotted(says: Says | None, *fields: str) -> Says | None:
    """Say what objects hold field by field, so that a difference shows what of them differs."""
    if says is None:
        return None
    parts = {f"{field}.{name}": value for field in fields for name, value in says[field].items()}
    return {**{name: value for name, value in says.items() if name not in fields}, **parts}


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(part) for name, part in value.items()}
    return round(value, _DECIMALS) if isinstance(value, float) else value


LogRows = Mapping[str, Says]
"""What the rows of a journey's log say, by event id."""


def log_row(entry: LogEntry, before: Says | None = None) -> Says:
    """Return what a row of the log says; one that is there more than once says how often."""
    times = before["rows"] + 1 if before else 1
    says = entry.model_dump(mode="json", include={"ts", "type", "headers_json"})
    return {**says, "payload_sha256": hashlib.sha256(entry.payload_json.encode()).hexdigest(), "rows": times}


def outcome_facts(outcome: Outcome, after: JourneyState, log: LogRows) -> list[Fact]:
    """Return the facts of an outcome besides its page's: the journey's state after it, and its rows of the log.

    The request's and the press's rows are the recorder's: of them it counts that they are there.
    """
    facts = [
        Fact(OUTCOMES, outcome.request_id, {"seq": after.seq, "state": after.digest()}, outcome.seq),
        Fact(LOG, outcome.event.event_id, log.get(outcome.event.event_id), outcome.seq),
    ]
    return facts + [Fact(LOG, event, THERE if event in log else None, outcome.seq) for event in recorded(outcome)]


def recorded(outcome: Outcome) -> list[str]:
    """Return the events, besides its own, that the log has of an outcome's run: its request and its press.

    Bytes that are no press are no event of the log, though the press they name is answered.
    """
    events = [outcome.request.event_id]
    if isinstance(outcome.event, PageDone) or outcome.event.error.code != "malformed_event":
        events.append(outcome.event.press_id)
    return events


def due_log_rows(outcome: Outcome) -> LogRows:
    """Return the rows of the log that an outcome calls for."""
    return {outcome.event.event_id: log_row(log_entry(outcome.event)), **dict.fromkeys(recorded(outcome), THERE)}


Departures = Mapping[int, SectionFigures]
"""A journey's figures by the sections that it ever departed from."""


def departures_after(before: Departures, state: JourneyState) -> Departures:
    """Return the figures after a state: zeros for the sections that it has come back to."""
    return {**dict.fromkeys(before, SectionFigures(0, 0)), **section_figures(state)}


def journey_facts(
    session_id: str, snapshot: Snapshot | None, figures: Departures, vault: Iterable[VaultEntry]
) -> list[Fact]:
    """Return the facts of a whole journey: its snapshot, its section figures and its vault."""
    saved = {entry.page_id: entry.model_dump(mode="json", exclude={"session_id", "page_id"}) for entry in vault}
    return [
        Fact(SNAPSHOTS, session_id, _snapshot(snapshot) if snapshot else None),
        Fact(FIGURES, session_id, {str(section): list(figure) for section, figure in figures.items()}),
        Fact(VAULT, session_id, saved),
    ]


def _snapshot(snapshot: Snapshot) -> Says:
    says = snapshot.model_dump(mode="json", include={"seq", "last_event_ts", "cursor"})
    return {**says, "state": snapshot.state.digest()}
