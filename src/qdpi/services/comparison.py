"""Holding a journey against the store: its outcomes are folded anew, and all that follows from them compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from qdpi.catalog import reading_row
from qdpi.events import Ask, Press, VaultChange
from qdpi.identity import request_id
from qdpi.journey import JourneyState, SequenceGap, fold
from qdpi.outcome import LogEntry, Outcome, dead_letter_of
from qdpi.page_schema import Page
from qdpi.projections import (
    Departures,
    Difference,
    Fact,
    LogRows,
    PageRows,
    ProjectionHash,
    Says,
    departures_after,
    differences,
    due_log_rows,
    journey_facts,
    log_row,
    newest_changes,
    outcome_facts,
    page_facts,
)
from qdpi.retrieval.index import Embedder
from qdpi.retrieval.reading import EXTRACTOR_VERSION
from qdpi.services.derivation import snapshot_of
from qdpi.services.ingest import index_row
from qdpi.services.recorder import vault_entry
from qdpi.store.paging import outcomes_of
from qdpi.store.port import Embedding, PageStore, Reading, Snapshot
from qdpi.symbols import CHARACTER_MAP

AT_ONCE: Final = 50
"""How many outcomes are held against the store at once."""
_LOG_ROWS: Final = 2_000


class Tidings(NamedTuple):
    """What an outcome tells the bus: its event and its dead letter, where it has one, each by topic and id."""

    seq: int
    request: str
    at: datetime
    events: tuple[tuple[str, str], ...]


class Comparison(NamedTuple):
    """A journey as its outcomes tell it and as the store shows it: equal exactly if the hashes are.

    Without a `journey` it is the canon, and counts its pages. `tidings` is what its outcomes tell the bus, in
    their order; `unanswered` are the presses and asks of its log that have no outcome.
    """

    journey: str | None
    outcomes: int
    wanted: str
    found: str
    differences: tuple[Difference, ...] = ()
    tidings: tuple[Tidings, ...] = ()
    unanswered: tuple[LogEntry, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether the store shows what the outcomes tell."""
        return self.wanted == self.found


@dataclass
class JourneyLog:
    """A journey's log as far as it is compared: its rows, what is in the vault by it, and its presses."""

    rows: dict[str, Says] = field(default_factory=dict)
    changes: dict[str, VaultChange] = field(default_factory=dict)
    presses: dict[str, LogEntry] = field(default_factory=dict)

    def take(self, entries: Collection[LogEntry]) -> None:
        """Take rows along."""
        for entry in entries:
            self.rows[entry.event_id] = log_row(entry, self.rows.get(entry.event_id))
            if entry.type in {Press.topic, Ask.topic}:
                self.presses.setdefault(entry.event_id, entry)
        self.changes = newest_changes(self.changes, entries)


class _Account:
    """Both sides of a comparison, as facts come."""

    def __init__(self) -> None:
        self.wanted, self.found = ProjectionHash(), ProjectionHash()
        self.differences: list[Difference] = []

    def add(self, wanted: list[Fact], found: list[Fact]) -> None:
        self.wanted.add(wanted)
        self.found.add(found)
        self.differences += differences(wanted, found)


async def compare(store: PageStore, session_id: str, embedder: Embedder) -> Comparison:
    """Hold a journey's outcomes, folded anew, against all that the store shows of it."""
    account, log = _Account(), await read_log(store, session_id)
    state, snapshot = JourneyState(), None
    departures: Departures = {}
    answered: set[str] = set()
    tidings: list[Tidings] = []
    async for outcome, rows in _with_rows(store, session_id):
        state = _folded(state, outcome)
        departures = departures_after(departures, state)
        snapshot = snapshot_of(outcome).model_copy(update={"state": state})
        account.add(_due_facts(outcome, state, embedder), _found_facts(outcome, rows, log.rows))
        answered.add(outcome.request_id)
        tidings.append(_tidings(outcome))
    await _close(store, session_id, account, snapshot, departures, log)
    return Comparison(
        session_id,
        len(answered),
        account.wanted.hexdigest(),
        account.found.hexdigest(),
        tuple(account.differences),
        tuple(tidings),
        tuple(entry for press, entry in log.presses.items() if request_id(press) not in answered),
    )


async def compare_canon(store: PageStore, embedder: Embedder) -> Comparison:
    """Hold the canon's current revision against all that the store shows of its pages; it is nobody's journey."""
    account, pages = _Account(), await canon_pages(store)
    for start in range(0, len(pages), AT_ONCE):
        chunk = pages[start : start + AT_ONCE]
        rows = await asyncio.gather(*(found_rows(store, page) for page in chunk))
        for page, found in zip(chunk, rows, strict=True):
            account.add(page_facts(page.page_id, due_rows(page, embedder)), page_facts(page.page_id, found))
    hashes = account.wanted.hexdigest(), account.found.hexdigest()
    return Comparison(None, len(pages), *hashes, tuple(account.differences))


