"""An outcome: all that a run will ever say, committed once, and the messages derived from it."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from qdpi.events import (
    Audit,
    DeadLetter,
    Event,
    IndexUpdate,
    PageChange,
    PageDone,
    PageEvent,
    PageFailed,
    PageRequest,
    headers_of,
    key_of,
)
from qdpi.ids import derived_id, time_uuid
from qdpi.journey import JourneyState
from qdpi.page_schema import Page, Reading, Receipt
from qdpi.topology import PAGE_GENERATOR


class Outcome(BaseModel):
    """A run's end: `event` is what readers are told, `page` what was written (None where it failed).

    `reading` is X and Y of that page, so that nobody reads it again; `state` is the journey's after it;
    `request` is what was asked, kept for the dead letter of a failure.
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
        """When it was committed."""
        return self.event.ts

    def public(self) -> dict[str, Any]:
        """Return the page with its policy, receipt and ids, as a direct run answers."""
        page = self.page.public() if self.page else {}
        told = self.event.model_dump(
            mode="json", include={"seq", "policy", "attempt", "locus", "error", "session_id", "request_id"}
        )
        return {
            **page,
            **told,
            "event_id": self.event.press_id,
            "receipt": self.receipt.model_dump(mode="json"),
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
        """The clustering column `ts` as a TIMEUUID, a function of the event alone."""
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
    """Return a stored page's status after a change, which `occasion` tells from others of its kind."""
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
    """Return what an event says of the run it belongs to; nothing for one that belongs to none."""
    return event.model_dump(include={"press_id", "request_id", "seq", "attempt"})


def page_events(outcome: Outcome) -> list[Event]:
    """Return what the page's own followers are told of an outcome: its status, and that it wants indexing."""
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
    """Return the audit of a run: each of its steps with the time it took, then what it ended in and called."""
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
    """Return the dead letter of a failed run, None for a page and for a run that its reader stopped."""
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
