"""The outcome of a run: everything its run produced, committed once, and the messages derived from it."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from qdpi.errors import MalformedEvent
from qdpi.events import (
    TOPICS,
    Audit,
    DeadLetter,
    Event,
    IndexUpdate,
    PageChange,
    PageDone,
    PageEvent,
    PageFailed,
    PageRequest,
    decode,
    headers_of,
    key_of,
)
from qdpi.ids import derived_id, time_uuid
from qdpi.journey import JourneyState
from qdpi.page_schema import Page, Reading, Receipt
from qdpi.topology import PAGE_GENERATOR


class Outcome(BaseModel):
    """A run's end: `event` is the message to readers, `page` the page (None where the run failed).

    `reading` is X and Y of that page, so that it is not computed again; `state` is the journey's after this
    outcome; `request` is the run's request, which the dead letter of a failure contains.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event: PageDone | PageFailed
    page: Page | None = None
    reading: Reading | None = None
    receipt: Receipt
    state: JourneyState
    request: PageRequest

    @property
    def session_id(self) -> str:
        """The journey."""
        return self.event.session_id

    @property
    def seq(self) -> int:
        """The outcome's number in its journey, from 1."""
        return self.event.seq

    @property
    def request_id(self) -> str:
        """The run."""
        return self.event.request_id

    @property
    def at(self) -> datetime:
        """The time of the commit."""
        return self.event.ts

    @property
    def worded_receipt(self) -> Receipt:
        """The receipt with the reader's words: one of an earlier version has none, but its request has them."""
        return self.receipt.model_copy(update={"user_intent": self.request.words})

    def public(self) -> dict[str, Any]:
        """Return the page with its policy, receipt and ids: the response of a direct run."""
        page = self.page.public() if self.page else {}
        event = self.event.model_dump(
            mode="json", include={"seq", "policy", "attempt", "locus", "error", "session_id", "request_id"}
        )
        return {
            **page,
            **event,
            "event_id": self.event.press_id,
            "receipt": self.worded_receipt.model_dump(mode="json"),
        }


class LogEntry(BaseModel):
    """A row of the events log: an event of a journey, keyed by its time and its id."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    ts: datetime
    event_id: str
    type: str
    payload_json: str
    headers_json: str

    @property
    def time_uuid(self) -> str:
        """The clustering column `ts` as a TIMEUUID, computed from the event alone."""
        return time_uuid(self.ts, self.event_id)


def log_entry(event: Event) -> LogEntry:
    """Return the log's row for an event."""
    headers = {name: value.decode() for name, value in headers_of(event)}
    return LogEntry(
        session_id=event.session_id,
        ts=event.ts,
        event_id=event.event_id,
        type=event.topic,
        payload_json=event.model_dump_json(),
        headers_json=json.dumps(headers, sort_keys=True),
    )


def in_current_form(entry: LogEntry) -> LogEntry:
    """Return a row as this version would write it: with the fields that its event has got since, at their defaults.

    A payload that is not an event of its topic stays as it is.
    """
    spec = TOPICS.get(entry.type)
    if spec is None:
        return entry
    try:
        event = decode(spec.model, entry.payload_json.encode())
    except MalformedEvent:
        return entry
    return entry.model_copy(update={"payload_json": event.model_dump_json()})


def page_event(
    page: Page,
    cause: Event,
    change: PageChange,
    at: datetime,
    occasion: str,
    *,
    indexed: bool = False,
    saved: bool = False,
) -> PageEvent:
    """Return a stored page's status after a change. `occasion` makes its id differ from other changes of the kind."""
    return PageEvent(
        event_id=derived_id(f"page-{change}", page.page_id, occasion),
        ts=max(at, cause.ts),
        session_id=cause.session_id,
        cause_id=cause.event_id,
        **run_of(cause),
        page_id=page.page_id,
        revision=page.revision,
        section=page.section,
        symbol_code=page.symbol_code,
        change=change,
        written=True,
        linked=True,
        indexed=indexed,
        saved=saved,
    )


def run_of(event: Event) -> dict[str, Any]:
    """Return the ids and numbers of the run that an event belongs to; empty where it belongs to none."""
    return event.model_dump(include={"press_id", "request_id", "seq", "attempt"})


def page_events(outcome: Outcome) -> list[Event]:
    """Return the events of an outcome's page: its status, and the request to index it. None for a failure."""
    page = outcome.page
    if page is None:
        return []
    written = page_event(page, outcome.event, "written", outcome.at, str(page.revision))
    to_index = IndexUpdate(
        event_id=derived_id("index-update", page.page_id, str(page.revision)),
        ts=outcome.at,
        session_id=outcome.session_id,
        cause_id=outcome.event.event_id,
        page_id=page.page_id,
        revision=page.revision,
        **run_of(outcome.event),
    )
    return [written, to_index]


def audits_of(outcome: Outcome) -> list[Audit]:
    """Return the audit of a run: an event per step with its duration, then one for the outcome with its model calls."""
    receipt = outcome.receipt
    ended = {
        "model_calls": len(receipt.calls),
        "milliseconds": receipt.milliseconds,
        "failures": list(receipt.failures),
    }
    steps = [
        _audit(outcome, step, step, {"milliseconds": milliseconds})
        for step, milliseconds in receipt.milliseconds.items()
    ]
    return [*steps, _audit(outcome, "outcome", outcome.event.topic, ended)]


def _audit(outcome: Outcome, occasion: str, step: str, detail: dict[str, Any]) -> Audit:
    return Audit(
        event_id=derived_id("audit", outcome.request_id, occasion),
        ts=outcome.at,
        session_id=outcome.session_id,
        cause_id=outcome.event.event_id,
        press_id=outcome.event.press_id,
        request_id=outcome.request_id,
        seq=outcome.seq,
        attempt=outcome.event.attempt,
        step=step,
        detail=detail,
    )


def dead_letter_of(outcome: Outcome) -> DeadLetter | None:
    """Return the dead letter of a failed run; None for a page and for a run stopped by its reader."""
    event = outcome.event
    if not isinstance(event, PageFailed) or event.error.code == "stopped":
        return None
    request = outcome.request
    return DeadLetter(
        event_id=derived_id("dead-letter", outcome.request_id),
        ts=outcome.at,
        session_id=outcome.session_id,
        press_id=event.press_id,
        group=PAGE_GENERATOR.group,
        source_topic=request.topic,
        attempts=event.attempt,
        error=event.error,
        key_base64=base64.b64encode(key_of(request)).decode(),
        value_base64=base64.b64encode(request.encode()).decode(),
        headers_base64=tuple((name, base64.b64encode(raw).decode()) for name, raw in headers_of(request)),
    )
