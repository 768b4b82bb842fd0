"""Compare what the store holds of a journey, or of the canon, with what is due: outcomes folded again, every table."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, Protocol, TypeVar

from qdpi.events import Ask, PageDone, PageFailed, Press, VaultChange
from qdpi.ids import request_id
from qdpi.journey import JourneyState, SectionFigures, SequenceGap, fold
from qdpi.outcome import LogEntry, Outcome, dead_letter_of, in_current_form
from qdpi.page_schema import Page
from qdpi.repair.differences import Difference, Fact, FactsHash, differences
from qdpi.search.vectors import Embedder
from qdpi.services.projections.journeys import (
    OF_EVENT,
    OF_JOURNEY,
    OF_OUTCOME,
    JourneySource,
    OutcomeSource,
    events_of,
    figures_after,
    log_columns,
    snapshot_of,
)
from qdpi.services.projections.pages import OF_PAGE, PageSource, pages_of, with_embeddings, with_readings
from qdpi.services.projections.projection import Columns, Projection
from qdpi.services.vault import newest_changes
from qdpi.store.paging import log_of, outcomes_of
from qdpi.store.ports import Canon, PageStore
from qdpi.store.rows import Snapshot

_COMPARED: Final = {PageDone.topic, PageFailed.topic}
AT_ONCE: Final = 50
"""How many pages are compared at once."""


class ExpectedMessages(NamedTuple):
    """The messages due from an outcome, each as (topic, event id): its event, and its dead letter if it has one.

    `request` is the id of the outcome's request event, and `at` the time of the commit.
    """

    seq: int
    request: str
    at: datetime
    events: tuple[tuple[str, str], ...]


class Comparison(NamedTuple):
    """A journey as it is due and as it is stored: equal exactly if the hashes `wanted` and `found` are.

    A comparison of the canon has no `journey`, and counts pages in `outcomes`. `messages` are those due from the
    outcomes, in their order; `unanswered` are the log's rows of the presses and asks that have no outcome.
    """

    journey: str | None
    outcomes: int
    wanted: str
    found: str
    differences: tuple[Difference, ...] = ()
    messages: tuple[ExpectedMessages, ...] = ()
    unanswered: tuple[LogEntry, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether the stored rows are those that are due."""
        return self.wanted == self.found


class Facts(NamedTuple):
    """Facts as they are due and as they are stored, of the same rows in the same order."""

    wanted: list[Fact]
    found: list[Fact]


class Source(Protocol):
    """What the facts of a projection are about."""

    @property
    def key(self) -> str:
        """The key of the rows."""
        ...

    @property
    def seq(self) -> int:
        """The seq of the outcome that the rows are derived from, 0 for all of a journey's."""
        ...


S = TypeVar("S", bound=Source)


async def compare(store: PageStore, session_id: str, embedder: Embedder) -> Comparison:
    """Compare a journey with its outcomes, folded again."""
    work = _JourneyComparison(store, session_id, await read_log(store, session_id))
    async for chunk in outcomes_of(store, session_id):
        pages = pages_of(chunk)
        facts = dict(zip((page.seq for page in pages), await _facts_of_pages(store, pages, embedder), strict=True))
        for outcome in chunk:
            await work.add(outcome, facts.get(outcome.seq))
    return await work.close()


async def compare_canon(store: PageStore, embedder: Embedder) -> Comparison:
    """Compare the pages of the canon's current revision with the tables derived from them."""
    sides, pages = _Sides(), await canon_pages(store)
    for start in range(0, len(pages), AT_ONCE):
        chunk = [PageSource(page) for page in pages[start : start + AT_ONCE]]
        for facts in await _facts_of_pages(store, chunk, embedder):
            sides.add(facts)
    return Comparison(None, len(pages), *sides.hashes(), tuple(sides.differences))


async def canon_pages(store: Canon) -> list[Page]:
    """Return the pages of the canon's current revision, none where there is no book."""
    number = await store.canon_number()
    return await store.canon_pages(number) if number is not None else []


class _Sides:
    """The due side and the stored side of a comparison."""

    def __init__(self) -> None:
        self._wanted, self._found = FactsHash(), FactsHash()
        self.differences: list[Difference] = []

    def add(self, facts: Facts) -> None:
        self._wanted.add(facts.wanted)
        self._found.add(facts.found)
        self.differences += differences(*facts)

    def hashes(self) -> tuple[str, str]:
        return self._wanted.hexdigest(), self._found.hexdigest()


