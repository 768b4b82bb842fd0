"""The frames of a stream, as server-sent events and as WebSocket messages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from qdpi.api.responses import STATUS_FRAME, Following, RunStatus
from qdpi.events import Ask, PageDelta, PageDone, PageFailed, Press, ReaderPlace, VaultChange, frame_name, reader_fields
from qdpi.ids import request_id

PING: Final = b": ping\n\n"
QUEUED: Final = "queued"
"""The phase of a press that waits for its run."""
RETRY: Final = b"retry: 1000\n"
"""The reconnection time of a browser, in milliseconds."""


@dataclass(frozen=True)
class Frame:
    """One frame of a stream. `data` is JSON on one line; `id` is the seq to resume after.

    `seq` orders outcomes; `request_id` and `press_id` name the run, `event_id` a change that belongs to none. `reach`
    is the attempt of a text, and its length with this piece.
    """

    event: str
    data: str
    id: int | None = None
    seq: int | None = None
    request_id: str | None = None
    press_id: str | None = None
    reach: tuple[int, int] | None = None
    event_id: str | None = None

    @cached_property
    def sse(self) -> bytes:
        """The frame as a server-sent event."""
        named = f"id: {self.id}\n" if self.id is not None else ""
        return f"event: {self.event}\n{named}data: {self.data}\n\n".encode()

    @cached_property
    def text(self) -> str:
        """The frame as a WebSocket message: JSON with event, id and data."""
        number = "null" if self.id is None else self.id
        return f'{{"event":"{self.event}","id":{number},"data":{self.data}}}'


def outcome_frame(event: PageDone | PageFailed) -> Frame:
    """Return the frame of an outcome; its id is the seq."""
    return Frame(
        event=frame_name(event),
        data=event.model_dump_json(),
        id=event.seq,
        seq=event.seq,
        request_id=event.request_id,
        press_id=event.press_id,
    )


def change_frame(change: VaultChange | ReaderPlace) -> Frame:
    """Return the frame of a change of the vault or of the reader's place. It has no id: it may be applied again."""
    return Frame(event=frame_name(change), data=change.model_dump_json(), event_id=change.event_id)


def delta_frame(delta: PageDelta) -> Frame:
    """Return the frame of a delta with text."""
    return Frame(
        event=frame_name(delta),
        data=delta.model_dump_json(),
        request_id=delta.request_id,
        press_id=delta.press_id,
        reach=(delta.attempt, delta.offset + len(delta.text)),
    )


def run_status(press_id: str, press: Press | Ask | None, place: int, newest: PageDelta | None) -> RunStatus:
    """Return a run's status: what was pressed, where it is known, its place in line, and the phase of its newest delta.

    Without a delta the run is queued.
    """
    known: dict[str, Any] = {}
    if press is not None:
        known = {**reader_fields(press), "locus": press.page_id, "pressed_at": press.ts}
    if isinstance(press, Press):
        known["symbol_code"] = press.symbol_code
    return RunStatus(
        phase=newest.phase.value if newest else QUEUED,
        until=newest.until if newest else None,
        attempt=newest.attempt if newest else None,
        event_id=None if newest else press_id,
        press_id=press_id,
        request_id=request_id(press_id),
        place=place,
        **known,
    )


def greeting_frame(seq: int, head: int) -> Frame:
    """Return a stream's first frame: the stream continues after `seq`, and the journey is at `head`."""
    return Frame(event=STATUS_FRAME, data=Following(seq=head, after=seq).model_dump_json(), id=seq)


def status_frame(status: RunStatus) -> Frame:
    """Return the frame of a run's status, which has no id."""
    data = status.model_dump_json(exclude_none=True)
    return Frame(event=STATUS_FRAME, data=data, request_id=status.request_id, press_id=status.press_id)


def reply_frame(event: str, facts: dict[str, Any]) -> Frame:
    """Return the frame that answers a client's message, which has no id."""
    return Frame(event=event, data=json.dumps(facts, separators=(",", ":")))
