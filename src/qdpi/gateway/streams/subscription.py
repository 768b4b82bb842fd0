"""One follower of a journey: what waits for it, and when it has to read the store again."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum

from qdpi.gateway.streams.frames import Frame


class Signal(Enum):
    """What a follower is told beside frames."""

    RESYNC = "resync"
    """Something may have been missed: read the store."""
    PING = "ping"
    """Show that the stream is alive."""
    END = "end"
    """There will be nothing more."""


class Subscription:
    """A bounded queue of frames. Who is too slow for it is cut: `overflowed`, and nothing more comes.

    Outcomes come from the start; deltas and statuses from `go_live` on. The first thing it gives is a
    `RESYNC`, for what was there before it.
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
        self._stir = asyncio.Event()
        self._stir.set()

    def offer(self, frame: Frame) -> None:
        """Give it a frame, if it wants such frames yet."""
        if frame.seq is not None or self._live:
            self.reply(frame)

    def reply(self, frame: Frame) -> None:
        """Give it a frame that it always wants: the answer to what it said."""
        if self.ended:
            return
        if len(self._frames) >= self._limit:
            self.overflowed = True
            self.end()
            return
        self._frames.append(frame)
        self._stir.set()

    def go_live(self) -> None:
        """Want deltas and statuses too."""
        self._live = True

    def resync(self) -> None:
        """Have it read the store again."""
        self._stale = True
        self._stir.set()

    def ping(self) -> None:
        """Have it show that it is alive, when it has nothing else to say."""
        self._pinged = True
        self._stir.set()

    def end(self) -> None:
        """Let it end, and drop what waits."""
        self.ended = True
        self._frames.clear()
        self._stir.set()

    async def get(self) -> Frame | Signal:
        """Wait for what comes next: the end, a resync, the frames in their order, a ping."""
        while True:
            await self._stir.wait()
            given = self._next()
            if given is not None:
                return given
            self._stir.clear()

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
