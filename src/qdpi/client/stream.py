"""Follow a journey: typed frames, each outcome and each piece of text once, across reconnections."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Final

import httpx
from pydantic_core import from_json

from qdpi.api.responses import STATUS_FRAME, Following, RunStatus
from qdpi.api.sse import LineTooLong, ServerEvent, server_events
from qdpi.client.errors import GatewayUnreachable, Refused, UnreadableAnswer
from qdpi.errors import QdpiError
from qdpi.events import PageDelta, PageDone, PageFailed, ReaderPlace, VaultChange, frame_name
from qdpi.retry import Backoff

Frame = Following | RunStatus | PageDelta | PageDone | PageFailed | VaultChange | ReaderPlace
"""A frame of a stream: its greeting, a run's status, a piece of text, an outcome, a vault's change, or a page turn."""

Connect = Callable[[str | None], AbstractAsyncContextManager[httpx.Response]]
"""Opens the stream after a Last-Event-ID, None at first. Raises `Refused`."""

_MODELS: Final[dict[str, type[PageDelta | PageDone | PageFailed | VaultChange | ReaderPlace]]] = {
    frame_name(model): model for model in (PageDelta, PageDone, PageFailed, VaultChange, ReaderPlace)
}
_REMEMBERED_CHANGES: Final = 1_000
_REMEMBERED_RUNS: Final = 64


class Deduplicator:
    """Drops frames that repeat: outcomes by their seq, text by attempt and offset, changes of the vault by their id."""

    def __init__(self) -> None:
        self._seq = 0
        self._texts: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._changes: OrderedDict[str, None] = OrderedDict()

    def new_part(self, frame: Frame) -> Frame | None:
        """Return the part of a frame that is new, None if there is none."""
        if isinstance(frame, PageDone | PageFailed):
            return self._outcome(frame)
        if isinstance(frame, VaultChange | ReaderPlace):
            return self._change(frame)
        return self._piece(frame) if isinstance(frame, PageDelta) else frame

    def _outcome(self, frame: PageDone | PageFailed) -> Frame | None:
        if frame.seq <= self._seq:
            return None
        self._seq = frame.seq
        self._texts.pop(frame.request_id, None)
        return frame

    def _change(self, change: VaultChange | ReaderPlace) -> Frame | None:
        if change.event_id in self._changes:
            return None
        self._changes[change.event_id] = None
        while len(self._changes) > _REMEMBERED_CHANGES:
            self._changes.popitem(last=False)
        return change

    def _piece(self, delta: PageDelta) -> PageDelta | None:
        attempt, length = self._texts.get(delta.request_id, (delta.attempt, 0))
        if delta.attempt < attempt:
            return None
        seen = max(0, length - delta.offset) if delta.attempt == attempt else 0
        if seen >= len(delta.text):
            return None
        self._texts[delta.request_id] = (delta.attempt, delta.offset + len(delta.text))
        while len(self._texts) > _REMEMBERED_RUNS:
            self._texts.popitem(last=False)
        return delta.model_copy(update={"offset": delta.offset + seen, "text": delta.text[seen:]}) if seen else delta


def frame_of(event: ServerEvent) -> Frame | None:
    """Parse an event of the stream, None for an unknown kind. Raises `UnreadableAnswer`."""
    try:
        if event.event == STATUS_FRAME:
            return _status(event.data)
        model = _MODELS.get(event.event)
        return model.model_validate_json(event.data) if model else None
    except ValueError as error:
        raise UnreadableAnswer(f"The stream sent a {event.event} that is not valid: {event.data[:80]!r}.") from error


def _status(data: str) -> Following | RunStatus:
    fields = from_json(data)
    is_greeting = isinstance(fields, dict) and fields.get("phase") == "following"
    return Following.model_validate(fields) if is_greeting else RunStatus.model_validate(fields)


@dataclass(slots=True)
class _Position:
    """State of a follower: the id to resume after, the failed attempts, the reconnection time asked for."""

    id: str | None = None
    tries: int = 0
    retry: float = 0.0
    begun: bool = False

    def record(self, event: ServerEvent) -> None:
        self.tries, self.begun, self.id = 0, True, event.id or self.id
        if event.retry is not None:
            self.retry = event.retry / 1_000

    def is_lost(self, error: QdpiError) -> bool:
        """Return whether to give up: the first connection failed, or the refusal is permanent."""
        return not self.begun or (isinstance(error, Refused) and not error.is_temporary)

    async def wait(self, error: QdpiError, backoff: Backoff) -> None:
        self.tries += 1
        asked = error.retry_after if isinstance(error, Refused) else None
        await asyncio.sleep(max(backoff.delay(self.tries), self.retry, asked or 0.0))


async def follow(connect: Connect, backoff: Backoff, on_wait: Callable[[QdpiError], None]) -> AsyncGenerator[Frame]:
    """Yield a journey's frames without end; resume after the last outcome whenever the stream breaks.

    Every connection begins with a `Following`. An error of the first connection is raised, later only a permanent
    refusal; `on_wait` is called before each wait.
    """
    seen, position = Deduplicator(), _Position()
    while True:
        try:
            async with aclosing(_connection(connect, position)) as frames:
                async for frame in frames:
                    news = seen.new_part(frame)
                    if news is not None:
                        yield news
            reason: QdpiError = GatewayUnreachable("The gateway ended the stream.")
        except (GatewayUnreachable, Refused) as error:
            if position.is_lost(error):
                raise
            reason = error
        on_wait(reason)
        await position.wait(reason, backoff)


async def _connection(connect: Connect, position: _Position) -> AsyncGenerator[Frame]:
    """Yield the frames of one connection until it ends. Raises `GatewayUnreachable` or `Refused`."""
    async with connect(position.id) as response:
        try:
            async for event in server_events(response.aiter_bytes()):
                position.record(event)
                frame = frame_of(event) if event.data else None
                if frame is not None:
                    yield frame
        except LineTooLong as error:
            raise UnreadableAnswer(str(error)) from error
