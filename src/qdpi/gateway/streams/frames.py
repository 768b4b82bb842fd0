"""The frames of a stream, as server-sent events and as WebSocket messages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from qdpi.api.responses import STATUS_FRAME, Following, RunStatus
from qdpi.events import PageDelta, PageDone, PageFailed, frame_name

PING: Final = b": ping\n\n"
RETRY: Final = b"retry: 1000\n"
"""The reconnection time of a browser, in milliseconds."""


@dataclass(frozen=True)
class Frame:
    """One frame of a stream. `data` is JSON on one line; `id` is the seq to resume after.

    `seq` orders outcomes; `request_id` and `press_id` name the run.
    """

    event: str
    data: str
    id: int | None = None
    seq: int | None = None
    request_id: str | None = None
    press_id: str | None = None

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


def delta_frame(delta: PageDelta) -> Frame:
    """Return the frame of a delta; a delta without text becomes a status frame with the run's new phase."""
    run, press = delta.request_id, delta.press_id
    if not delta.text:
        phase, attempt, until = delta.phase.value, delta.attempt, delta.until
        return status_frame(RunStatus(phase=phase, attempt=attempt, until=until, press_id=press, request_id=run))
    data = delta.model_dump_json()
    return Frame(event=frame_name(delta), data=data, request_id=run, press_id=press)


def queued_frame(press_id: str, request_id: str) -> Frame:
    """Return the status frame of a press that is queued."""
    return status_frame(RunStatus(phase="queued", event_id=press_id, press_id=press_id, request_id=request_id))


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
