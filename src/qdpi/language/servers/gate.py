"""The gate of an endpoint: closed while its server says that it is busy, so that all its callers wait together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from qdpi.errors import ModelBusy
from qdpi.retry import Backoff

LOADING = Backoff(first=1.0, factor=1.5, most=5.0)
"""The pauses where a busy server names none: in a minute and a half about twenty questions."""


class Gate:
    """Admits calls, all at once while open.

    After `close` no call is admitted for a while. Then one is, as a probe, and the others wait for what it finds:
    after `open` they all go, after another `close` they are refused for a longer while. `longest` bounds each pause, in
    seconds. Belongs to one event loop.
    """

    def __init__(self, clock: Callable[[], float], *, longest: float, backoff: Backoff = LOADING) -> None:
        self._clock, self._longest, self._backoff = clock, longest, backoff
        self._closed = False
        self._refusals = 0
        self._until = 0.0
        self._cause = ""
        self._probe: asyncio.Event | None = None

    @asynccontextmanager
    async def admission(self) -> AsyncIterator[None]:
        """Admit a call for a block, after the probe in flight. Raises ModelBusy while closed."""
        while self._probe is not None:
            await self._probe.wait()
        if (left := self._until - self._clock()) > 0:
            raise ModelBusy(self._cause, retry_after=left)
        if not self._closed:
            yield
            return
        probe = self._probe = asyncio.Event()
        try:
            yield
        finally:
            self._end(probe)

    def open(self) -> None:
        """An answer has begun: admit all. It may still say that the server is busy, so the next pause is no shorter."""
        self._closed = False
        if self._probe is not None:
            self._end(self._probe)

    def reset(self) -> None:
        """An answer was whole: the next pause is the shortest again."""
        self._refusals = 0

    def close(self, cause: str, retry_after: float | None) -> float:
        """A server was busy: admit none for the seconds that it asks for, or for a growing pause. Returns them.

        `cause` is the detail of the errors meanwhile.
        """
        now = self._clock()
        if self._until <= now:  # otherwise a call that was already on its way is refused too
            self._refusals += 1
        self._closed = True
        pause = retry_after or self._backoff.delay(self._refusals)
        self._until, self._cause = max(self._until, now + min(pause, self._longest)), cause
        if self._probe is not None:
            self._end(self._probe)
        return self._until - now

    def _end(self, probe: asyncio.Event) -> None:
        probe.set()
        if self._probe is probe:
            self._probe = None
