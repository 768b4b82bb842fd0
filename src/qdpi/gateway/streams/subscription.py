"""A follower's queue of frames, and the signals to resync, ping and end."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum

from qdpi.gateway.streams.frames import Frame


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
        """Queue a frame: an outcome always, other frames only when live."""
        if frame.seq is not None or self._live:
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
        """Accept deltas and statuses from now on."""
        self._live = True

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
