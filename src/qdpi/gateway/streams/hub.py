"""The hub: one tap on the bus per process, fanned out to the subscriptions of each journey."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from typing import Final

import structlog

from qdpi.api.responses import RunStatus
from qdpi.bus.port import EventBus, Record, Start
from qdpi.errors import BusUnavailable, MalformedEvent
from qdpi.events import Ask, PageDelta, PageDone, PageFailed, Press, ReaderPlace, VaultChange, decode, decode_press
from qdpi.gateway.streams.frames import (
    QUEUED,
    Frame,
    change_frame,
    delta_frame,
    outcome_frame,
    run_status,
    status_frame,
)
from qdpi.gateway.streams.pending import PendingPresses
from qdpi.gateway.streams.texts_in_flight import TextsInFlight
from qdpi.ids import request_id
from qdpi.retry import Backoff

TAPPED: Final = (Press, Ask, PageDelta, PageDone, PageFailed, VaultChange, ReaderPlace)
QUEUE_LIMIT: Final = 256
"""How many frames may be queued for one client."""
PING_SECONDS: Final = 15.0
SEND_SECONDS: Final = 20.0
"""How long a client may take to accept a frame before it is disconnected; it resumes after the last outcome it has."""

log = structlog.get_logger("qdpi.gateway")


class Signal(Enum):
    """What a subscription yields besides frames."""

    RESYNC = "resync"
    """Frames may have been missed: read the store."""
    PING = "ping"
    """Send a keep-alive."""
    END = "end"
    """The subscription has ended."""


class Subscription:
    """A bounded queue of frames. When it is full, it sets `overflowed` and ends.

    Outcomes are queued from the start, deltas and statuses only after `go_live`. It first yields a `RESYNC`, for
    the outcomes before the subscription.
    """

    def __init__(self, journey: str, limit: int) -> None:
        self.journey = journey
        self.overflowed = False
        self.ended = False
        self._limit = limit
        self._live = False
        self._stale = True
        self._pinged = False
        self._frames: deque[Frame] = deque()
        self._wakeup = asyncio.Event()
        self._wakeup.set()

    def offer(self, frame: Frame) -> None:
        """Queue a frame: an outcome or a change always, other frames of a run only when live."""
        if frame.seq is not None or frame.press_id is None or self._live:
            self.reply(frame)

    def reply(self, frame: Frame) -> None:
        """Queue a frame that answers a message of this client."""
        if self.ended:
            return
        if len(self._frames) >= self._limit:
            self.overflowed = True
            self.end()
            return
        self._frames.append(frame)
        self._wakeup.set()

    def go_live(self) -> None:
        """Accept deltas and statuses from now on; drop those queued, because the follower gets the newest at once."""
        self._live = True
        self._frames = deque(frame for frame in self._frames if frame.seq is not None or frame.press_id is None)

    def resync(self) -> None:
        """Signal that the follower must read the store again."""
        self._stale = True
        self._wakeup.set()

    def ping(self) -> None:
        """Signal a keep-alive, for when no frame is queued."""
        self._pinged = True
        self._wakeup.set()

    def end(self) -> None:
        """End the subscription and drop its queued frames."""
        self.ended = True
        self._frames.clear()
        self._wakeup.set()

    async def get(self) -> Frame | Signal:
        """Wait for the next item, in order of precedence: end, resync, frames in order, ping."""
        while True:
            await self._wakeup.wait()
            given = self._next()
            if given is not None:
                return given
            self._wakeup.clear()

    def _next(self) -> Frame | Signal | None:
        if self.ended:
            return Signal.END
        if self._stale:
            self._stale = False
            return Signal.RESYNC
        if self._frames:
            return self._frames.popleft()
        if self._pinged:
            self._pinged = False
            return Signal.PING
        return None


class Hub:
    """Fans records of the bus out to subscriptions, without waiting for any client.

    Run `listen` as a task. `on_page` is called with each page that was written. `away_since` is the time since which
    the bus has been unavailable, None while it is tapped. After an outage every follower reads the store again, so that
    it misses nothing. `last_model` is the name on
    the newest page that was seen, None before the first.
    """

    def __init__(
        self,
        bus: EventBus,
        pending: PendingPresses,
        *,
        backoff: Backoff,
        now: Callable[[], datetime],
        queue_limit: int = QUEUE_LIMIT,
        ping_seconds: float = PING_SECONDS,
        send_seconds: float = SEND_SECONDS,
        on_page: Callable[[PageDone], None] = lambda done: None,
    ) -> None:
        self.pending, self.send_seconds = pending, send_seconds
        self.texts = TextsInFlight()
        self.away_since: datetime | None = now()
        self.last_model: str | None = None
        self.listening = asyncio.Event()
        self._bus, self._backoff, self.now = bus, backoff, now
        self._queue_limit, self._ping_seconds = queue_limit, ping_seconds
        self._on_page = on_page
        self._followers: dict[str, set[Subscription]] = {}
        self._closed = False
        self._handlers = {
            Press.topic: self._take_press,
            Ask.topic: self._take_press,
            PageDelta.topic: self._take_delta,
            PageDone.topic: self._take_outcome,
            PageFailed.topic: self._take_outcome,
            VaultChange.topic: self._take_change,
            ReaderPlace.topic: self._take_change,
        }

    @contextmanager
    def subscribe(self, journey: str) -> Iterator[Subscription]:
        """Subscribe to a journey for the duration of the block."""
        subscription = Subscription(journey, self._queue_limit)
        if self._closed:
            subscription.end()
        followers = self._followers.setdefault(journey, set())
        followers.add(subscription)
        try:
            yield subscription
        finally:
            followers.discard(subscription)
            if not followers and self._followers.get(journey) is followers:
                del self._followers[journey]

    def close(self) -> None:
        """End all streams and accept no new ones. Idempotent."""
        self._closed = True
        for follower in self._all():
            follower.end()

    def join(self, subscription: Subscription) -> list[Frame]:
        """Switch a subscription to live; return the frames of the runs under way: each one's status, then its text."""
        subscription.go_live()
        frames = []
        for status in self.runs(subscription.journey):
            text = self.texts.text(status.request_id)
            frames += [status_frame(status), *([delta_frame(text)] if text else [])]
        return frames

    def runs(self, journey: str) -> list[RunStatus]:
        """Return the status of a journey's runs under way, in the order in which they are answered."""
        pending = self.pending.of(journey)
        return [
            run_status(press_id, press, place, self.texts.newest(request_id(press_id)))
            for place, (press_id, press) in enumerate(pending.items(), start=1)
        ]

    async def ping(self) -> None:
        """Ping all subscriptions periodically, for ever."""
        while True:
            await asyncio.sleep(self._ping_seconds)
            for follower in self._all():
                follower.ping()

    async def listen(self) -> None:
        """Tap the bus for ever, and tap it again after an outage."""
        tries = 0
        while True:
            try:
                async with self._bus.tap([model.topic for model in TAPPED], Start.LATEST) as records:
                    tries = 0
                    self._tapped()
                    async for record in records:
                        self.take(record)
                self._lost("The bus was closed.")
            except BusUnavailable as error:
                self._lost(error.detail)
            except Exception as error:
                log.exception("tap.failed")
                self._lost(repr(error))
            tries += 1
            await self._backoff.wait(tries)

    def _tapped(self) -> None:
        self.away_since = None
        self.listening.set()
        self.texts.restart()
        self.pending.restart()
        for follower in self._all():
            follower.resync()

    def _lost(self, reason: str) -> None:
        if self.away_since is None:
            self.away_since = self.now()
            log.warning("tap.lost", reason=reason)
        self.listening.clear()

    def take(self, record: Record) -> None:
        """Pass a record to the subscriptions of its journey. Malformed records are logged and skipped."""
        try:
            self._handlers[record.topic](record)
        except MalformedEvent as error:
            log.warning("tap.record_malformed", topic=record.topic, offset=record.offset, reason=error.detail)
        except Exception:
            log.exception("tap.record_failed", topic=record.topic, offset=record.offset)

    def _take_press(self, record: Record) -> None:
        press = decode_press(record.topic, record.value)
        self.pending.add(press)
        if not self.pending.answered(press.event_id):
            self._publish_status(press.session_id, press.event_id)

    def _take_delta(self, record: Record) -> None:
        delta = decode(PageDelta, record.value)
        if self.pending.answered(delta.press_id) or not self.texts.take(delta):
            return
        if self.pending.note(delta.session_id, delta.press_id):
            # A press from before this tap: the followers read what was pressed.
            for follower in self._followers.get(delta.session_id, ()):
                follower.resync()
        if delta.text:
            self._publish(delta.session_id, lambda: delta_frame(delta))
        else:
            self._publish_status(delta.session_id, delta.press_id)

    def _publish_status(self, journey: str, press_id: str) -> None:
        self._publish_each(journey, lambda status: status.press_id == press_id)

    def _publish_each(self, journey: str, which: Callable[[RunStatus], bool]) -> None:
        if journey in self._followers:
            for frame in [status_frame(status) for status in self.runs(journey) if which(status)]:
                for follower in self._followers[journey]:
                    follower.offer(frame)

    def _take_outcome(self, record: Record) -> None:
        event: PageDone | PageFailed = (
            decode(PageFailed, record.value) if record.topic == PageFailed.topic else decode(PageDone, record.value)
        )
        self.pending.answer(event.session_id, event.press_id)
        self.texts.forget(event.request_id)
        if isinstance(event, PageDone):
            self.last_model = event.model
            self._on_page(event)
        self._publish(event.session_id, lambda: outcome_frame(event))
        # Each run that waits has moved up.
        self._publish_each(event.session_id, lambda status: status.phase == QUEUED)

    def _take_change(self, record: Record) -> None:
        change: VaultChange | ReaderPlace = (
            decode(ReaderPlace, record.value)
            if record.topic == ReaderPlace.topic
            else decode(VaultChange, record.value)
        )
        self._publish(change.session_id, lambda: change_frame(change))

    def _publish(self, journey: str, make: Callable[[], Frame]) -> None:
        followers = self._followers.get(journey)
        if followers:
            frame = make()
            for follower in followers:
                follower.offer(frame)

    def _all(self) -> list[Subscription]:
        return [follower for followers in self._followers.values() for follower in followers]