async def canon_pages(store: PageStore) -> list[Page]:
    """Return the pages of the canon's current revision, none where there is no book."""
    number = await store.canon_number()
    return await store.canon_pages(number) if number is not None else []


def _tidings(outcome: Outcome) -> Tidings:
    letter = dead_letter_of(outcome)
    told = (outcome.event, letter) if letter else (outcome.event,)
    events = tuple((event.topic, event.event_id) for event in told)
    return Tidings(outcome.seq, outcome.request.event_id, outcome.at, events)


async def _close(
    store: PageStore,
    session_id: str,
    account: _Account,
    snapshot: Snapshot | None,
    departures: Departures,
    log: JourneyLog,
) -> None:
    due = [vault_entry(change) for change in log.changes.values() if change.action != "unsaved"]
    found = await asyncio.gather(store.snapshot(session_id), store.section_figures(session_id), store.vault(session_id))
    account.add(
        journey_facts(session_id, snapshot, departures, due),
        journey_facts(session_id, *found),
    )


def _folded(state: JourneyState, outcome: Outcome) -> JourneyState:
    """Return the state after an outcome; behind a gap the fold goes on from what the outcome itself says."""
    try:
        return fold(state, outcome.event)
    except SequenceGap:
        return outcome.state.model_copy(update={"seq": state.seq + 1})


def _due_facts(outcome: Outcome, state: JourneyState, embedder: Embedder) -> list[Fact]:
    facts = outcome_facts(outcome, state, due_log_rows(outcome))
    if outcome.page is None:
        return facts
    reading = reading_row(outcome.page, outcome.reading) if outcome.reading else None
    return facts + page_facts(outcome.page.page_id, due_rows(outcome.page, embedder, reading), outcome.seq)


def _found_facts(outcome: Outcome, rows: PageRows | None, log: LogRows) -> list[Fact]:
    facts = outcome_facts(outcome, outcome.state.model_copy(update={"seq": outcome.seq}), log)
    return (
        facts if outcome.page is None or rows is None else facts + page_facts(outcome.page.page_id, rows, outcome.seq)
    )


def due_rows(page: Page, embedder: Embedder, reading: Reading | None = None) -> PageRows:
    """Return the rows that a page calls for; without its reading, that some is kept."""
    vector = Embedding(
        page_id=page.page_id, revision=page.revision, model=embedder.model, dim=embedder.dim, embedding=b""
    )
    kept = reading or Reading(
        page_id=page.page_id, revision=page.revision, extractor_version=EXTRACTOR_VERSION, reading={}
    )
    return PageRows(page, page.edges, page.signals, kept, vector, index_row(page, embedder.model))


async def found_rows(store: PageStore, page: Page, version: str | None = None) -> PageRows:
    """Return the rows that the store has of a page; of its reading by any but a named version, that it is kept."""
    key = (page.page_id, page.revision)
    found, edges, signals, readings, vectors, index = await asyncio.gather(
        store.page(page.page_id),
        store.edges(page.page_id),
        store.signals(page.page_id),
        store.readings([key], version or EXTRACTOR_VERSION),
        store.embeddings([page.page_id]),
        store.index_row(CHARACTER_MAP[page.char_hex], page.section, page.page_id),
    )
    reading = readings.get(key)
    if reading is not None and version is None:
        reading = reading.model_copy(update={"reading": {}})
    return PageRows(found, edges, signals, reading, vectors.get(page.page_id), index)


async def _with_rows(store: PageStore, session_id: str) -> AsyncIterator[tuple[Outcome, PageRows | None]]:
    async for chunk in outcomes_of(store, session_id):
        rows = await asyncio.gather(*(_rows_of(store, outcome) for outcome in chunk))
        for pair in zip(chunk, rows, strict=True):
            yield pair


async def _rows_of(store: PageStore, outcome: Outcome) -> PageRows | None:
    if outcome.page is None:
        return None
    return await found_rows(store, outcome.page, outcome.reading.version if outcome.reading else None)


async def read_log(store: PageStore, session_id: str) -> JourneyLog:
    """Return a journey's log, read some rows at a time."""
    log, since, seen = JourneyLog(), None, set[str]()
    while True:
        # The rows of the time that was read last come again: there may be more of that time.
        rows = await store.log(session_id, since=since, limit=_LOG_ROWS + len(seen))
        fresh = [entry for entry in rows if entry.time_uuid not in seen]
        if not fresh:
            return log
        log.take(fresh)
        since = rows[-1].ts
        seen = {entry.time_uuid for entry in rows if entry.ts == since}
