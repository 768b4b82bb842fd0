"""Checks a history: the presses, compared with the stored rows, the published events and what readers saw.

Pure, and about the ports' values only, so that it can check every adapter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from qdpi.events import DeadLetter, PageDone, PageFailed
from qdpi.ids import request_id
from qdpi.journey import JourneyState, SequenceGap, fold
from qdpi.outcome import LogEntry, Outcome, dead_letter_of
from qdpi.page_schema import Edges, Page
from qdpi.store.rows import Snapshot


class Broken(StrEnum):
    """The kinds of violation."""

    LOST_PRESS = "a press has no outcome"
    DOUBLED_PRESS = "a press has two outcomes"
    STRAY_OUTCOME = "an outcome answers no press"
    SEQ_GAP = "the outcomes are not numbered from 1 without a gap"
    OUT_OF_ORDER = "outcomes are in another order than the presses"
    STATE_OFF_FOLD = "an outcome's state is not the fold of the outcomes up to it"
    DOUBLED_PAGE = "a page is stored twice"
    MISSING_PAGE = "a committed page is not in the store"
    CHANGED_PAGE = "a stored page is not the committed one"
    STRAY_PAGE = "a stored page is no outcome's"
    PAGE_WITHOUT_EDGES = "a page has no edges"
    EDGES_WITHOUT_PAGE = "edges belong to no page"
    CHANGED_EDGES = "stored edges are not the committed ones"
    OFF_THE_RING = "a page's return_to is no page of the ring"
    NOT_INDEXED = "a page was never indexed"
    SNAPSHOT_BEHIND = "a journey's snapshot is missing or behind its head"
    SNAPSHOT_OFF_FOLD = "a snapshot is not the fold of the outcomes up to it"
    LOG_MISSING = "an event is not in the events log"
    LOG_DOUBLED = "an event is in the events log twice"
    UNPUBLISHED = "an outcome was never published"
    PUBLISHED_CHANGED = "a published outcome is not the committed one"
    LETTER_MISSING = "a failure has no dead letter"
    STREAM_MISSED = "a stream client missed an outcome"
    STREAM_REPEATED = "a stream client saw an outcome twice"
    STREAM_OUT_OF_ORDER = "a stream client saw outcomes out of order"


class Violation(NamedTuple):
    """A violation: its kind, its journey, and the press, page or event concerned."""

    broken: Broken
    journey: str
    what: str


class Stream(NamedTuple):
    """The seqs that a client received over all its connections, beginning after `after`."""

    client: str
    journey: str
    seqs: tuple[int, ...]
    after: int = 0


@dataclass(frozen=True)
class History:
    """All data of a check. `presses` are the event ids of each journey in order.

    `outcomes` are the rows of each journey's partition; `pages` the generated page rows, `edges` the
    stored edges of generated pages; `published` and `letters` the records on the bus, repeats included.
    `repeated` are the presses that their client sent again: the log may have a row for each arrival.
    """

    ring: Collection[str]
    presses: Mapping[str, tuple[str, ...]]
    outcomes: Mapping[str, tuple[Outcome, ...]]
    pages: tuple[Page, ...] = ()
    edges: Mapping[str, Edges] = field(default_factory=dict)
    indexed: Collection[str] = ()
    log: Mapping[str, tuple[LogEntry, ...]] = field(default_factory=dict)
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    published: tuple[PageDone | PageFailed, ...] = ()
    letters: tuple[DeadLetter, ...] = ()
    streams: tuple[Stream, ...] = ()
    repeated: Collection[str] = ()

    def all_outcomes(self) -> Iterator[Outcome]:
        """Every outcome of every journey."""
        for outcomes in self.outcomes.values():
            yield from outcomes


def violations(history: History) -> list[Violation]:
    """Return all violations in a history."""
    return [violation for check in _CHECKS for violation in check(history)]


def _presses(history: History) -> Iterator[Violation]:
    for journey in history.presses.keys() | history.outcomes.keys():
        answers = Counter(o.event.press_id for o in history.outcomes.get(journey, ()))
        pressed = history.presses.get(journey, ())
        for press in pressed:
            if answers[press] == 0:
                yield Violation(Broken.LOST_PRESS, journey, press)
            if answers[press] > 1:
                yield Violation(Broken.DOUBLED_PRESS, journey, press)
        for stray in answers.keys() - set(pressed):
            yield Violation(Broken.STRAY_OUTCOME, journey, stray)


def _order(history: History) -> Iterator[Violation]:
    for journey, outcomes in history.outcomes.items():
        seqs = [outcome.seq for outcome in outcomes]
        if seqs != list(range(1, len(seqs) + 1)):
            yield Violation(Broken.SEQ_GAP, journey, f"{seqs}")
        known = set(history.presses.get(journey, ()))
        answered = _firsts(o.event.press_id for o in outcomes if o.event.press_id in known)
        there = set(answered)
        if answered != [press for press in history.presses.get(journey, ()) if press in there]:
            yield Violation(Broken.OUT_OF_ORDER, journey, " ".join(answered))


def _firsts(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _states(history: History) -> Iterator[Violation]:
    for journey, outcomes in history.outcomes.items():
        state = JourneyState()
        for outcome in outcomes:
            try:
                state = fold(state, outcome.event)
            except SequenceGap:
                break
            if outcome.state.digest() != state.digest():
                yield Violation(Broken.STATE_OFF_FOLD, journey, f"seq {outcome.seq}")


def _pages(history: History) -> Iterator[Violation]:
    committed = {o.page.page_id: o.page for o in history.all_outcomes() if o.page}
    rows = Counter(page.page_id for page in history.pages)
    for page in committed.values():
        if rows[page.page_id] == 0:
            yield Violation(Broken.MISSING_PAGE, page.session_id or "", page.page_id)
        if page.page_id not in history.indexed:
            yield Violation(Broken.NOT_INDEXED, page.session_id or "", page.page_id)
        if page.return_to not in history.ring:
            yield Violation(Broken.OFF_THE_RING, page.session_id or "", f"{page.page_id} returns to {page.return_to}")
    for page in history.pages:
        if rows[page.page_id] > 1:
            yield Violation(Broken.DOUBLED_PAGE, page.session_id or "", page.page_id)
        if page.page_id not in committed:
            yield Violation(Broken.STRAY_PAGE, page.session_id or "", page.page_id)
        elif page != committed[page.page_id]:
            yield Violation(Broken.CHANGED_PAGE, page.session_id or "", page.page_id)


def _edges(history: History) -> Iterator[Violation]:
    owners = {page.page_id: page for page in history.pages}
    for page in owners.values():
        if page.page_id not in history.edges:
            yield Violation(Broken.PAGE_WITHOUT_EDGES, page.session_id or "", page.page_id)
        elif history.edges[page.page_id] != page.edges:
            yield Violation(Broken.CHANGED_EDGES, page.session_id or "", page.page_id)
    for stray in history.edges.keys() - owners.keys():
        yield Violation(Broken.EDGES_WITHOUT_PAGE, "", stray)


def _snapshots(history: History) -> Iterator[Violation]:
    for journey, outcomes in history.outcomes.items():
        snapshot = history.snapshots.get(journey)
        if outcomes and (snapshot is None or snapshot.seq < outcomes[-1].seq):
            yield Violation(Broken.SNAPSHOT_BEHIND, journey, f"seq {snapshot.seq if snapshot else None}")
        if snapshot is not None and snapshot.state.digest() != _folded(outcomes, snapshot.seq):
            yield Violation(Broken.SNAPSHOT_OFF_FOLD, journey, f"seq {snapshot.seq}")


def _folded(outcomes: Iterable[Outcome], seq: int) -> str | None:
    state = JourneyState()
    for outcome in outcomes:
        if outcome.seq == state.seq + 1 and outcome.seq <= seq:
            state = fold(state, outcome.event)
    return state.digest() if state.seq == seq else None


def _log(history: History) -> Iterator[Violation]:
    for journey in history.presses.keys() | history.log.keys():
        rows = Counter(entry.event_id for entry in history.log.get(journey, ()))
        arrivals = {*history.repeated, *map(request_id, history.repeated)}
        for event in rows:
            if rows[event] > 1 and event not in arrivals:
                yield Violation(Broken.LOG_DOUBLED, journey, event)
        for outcome in history.outcomes.get(journey, ()):
            for event in _logged(outcome):
                if event not in rows:
                    yield Violation(Broken.LOG_MISSING, journey, event)


def _logged(outcome: Outcome) -> Iterator[str]:
    yield outcome.event.event_id
    yield outcome.request.event_id
    # A malformed press has no log row, although it is answered.
    if isinstance(outcome.event, PageDone) or outcome.event.error.code != "malformed_event":
        yield outcome.event.press_id


def _published(history: History) -> Iterator[Violation]:
    committed = {outcome.event.event_id: outcome.event for outcome in history.all_outcomes()}
    published = {event.event_id for event in history.published}
    for event_id in committed.keys() - published:
        yield Violation(Broken.UNPUBLISHED, committed[event_id].session_id, event_id)
    for event in history.published:
        if committed.get(event.event_id) != event:
            yield Violation(Broken.PUBLISHED_CHANGED, event.session_id, event.event_id)


def _letters(history: History) -> Iterator[Violation]:
    sent = {letter.event_id for letter in history.letters}
    for outcome in history.all_outcomes():
        letter = dead_letter_of(outcome)
        if letter is not None and letter.event_id not in sent:
            yield Violation(Broken.LETTER_MISSING, outcome.session_id, outcome.event.press_id)


def _streams(history: History) -> Iterator[Violation]:
    for stream in history.streams:
        head = max((outcome.seq for outcome in history.outcomes.get(stream.journey, ())), default=0)
        missed = sorted(set(range(stream.after + 1, head + 1)) - set(stream.seqs))
        if missed:
            yield Violation(Broken.STREAM_MISSED, stream.journey, f"{stream.client}: {missed}")
        repeated = sorted(seq for seq, times in Counter(stream.seqs).items() if times > 1)
        if repeated:
            yield Violation(Broken.STREAM_REPEATED, stream.journey, f"{stream.client}: {repeated}")
        once = list(dict.fromkeys(stream.seqs))
        if once != sorted(once):
            yield Violation(Broken.STREAM_OUT_OF_ORDER, stream.journey, f"{stream.client}: {once}")


_CHECKS: Final[tuple[Callable[[History], Iterator[Violation]], ...]] = (
    _presses,
    _order,
    _states,
    _pages,
    _edges,
    _snapshots,
    _log,
    _published,
    _letters,
    _streams,
)


class Tally(NamedTuple):
    """The figures of a run with faults, one a column of its table."""

    kills: int
    presses: int
    outcomes: int
    lost: int
    doubled: int
    out_of_order: int
    seen_by_streams: int
    other_violations: int


_COUNTED: Final = (Broken.LOST_PRESS, Broken.DOUBLED_PRESS, Broken.OUT_OF_ORDER)


def tally(history: History, kills: int) -> Tally:
    """Return the figures of a history."""
    found = Counter(violation.broken for violation in violations(history))
    return Tally(
        kills=kills,
        presses=sum(map(len, history.presses.values())),
        outcomes=sum(map(len, history.outcomes.values())),
        lost=found[Broken.LOST_PRESS],
        doubled=found[Broken.DOUBLED_PRESS],
        out_of_order=found[Broken.OUT_OF_ORDER],
        seen_by_streams=sum(len(stream.seqs) for stream in history.streams),
        other_violations=sum(times for broken, times in found.items() if broken not in _COUNTED),
    )


def table(rows: Iterable[Tally]) -> str:
    """Return tallies as a table."""
    names = [name.replace("_", " ") for name in Tally._fields]
    lines = [" | ".join(names)]
    lines += [" | ".join(f"{value:>{len(name)}}" for name, value in zip(names, row, strict=True)) for row in rows]
    return "\n".join(lines)
