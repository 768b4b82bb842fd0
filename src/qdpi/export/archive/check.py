"""Checks whether the values of an archive agree with each other, line by line and without a store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from qdpi.errors import MalformedEvent
from qdpi.events import TOPICS, Event, PageDone, PageFailed, decode
from qdpi.export.archive.container import refusal
from qdpi.export.archive.format import LOG, MANIFEST, OUTCOMES, revisions_of
from qdpi.export.archive.read import Archive, read_values
from qdpi.ids import page_id
from qdpi.journey import JourneyState, SequenceGap, fold
from qdpi.outcome import LogEntry, Outcome

_PAGE_FIELDS: Final = frozenset(
    {"page_id", "symbol_code", "section", "title", "trajectory", "return_to", "text", "edges", "status", "user_intent"}
    | {"session_id", "seq", "receipt_id"}
)
"""The fields that an outcome's event has in common with its page."""
_PLACEMENT_FIELDS: Final = frozenset({"locus", "anchor", "anchor_section", "depth", "branch_id"})
"""The fields that an outcome's event has in common with its page's placement."""


class OutcomeCheck:
    """Reads an archive's outcomes and checks each against those before it.

    After `outcomes` was read to its end, `state` is the journey's state, `ends` has the digest of each outcome's event
    by event id, and `pages` has the ids of the pages.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.state = JourneyState()
        self.ends: dict[str, bytes] = {}
        self.pages: set[str] = set()
        self._requests: set[str] = set()
        self._known = {book.revision for book in archive.manifest.canon}

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcomes in order. Raises `ArchiveRefused` at the first invalid line."""
        for number, outcome in read_values(self._archive, OUTCOMES, Outcome):
            if why := self._fault(outcome, number):
                raise refusal(OUTCOMES, number, why)
            self.state = outcome.state
            self._requests.add(outcome.request_id)
            self.ends[outcome.event.event_id] = digest_of(outcome.event)
            self.pages.update([outcome.page.page_id] if outcome.page else [])
            yield outcome
        self._check_end()

    def _fault(self, outcome: Outcome, number: int) -> str | None:
        if outcome.session_id != self._archive.manifest.session_id:
            return f"it belongs to the journey {outcome.session_id!r}, not to {self._archive.manifest.session_id!r}"
        if outcome.seq != number:
            return f"it is outcome {outcome.seq}; outcome {number} is expected"
        if outcome.request_id in self._requests:
            return f"the run {outcome.request_id} has an outcome in an earlier line"
        if unknown := revisions_of(outcome) - self._known:
            return f"it names revision {min(unknown)} of the canon, which the manifest does not list"
        return _run_fault(outcome) or _page_fault(outcome) or self._state_fault(outcome)

    def _state_fault(self, outcome: Outcome) -> str | None:
        try:
            expected = fold(self.state, outcome.event)
        except SequenceGap as gap:
            return str(gap)
        return None if outcome.state == expected else "its state is not what the journey folds to"

    def _check_end(self) -> None:
        manifest, state = self._archive.manifest, self.state
        found = {
            "outcomes": state.seq,
            "pages": state.pages,
            "failures": state.failures,
            "digest": state.digest(),
        }
        for name, value in found.items():
            if (listed := getattr(manifest, name)) != value:
                raise refusal(MANIFEST, None, f"{name} is {listed}, but the outcomes give {value}")


def read_rows(archive: Archive, ends: dict[str, bytes]) -> Iterator[LogEntry]:
    """Yield an archive's rows of the events log in order; `ends` has the digests of the outcomes' events by event id.

    Raises `ArchiveRefused` at the first invalid line.
    """
    seen: set[str] = set()
    previous: LogEntry | None = None
    for number, row in read_values(archive, LOG, LogEntry):
        if row.session_id != archive.manifest.session_id:
            raise refusal(LOG, number, f"it belongs to the journey {row.session_id!r}")
        if row.event_id in seen:
            raise refusal(LOG, number, f"the event {row.event_id} is in an earlier line")
        if previous and (previous.ts, previous.event_id) > (row.ts, row.event_id):
            raise refusal(LOG, number, "it is earlier than the line before it")
        if why := _event_fault(row, ends):
            raise refusal(LOG, number, why)
        seen.add(row.event_id)
        previous = row
        yield row


def check_lines(archive: Archive) -> None:
    """Check every line of an archive. Raises `ArchiveRefused`."""
    check = OutcomeCheck(archive)
    for _ in check.outcomes():
        pass
    for _ in read_rows(archive, check.ends):
        pass


def event_of(row: LogEntry) -> Event:
    """Return the event of a row. Raises `MalformedEvent` if it is not an event of its topic or of a journey."""
    spec = TOPICS.get(row.type)
    if spec is None:
        raise MalformedEvent(f"There is no topic {row.type!r:.80}.")
    event = decode(spec.model, row.payload_json.encode())
    if not isinstance(event, Event):
        raise MalformedEvent(f"{row.type} is not part of a journey.")
    return event


def digest_of(value: BaseModel) -> bytes:
    """Return a short hash of a value, for comparison."""
    return hashlib.blake2b(value.model_dump_json().encode(), digest_size=16).digest()


def _run_fault(outcome: Outcome) -> str | None:
    event, request, receipt = outcome.event, outcome.request, outcome.receipt
    if request.session_id != event.session_id:
        return f"its request belongs to the journey {request.session_id!r}"
    runs = {event.request_id, request.request_id, receipt.request_id}
    presses = {event.press_id, request.press_id, receipt.press_id}
    if len(runs) > 1 or len(presses) > 1:
        return "its event, its request and its receipt belong to different runs"
    return None


def _page_fault(outcome: Outcome) -> str | None:
    event, page = outcome.event, outcome.page
    if isinstance(event, PageFailed):
        return "it failed but has a page" if page else None
    if page is None or page.placement is None:
        return "it is done but has no page with a placement"
    if page.page_id != page_id(outcome.request_id):
        return f"its page {page.page_id!r} is not the page id of its run"
    if outcome.receipt.receipt_id != event.receipt_id:
        return "its receipt is not the one that its event names"
    differing = [name for name in _PAGE_FIELDS if getattr(event, name) != getattr(page, name)]
    differing += [name for name in _PLACEMENT_FIELDS if getattr(event, name) != getattr(page.placement, name)]
    return f"its event and its page differ in {', '.join(sorted(differing))}" if differing else None


def _event_fault(row: LogEntry, ends: dict[str, bytes]) -> str | None:
    try:
        event = event_of(row)
    except MalformedEvent as error:
        return error.detail.rstrip(".")
    if (event.session_id, event.event_id, event.ts) != (row.session_id, row.event_id, row.ts):
        return "its columns and its event differ"
    if not isinstance(event, PageDone | PageFailed):
        return None
    if row.event_id not in ends:
        return f"it is the event of outcome {event.seq}, which {OUTCOMES} does not contain"
    if ends[row.event_id] != digest_of(event):
        return f"its event of outcome {event.seq} differs from the one in {OUTCOMES}"
    return None
