"""Holding a journey against the store: its outcomes are folded anew, and all that follows from them compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from qdpi.canon.editions import reading_row
from qdpi.events import Ask, Press, VaultChange
from qdpi.ids import request_id
from qdpi.journey import JourneyState, SequenceGap, fold
from qdpi.outcome import LogEntry, Outcome, dead_letter_of
from qdpi.page_schema import Page, Reading
from qdpi.repair.projections import (
    Departures,
    Difference,
    Fact,
    PageRows,
    ProjectionHash,
    Says,
    departures_after,
    differences,
    due_log_rows,
    is_as_computed,
    journey_facts,
    log_row,
    outcome_facts,
    page_facts,
)
from qdpi.search.analysis import EXTRACTOR_VERSION, read_text
from qdpi.search.hybrid import Embedder
from qdpi.services.ingest import embeddings_of, index_row
from qdpi.services.projector import snapshot_of
from qdpi.services.vault import newest_changes, vault_entries
from qdpi.store.paging import outcomes_of
from qdpi.store.ports import PageStore
from qdpi.store.rows import Snapshot
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


Read = tuple[Page, Reading | None]
"""A page with its reading, where one is told of."""


class BothRows(NamedTuple):
    """A page's rows as they are due and as they were found."""

    page_id: str
    due: PageRows
    found: PageRows


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

    def add_page(self, rows: BothRows, seq: int = 0) -> None:
        self.add(page_facts(rows.page_id, rows.due, seq), page_facts(rows.page_id, rows.found, seq))


async def compare(store: PageStore, session_id: str, embedder: Embedder) -> Comparison:
    """Hold a journey's outcomes, folded anew, against all that the store shows of it."""
    account, log = _Account(), await read_log(store, session_id)
    state, snapshot = JourneyState(), None
    departures: Departures = {}
    answered: set[str] = set()
    tidings: list[Tidings] = []
    async for outcome, rows in _with_rows(store, session_id, embedder):
        state = _folded(state, outcome)
        departures = departures_after(departures, state)
        snapshot = snapshot_of(outcome).model_copy(update={"state": state})
        account.add(
            outcome_facts(outcome, state, due_log_rows(outcome)),
            outcome_facts(outcome, _own_state(outcome), log.rows),
        )
        if rows is not None:
            account.add_page(rows, outcome.seq)
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
        chunk = [(page, None) for page in pages[start : start + AT_ONCE]]
        for rows in await _both_rows(store, chunk, embedder):
            account.add_page(rows)
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
    due = vault_entries(log.changes.values())
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


def _own_state(outcome: Outcome) -> JourneyState:
    return outcome.state.model_copy(update={"seq": outcome.seq})


def due_rows(read: Sequence[Read], embedder: Embedder) -> list[PageRows]:
    """Return the rows that pages call for: the vector of each page's text, and its reading where none is given.

    That takes some milliseconds a page: call it in a thread.
    """
    vectors = embeddings_of([page for page, _ in read], embedder)
    return [
        PageRows(
            page,
            page.edges,
            page.signals,
            reading_row(page, reading or read_text(page.text)),
            vector,
            index_row(page, embedder.model),
        )
        for (page, reading), vector in zip(read, vectors, strict=True)
    ]


async def found_rows(store: PageStore, page: Page, version: str) -> PageRows:
    """Return the rows that the store has of a page; of its readings that by a version of the extractor."""
    key = (page.page_id, page.revision)
    found, edges, signals, readings, vectors, index = await asyncio.gather(
        store.page(page.page_id),
        store.edges(page.page_id),
        store.signals(page.page_id),
        store.readings([key], version),
        store.embeddings([page.page_id]),
        store.index_row(CHARACTER_MAP[page.char_hex], page.section, page.page_id),
    )
    return PageRows(found, edges, signals, readings.get(key), vectors.get(page.page_id), index)


async def _both_rows(store: PageStore, read: Sequence[Read], embedder: Embedder) -> list[BothRows]:
    """Return the rows of pages; what is due is made in a thread while the store is asked for what is there."""
    versions = ((page, reading.version if reading else EXTRACTOR_VERSION) for page, reading in read)
    due, found = await asyncio.gather(
        asyncio.to_thread(due_rows, read, embedder),
        asyncio.gather(*(found_rows(store, page, version) for page, version in versions)),
    )
    return [
        BothRows(page.page_id, wanted, _judged(there, wanted))
        for (page, _), wanted, there in zip(read, due, found, strict=True)
    ]


def _judged(found: PageRows, due: PageRows) -> PageRows:
    if found.vector is None or due.vector is None:
        return found
    return replace(found, as_computed=is_as_computed(found.vector, due.vector))


async def _with_rows(
    store: PageStore, session_id: str, embedder: Embedder
) -> AsyncIterator[tuple[Outcome, BothRows | None]]:
    async for chunk in outcomes_of(store, session_id):
        written = [(outcome.page, outcome.reading) for outcome in chunk if outcome.page is not None]
        rows = iter(await _both_rows(store, written, embedder))
        for outcome in chunk:
            yield outcome, None if outcome.page is None else next(rows)


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