class _JourneyComparison:
    """A comparison of a journey: its outcomes are added in their order, then it is closed."""

    def __init__(self, store: PageStore, session_id: str, log: JourneyLog) -> None:
        self._store, self._session_id, self._log = store, session_id, log
        self._sides = _Sides()
        self._state = JourneyState()
        self._snapshot: Snapshot | None = None
        self._figures: dict[int, SectionFigures] = {}
        self._answered: set[str] = set()
        self._messages: list[ExpectedMessages] = []

    async def add(self, outcome: Outcome, page: Facts | None) -> None:
        """Compare an outcome and its events, and take in the facts of its page."""
        self._state = _folded(self._state, outcome)
        self._figures = figures_after(self._figures, self._state)
        self._snapshot = snapshot_of(outcome).model_copy(update={"state": self._state})
        self._answered.add(outcome.request_id)
        self._messages.append(expected_messages(outcome))
        self._sides.add(await _facts(self._store, OF_OUTCOME, [OutcomeSource(outcome, self._state)]))
        self._sides.add(await _facts(self._store, OF_EVENT, events_of(outcome, self._log.rows)))
        if page is not None:
            self._sides.add(page)

    async def close(self) -> Comparison:
        """Compare the tables of the whole journey, and return the comparison."""
        changes = tuple(self._log.changes.values())
        journey = JourneySource(self._session_id, self._snapshot, self._figures, changes)
        self._sides.add(await _facts(self._store, OF_JOURNEY, [journey]))
        return Comparison(
            self._session_id,
            len(self._answered),
            *self._sides.hashes(),
            tuple(self._sides.differences),
            tuple(self._messages),
            tuple(entry for press, entry in self._log.presses.items() if request_id(press) not in self._answered),
        )


async def _facts_of_pages(store: PageStore, pages: Sequence[PageSource], embedder: Embedder) -> list[Facts]:
    if not pages:
        return []
    complete = await asyncio.to_thread(lambda: with_embeddings(with_readings(pages), embedder))
    return await asyncio.gather(*(_facts(store, OF_PAGE, [page]) for page in complete))


async def _facts(store: PageStore, projections: Sequence[Projection[S]], sources: Sequence[S]) -> Facts:
    """Return the facts of some tables about some sources."""
    rows = [(projection, source) for source in sources for projection in projections]
    stored = await asyncio.gather(*(projection.read(store, source) for projection, source in rows))
    facts = Facts([], [])
    for (projection, source), found in zip(rows, stored, strict=True):
        due = projection.due(source)
        facts.wanted.append(_fact(projection, source, due, due))
        facts.found.append(_fact(projection, source, found, due))
    return facts


def _fact(projection: Projection[S], source: S, row: object, due: object) -> Fact:
    columns = projection.columns(row, due) if row is not None else None
    return Fact(projection.table, source.key, columns, source.seq)


def expected_messages(outcome: Outcome) -> ExpectedMessages:
    """Return the messages due from an outcome."""
    letter = dead_letter_of(outcome)
    due = (outcome.event, letter) if letter else (outcome.event,)
    events = tuple((event.topic, event.event_id) for event in due)
    return ExpectedMessages(outcome.seq, outcome.request.event_id, outcome.at, events)


def _folded(state: JourneyState, outcome: Outcome) -> JourneyState:
    """Return the state after an outcome. Behind a gap in the seqs, the fold continues from the outcome's own state."""
    try:
        return fold(state, outcome.event)
    except SequenceGap:
        return outcome.state.model_copy(update={"seq": state.seq + 1})


@dataclass
class JourneyLog:
    """What a comparison needs of a journey's log, by event id: its rows, the newest vault changes, the presses."""

    rows: dict[str, Columns] = field(default_factory=dict)
    changes: dict[str, VaultChange] = field(default_factory=dict)
    presses: dict[str, LogEntry] = field(default_factory=dict)

    def add(self, entries: Collection[LogEntry]) -> None:
        """Add rows, in their order."""
        for entry in entries:
            self.rows[entry.event_id] = log_columns(_comparable(entry), self.rows.get(entry.event_id))
            if entry.type in {Press.topic, Ask.topic}:
                self.presses.setdefault(entry.event_id, entry)
        self.changes = newest_changes(self.changes, entries)


def _comparable(entry: LogEntry) -> LogEntry:
    # Only the events of outcomes are compared in full.
    return in_current_form(entry) if entry.type in _COMPARED else entry


async def read_log(store: PageStore, session_id: str) -> JourneyLog:
    """Read a journey's log, in batches."""
    log = JourneyLog()
    async for entries in log_of(store, session_id):
        log.add(entries)
    return log


def tables_by_seq(differences: Iterable[Difference]) -> dict[int, set[str]]:
    """Return the tables that differ by the seq of the outcome; those of a whole journey under 0."""
    tables: dict[int, set[str]] = {}
    for difference in differences:
        tables.setdefault(difference.seq, set()).add(difference.table)
    return tables
