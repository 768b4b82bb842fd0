"""Checking an archive, line by line, before anything of it is believed. No store is asked here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from qdpi.errors import MalformedEvent
from qdpi.events import TOPICS, Event, PageDone, PageFailed, decode
from qdpi.export.archive.format import LOG, MANIFEST, OUTCOMES, revisions_of
from qdpi.export.archive.read import Archive, refused, values
from qdpi.ids import page_id
from qdpi.journey import JourneyState, SequenceGap, fold
from qdpi.outcome import LogEntry, Outcome

_SHARED: Final = frozenset(
    {"page_id", "symbol_code", "section", "title", "trajectory", "return_to", "text", "edges", "status"}
    | {"session_id", "seq", "receipt_id"}
)
"""What an outcome's event and its page must say alike."""
_PLACED: Final = frozenset({"locus", "anchor", "anchor_section", "depth", "branch_id"})


class OutcomeCheck:
    """Reads an archive's outcomes and holds each against the one before; `ends` are the events they told."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.state = JourneyState()
        self.ends: dict[str, bytes] = {}
        self.pages: set[str] = set()
        self._requests: set[str] = set()
        self._known = {book.revision for book in archive.manifest.canon}

    def outcomes(self) -> Iterator[Outcome]:
        """Give the outcomes in order. Raises `ArchiveRefused` at the first line that is not what it must be."""
        for number, outcome in values(self._archive, OUTCOMES, Outcome):
            if why := self._fault(outcome, number):
                raise refused(OUTCOMES, number, why)
            self.state = outcome.state
            self._requests.add(outcome.request_id)
            self.ends[outcome.event.event_id] = digest_of(outcome.event)
            self.pages.update([outcome.page.page_id] if outcome.page else [])
            yield outcome
        self._check_end()

    def _fault(self, outcome: Outcome, number: int) -> str | None:
        if outcome.session_id != self._archive.manifest.session_id:
            return f"it is of the journey {outcome.session_id!r}, not of {self._archive.manifest.session_id!r}"
        if outcome.seq != number:
            return f"it is outcome {outcome.seq}, where {number} must stand"
        if outcome.request_id in self._requests:
            return f"the run {outcome.request_id} has an outcome in an earlier line"
        if unknown := revisions_of(outcome) - self._known:
            return f"it names revision {min(unknown)} of the canon, of which the manifest says nothing"
        return _run_fault(outcome) or _page_fault(outcome) or self._state_fault(outcome)

    def _state_fault(self, outcome: Outcome) -> str | None:
        try:
            due = fold(self.state, outcome.event)
        except SequenceGap as gap:
            return str(gap)
        return None if outcome.state == due else "its state is not what the journey folds to"

    def _check_end(self) -> None:
        manifest, state = self._archive.manifest, self.state
        found = {
            "outcomes": state.seq,
            "pages": state.pages,
            "failures": state.failures,
            "digest": state.digest(),
        }
        for name, value in found.items():
            if (said := getattr(manifest, name)) != value:
                raise refused(MANIFEST, None, f"{name} is {said}, and the outcomes come to {value}")


def rows(archive: Archive, ends: dict[str, bytes]) -> Iterator[LogEntry]:
    """Give an archive's rows of the events log in order; `ends` are the outcomes' events.

    Raises `ArchiveRefused` at the first line that is not what it must be.
    """
    seen: set[str] = set()
    before: LogEntry | None = None
    for number, row in values(archive, LOG, LogEntry):
        if row.session_id != archive.manifest.session_id:
            raise refused(LOG, number, f"it is of the journey {row.session_id!r}")
        if row.event_id in seen:
            raise refused(LOG, number, f"the event {row.event_id} stands in an earlier line")
        if before and (before.ts, before.event_id) > (row.ts, row.event_id):
            raise refused(LOG, number, "it is earlier than the line before it")
        if why := _event_fault(row, ends):
            raise refused(LOG, number, why)
        seen.add(row.event_id)
        before = row
        yield row


def check_lines(archive: Archive) -> None:
    """Check an archive against itself, to its last line. Raises `ArchiveRefused`."""
    check = OutcomeCheck(archive)
    for _ in check.outcomes():
        pass
    for _ in rows(archive, check.ends):
        pass


def event_of(row: LogEntry) -> Event:
    """Return the event of a row. Raises `MalformedEvent` for another than its topic carries."""
    spec = TOPICS.get(row.type)
    if spec is None:
        raise MalformedEvent(f"There is no topic {row.type!r:.80}.")
    event = decode(spec.model, row.payload_json.encode())
    if not isinstance(event, Event):
        raise MalformedEvent(f"{row.type} is no part of a journey.")
    return event


def digest_of(value: BaseModel) -> bytes:
    """Return a short hash by which two values are the same."""
    return hashlib.blake2b(value.model_dump_json().encode(), digest_size=16).digest()


def _run_fault(outcome: Outcome) -> str | None:
    event, request, receipt = outcome.event, outcome.request, outcome.receipt
    if request.session_id != event.session_id:
        return f"its request is of the journey {request.session_id!r}"
    runs = {event.request_id, request.request_id, receipt.request_id}
    presses = {event.press_id, request.press_id, receipt.press_id}
    if len(runs) > 1 or len(presses) > 1:
        return "its event, its request and its receipt are not of one run"
    return None


def _page_fault(outcome: Outcome) -> str | None:
    event, page = outcome.event, outcome.page
    if isinstance(event, PageFailed):
        return "it failed, and yet it has a page" if page else None
    if page is None or page.placement is None:
        return "it is done, and yet it has no page that hangs anywhere"
    if page.page_id != page_id(outcome.request_id):
        return f"its page {page.page_id!r} is not the one that its run writes"
    if outcome.receipt.receipt_id != event.receipt_id:
        return "its receipt is another's"
    said = [name for name in _SHARED if getattr(event, name) != getattr(page, name)]
    said += [name for name in _PLACED if getattr(event, name) != getattr(page.placement, name)]
    return f"its event and its page say different things of {', '.join(sorted(said))}" if said else None


def _event_fault(row: LogEntry, ends: dict[str, bytes]) -> str | None:
    try:
        event = event_of(row)
    except MalformedEvent as error:
        return error.detail.rstrip(".")
    if (event.session_id, event.event_id, event.ts) != (row.session_id, row.event_id, row.ts):
        return "its columns and its event say different things"
    if not isinstance(event, PageDone | PageFailed):
        return None
    if row.event_id not in ends:
        return f"it tells of outcome {event.seq}, which {OUTCOMES} does not hold"
    return (
        None if ends[row.event_id] == digest_of(event) else f"it tells of outcome {event.seq} what {OUTCOMES} does not"
    )
