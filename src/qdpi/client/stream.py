"""Following a journey: its frames as typed values, each outcome and each piece of text once, whatever breaks."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Final

import httpx
from pydantic_core import from_json

from qdpi.api.responses import STATUS_FRAME, Following, RunStatus, frame_name
from qdpi.client.errors import GatewayUnreachable, Refused, UnreadableAnswer
from qdpi.client.sse import ServerEvent, server_events
from qdpi.errors import QdpiError
from qdpi.events import PageDelta, PageDone, PageFailed
from qdpi.retry import Backoff

Frame = Following | RunStatus | PageDelta | PageDone | PageFailed
"""What a stream gives: its greeting, a run's status, a piece of text, an outcome."""

Connect = Callable[[str | None], AbstractAsyncContextManager[httpx.Response]]
"""Opens the stream after a Last-Event-ID, None at first. Raises what the gateway refuses it with."""

_MODELS: Final[dict[str, type[PageDelta | PageDone | PageFailed]]] = {
    frame_name(model): model for model in (PageDelta, PageDone, PageFailed)
}
_REMEMBERED_RUNS: Final = 64


class Once:
    """Lets pass what was not seen yet: outcomes by their seq, text by attempt and offset."""

    def __init__(self) -> None:
        self._seq = 0
        self._texts: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def news(self, frame: Frame) -> Frame | None:
        """Return what of a frame is new, None where nothing is."""
        if isinstance(frame, PageDone | PageFailed):
            return self._outcome(frame)
        return self._piece(frame) if isinstance(frame, PageDelta) else frame

    def _outcome(self, frame: PageDone | PageFailed) -> Frame | None:
        if frame.seq <= self._seq:
            return None
        self._seq = frame.seq
        self._texts.pop(frame.request_id, None)
        return frame

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
    """Read an event of the stream, None for a kind that is not known here. Raises `UnreadableAnswer`."""
    try:
        if event.event == STATUS_FRAME:
            return _status(event.data)
        model = _MODELS.get(event.event)
        return model.model_validate_json(event.data) if model else None
    except ValueError as error:
        raise UnreadableAnswer(f"The stream gave a {event.event} that cannot be read: {event.data[:80]!r}.") from error


def _status(data: str) -> Following | RunStatus:
    told = from_json(data)
    greets = isinstance(told, dict) and told.get("phase") == "following"
    return Following.model_validate(told) if greets else RunStatus.model_validate(told)


@dataclass(slots=True)
class _Place:
    """Where a follower is: the id to come back with, how often it tried in vain, how long it is asked to wait."""

    id: str | None = None
    tries: int = 0
    retry: float = 0.0
    begun: bool = False

    def hear(self, event: ServerEvent) -> None:
        self.tries, self.begun, self.id = 0, True, event.id or self.id
        if event.retry is not None:
            self.retry = event.retry / 1_000

    def is_lost(self, error: QdpiError) -> bool:
        """Tell whether it is no use to come back: it was never there, or is refused for good."""
        return not self.begun or (isinstance(error, Refused) and not error.passes)

    async def wait(self, error: QdpiError, backoff: Backoff) -> None:
        self.tries += 1
        asked = error.retry_after if isinstance(error, Refused) else None
        await asyncio.sleep(max(backoff.delay(self.tries), self.retry, asked or 0.0))


async def follow(connect: Connect, backoff: Backoff, on_wait: Callable[[QdpiError], None]) -> AsyncGenerator[Frame]:
    """Yield a journey's frames without end; come back after the last outcome whenever the stream breaks.

    Every connection begins with a `Following`. What the first connection is refused with is raised, later only
    what does not pass by itself; `on_wait` hears of each wait.
    """
    once, place = Once(), _Place()
    while True:
        try:
            async with aclosing(_connection(connect, place)) as frames:
                async for frame in frames:
                    news = once.news(frame)
                    if news is not None:
                        yield news
            trouble: QdpiError = GatewayUnreachable("The gateway ended the stream.")
        except (GatewayUnreachable, Refused) as error:
            if place.is_lost(error):
                raise
            trouble = error
        on_wait(trouble)
        await place.wait(trouble, backoff)


async def _connection(connect: Connect, place: _Place) -> AsyncGenerator[Frame]:
    """Yield the frames of one connection until it ends. Raises `GatewayUnreachable` or what it is refused with."""
    async with connect(place.id) as response:
        async for event in server_events(response.aiter_bytes()):
            place.hear(event)
            frame = frame_of(event) if event.data else None
            if frame is not None:
                yield frame
