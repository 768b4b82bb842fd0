"""An example of every event: one short journey, as published to the topics."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from qdpi.events import (
    Ask,
    Audit,
    DeadLetter,
    Event,
    Fault,
    IndexUpdate,
    PageDelta,
    PageDone,
    PageEvent,
    PageFailed,
    PageRequest,
    Press,
    ReaderPlace,
    Stop,
    VaultChange,
    headers_of,
    key_of,
    reader_fields,
)
from qdpi.ids import bitmap_of, derived_id, page_id, press_id, request_id
from qdpi.page_schema import Edges, PolicyVerdict, Tokens, Validation
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES, Trajectory
from qdpi.topology import PAGE_GENERATOR

_SESSION: Final = "9f2c6d1e0b7a48d3a5c4e6f81b20937d5e4c3a16"
_LOCUS: Final = "S01-P0001"
_START: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
_TEXT: Final = "The door was open, and had been open for as long as anybody could say."
_FAULT: Final = Fault(
    code="model_unreachable",
    detail="The model `openai/NAME` refused the connection.",
    next_step="Press again, or check the model with `qdpi doctor`.",
)


def examples() -> dict[str, Event | DeadLetter]:
    """Return an example of each event, by its topic."""
    return {event.topic: event for event in _journey()}


def _at(seconds: float) -> datetime:
    return _START + timedelta(seconds=seconds)


def _journey() -> Iterator[Event | DeadLetter]:
    press = Press(
        event_id=press_id(_SESSION, "press", "first"),
        ts=_at(0),
        session_id=_SESSION,
        symbol_code=0,
        page_id=_LOCUS,
        client_request_id="first",
    )
    ask = Ask(
        event_id=press_id(_SESSION, "ask", "second"),
        ts=_at(9),
        session_id=_SESSION,
        user_intent="Who left the door open?",
        client_request_id="second",
    )
    request = _request(press)
    done = _done(request)
    yield press
    yield ask
    yield from (request, _delta(request), done, *_page_events(done))
    yield from _failure(_request(ask))
    yield Stop(
        event_id=derived_id("event", _SESSION, "stop", ask.event_id),
        ts=_at(10),
        session_id=_SESSION,
        cause_id=ask.event_id,
        press_id=ask.event_id,
    )
    yield VaultChange(
        event_id=press_id(_SESSION, "vault", "third"),
        ts=_at(11),
        session_id=_SESSION,
        action="saved",
        page_id=done.page_id,
        label="the door",
        client_request_id="third",
    )
    yield ReaderPlace(
        event_id=derived_id("place", _SESSION, _LOCUS),
        ts=_at(13),
        session_id=_SESSION,
        page_id="S01-P0002",
        seq=2,
        canon=bitmap_of([1, 2]),
        pages=bitmap_of([1]),
    )


def _request(press: Press | Ask) -> PageRequest:
    run = request_id(press.event_id)
    return PageRequest(
        event_id=run,
        ts=press.ts + timedelta(milliseconds=5),
        session_id=_SESSION,
        cause_id=press.event_id,
        press_id=press.event_id,
        request_id=run,
        symbol_code=0 if isinstance(press, Press) else 0x0A,
        char_hex=0,
        behavior=0 if isinstance(press, Press) else 0xA,
        section=1,
        page_id=press.page_id,
        trajectory_hint=Trajectory.CONTINUE,
        **reader_fields(press),
        context_ids=(_LOCUS,),
        canon_revision=1,
    )


def _run(request: PageRequest) -> dict[str, Any]:
    return {
        "session_id": _SESSION,
        "cause_id": request.event_id,
        "press_id": request.press_id,
        "request_id": request.request_id,
        "attempt": 1,
    }


def _delta(request: PageRequest) -> PageDelta:
    return PageDelta(
        event_id=derived_id("delta", request.request_id, "1", "0"),
        ts=_at(1),
        **_run(request),
        offset=0,
        text=_TEXT[:24],
    )


def _done(request: PageRequest) -> PageDone:
    return PageDone(
        event_id=derived_id("done", request.request_id),
        ts=_at(2),
        **_run(request),
        seq=1,
        page_id=page_id(request.request_id),
        character=CHARACTER_NAMES[0],
        character_id=CHARACTER_MAP[0],
        symbol_code=0,
        section=1,
        title="The open door",
        trajectory=Trajectory.CONTINUE,
        locus=_LOCUS,
        anchor=_LOCUS,
        anchor_section=1,
        depth=1,
        return_to="S01-P0002",
        text=_TEXT,
        edges=Edges(next_within="S01-P0002"),
        validation=Validation(passed=True),
        model="offline",
        policy=PolicyVerdict(wished=None, given=Trajectory.CONTINUE, rule="canon-continues", version="1"),
        receipt_id=derived_id("receipt", request.request_id),
        user_intent=request.words,
        milliseconds=1_900.0,
        tokens=Tokens(prompt=1_200, completion=280),
    )


def _page_events(done: PageDone) -> Iterator[Event]:
    page: dict[str, Any] = {
        "ts": _at(2),
        "session_id": _SESSION,
        "cause_id": done.event_id,
        "page_id": done.page_id,
        "press_id": done.press_id,
        "request_id": done.request_id,
        "seq": done.seq,
        "attempt": done.attempt,
    }
    yield PageEvent(
        event_id=derived_id("page-written", done.page_id, "1"),
        **page,
        section=1,
        symbol_code=0,
        change="written",
        written=True,
        linked=True,
    )
    yield IndexUpdate(event_id=derived_id("index-update", done.page_id, "1"), **page)
    yield Audit(
        event_id=derived_id("audit", done.request_id, "outcome"),
        ts=_at(2),
        session_id=_SESSION,
        cause_id=done.event_id,
        press_id=done.press_id,
        request_id=done.request_id,
        seq=1,
        attempt=1,
        step=done.topic,
        detail={"model_calls": 1, "milliseconds": {"write": 810.5}, "failures": []},
    )


def _failure(request: PageRequest) -> Iterator[Event | DeadLetter]:
    yield PageFailed(
        event_id=derived_id("failed", request.request_id),
        ts=_at(12),
        **_run(request),
        seq=2,
        symbol_code=request.symbol_code,
        error=_FAULT,
        user_intent=request.words,
        wished=request.wish,
    )
    yield DeadLetter(
        event_id=derived_id("dead-letter", request.request_id),
        ts=_at(12),
        session_id=_SESSION,
        press_id=request.press_id,
        group=PAGE_GENERATOR.group,
        source_topic=request.topic,
        attempts=3,
        error=_FAULT,
        key_base64=_base64(key_of(request)),
        value_base64=_base64(request.encode()),
        headers_base64=tuple((name, _base64(value)) for name, value in headers_of(request)),
    )


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
