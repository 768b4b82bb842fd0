"""Whether the rows of an archive's log agree with themselves and with its outcomes: pure, over decoded values.

Each function returns the first disagreement as a sentence with the two values, or None.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from qdpi.errors import MalformedEvent
from qdpi.events import (
    TOPICS,
    Ask,
    Event,
    PageDone,
    PageFailed,
    PageRequest,
    Press,
    Stop,
    VaultChange,
    decode,
    headers_of,
)
from qdpi.export.archive.facts import Fact, first_disagreement, shown
from qdpi.export.archive.format import OUTCOMES
from qdpi.export.archive.verify_outcomes import JourneyVerifier, RunFacts
from qdpi.outcome import LogEntry, Outcome
from qdpi.topology import RECORDER

_PRESS_FIELDS: Final = ("symbol_code", "page_id", "user_intent", "trajectory")
"""The fields that a press has in common with its request."""
_LOGGED: Final = frozenset(event.topic for event in RECORDER.receives)
"""The topics whose events a journey's log has."""


class LogVerifier:
    """Checks the rows of a journey's log, given in their order, against themselves and against its outcomes."""

    def __init__(self, journey: JourneyVerifier, session_id: str) -> None:
        self._journey, self._session = journey, session_id
        self._seen: dict[str, int] = {}
        self._previous: LogEntry | None = None
        self._ends = {run.event_id: run.seq for run in journey.runs.values()}
        self._presses = {run.request.press_id: run for run in journey.runs.values()}

    def take(self, number: int, row: LogEntry) -> str | None:
        """Check the row of a line by itself, and against the outcomes as far as they are kept.

        Whether the event of an outcome is the outcome's is for `outcome_named` and `row_fault`; the headers come last,
        for `headers_fault`.
        """
        previous, self._previous = self._previous, row
        if row.session_id != self._session:
            return f"it belongs to the journey {row.session_id!r}, not to {self._session!r}"
        if earlier := self._seen.get(row.event_id):
            return f"the event {row.event_id} is in an earlier line, line {earlier}"
        if previous and (previous.ts, previous.event_id) > (row.ts, row.event_id):
            return f"it is earlier than the line before it: {row.ts} is before {previous.ts}"
        self._seen[row.event_id] = number
        try:
            event = event_of(row)
        except MalformedEvent as error:
            return error.detail.rstrip(".")
        return first_disagreement(_column_facts(row, event)) or self._event_fault(event)

    def outcome_named(self, row: LogEntry) -> int | None:
        """Return the seq of the outcome whose own event a row has; None for a row of another event."""
        return self._ends.get(row.event_id)

    def _event_fault(self, event: Event) -> str | None:
        match event:
            case PageDone() | PageFailed():
                return self._end_fault(event)
            case PageRequest():
                return self._request_fault(event)
            case Press() | Ask():
                return self._press_fault(event)
            case VaultChange() if event.action != "unsaved" and not self._journey.has_page(event.page_id):
                return f"it saves the page {event.page_id}, which is neither of the book nor of {OUTCOMES}"
            case Stop() if event.cause_id is not None:
                return Fact("cause_id", "its event", event.cause_id, "its press", event.press_id).disagreement()
        return None

    def _end_fault(self, event: PageDone | PageFailed) -> str | None:
        if event.event_id in self._ends:
            return None
        known = self._journey.runs.get(event.request_id)
        instead = f": there the run {event.request_id} ends with the event {known.event_id}" if known else ""
        return f"it is the event {event.event_id} of outcome {event.seq}, which {OUTCOMES} does not contain{instead}"

    def _request_fault(self, event: PageRequest) -> str | None:
        run = self._journey.runs.get(event.request_id) or self._presses.get(event.press_id)
        if run is None:
            return None
        return first_disagreement(_request_facts(event, run)) or _late(event, run)

    def _press_fault(self, event: Press | Ask) -> str | None:
        run = self._presses.get(event.event_id)
        return None if run is None else first_disagreement(_press_facts(event, run)) or _late(event, run)


def _column_facts(row: LogEntry, event: Event) -> Iterator[Fact]:
    """Yield what a row's columns have in common with its event."""
    yield Fact("session_id", "its column", row.session_id, "its event", event.session_id)
    yield Fact("event_id", "its column", row.event_id, "its event", event.event_id)
    yield Fact("its time", "its column", row.ts, "its event", event.ts)


def headers_fault(row: LogEntry) -> str | None:
    """Return how a row's headers differ from its event; a row may have more of them, and fewer."""
    try:
        headers = json.loads(row.headers_json)
    except (ValueError, RecursionError):
        return f"its headers are not JSON: {shown(row.headers_json)}"
    if not isinstance(headers, dict):
        return f"its headers are not an object: {shown(row.headers_json)}"
    return first_disagreement(
        Fact(name, "its headers", headers[name], "its event", value.decode())
        for name, value in headers_of(event_of(row))
        if name in headers
    )


def _press_facts(event: Press | Ask, run: RunFacts) -> Iterator[Fact]:
    """Yield what a press has in common with the request of its run; a refused one may have lost all of it."""
    request, place = run.request, f"the request of outcome {run.seq}"
    for name in _PRESS_FIELDS:
        given = getattr(request, name)
        if name in type(event).model_fields and (request.error is None or given):
            yield Fact(name, "its event", getattr(event, name), place, given)


def _request_facts(event: PageRequest, run: RunFacts) -> Iterator[Fact]:
    """Yield what a request has in common with the one that its outcome answers.

    A press that arrived twice was enriched twice, at another time and maybe on another revision, and the log may have
    the other one. On one revision these say the same of the press, unless one of them was refused.
    """
    request, place = run.request, f"the request of outcome {run.seq}"
    for name in ("event_id", "press_id", "request_id", "cause_id"):
        yield Fact(name, "its event", getattr(event, name), place, getattr(request, name))
    if event.error or request.error:
        for name in _PRESS_FIELDS:
            if (given := getattr(event, name)) and (other := getattr(request, name)):
                yield Fact(name, "its event", given, place, other)
    elif event.canon_revision == request.canon_revision:
        yield Fact("", "its event", event.model_copy(update={"ts": request.ts}), place, request)
    else:
        for name in _PRESS_FIELDS:
            yield Fact(name, "its event", getattr(event, name), place, getattr(request, name))


def _late(event: Event, run: RunFacts) -> str | None:
    """Return that a press or a request is later than the outcome that answers it."""
    return f"its time {event.ts} is after that of outcome {run.seq}, {run.at}" if event.ts > run.at else None


def row_fault(row: LogEntry, outcome: Outcome) -> str | None:
    """Return how the row of an outcome's event differs from the outcome."""
    return Fact("", "its event", event_of(row), f"outcome {outcome.seq} of {OUTCOMES}", outcome.event).disagreement()


def event_of(row: LogEntry) -> Event:
    """Return the event of a row. Raises `MalformedEvent` if it is not an event that a journey's log has."""
    spec = TOPICS.get(row.type)
    if spec is None:
        raise MalformedEvent(f"There is no topic {row.type!r:.80}.")
    event = decode(spec.model, row.payload_json.encode())
    if not isinstance(event, Event):
        raise MalformedEvent(f"{row.type} is not part of a journey.")
    if row.type not in _LOGGED:
        raise MalformedEvent(f"{row.type} is not in a journey's log.")
    return event
