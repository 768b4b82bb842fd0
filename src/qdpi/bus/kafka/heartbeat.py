"""The sign of life of an event loop: a thread polls for it only while it turns."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Final

_INTERVAL: Final = 0.1


class Pulse:
    """Whether an event loop answered a tick in the last `patience` seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        self._loop, self._patience = loop, patience
        self._answered_at = monotonic()
        self._asking = False

    def beats(self) -> bool:
        """Tell whether the loop turns, and ask it again. For a thread other than the loop's."""
        now = monotonic()
        if not self._asking and now >= self._answered_at + _INTERVAL:
            self._asking = True
            with suppress(RuntimeError):  # the loop is closed, so it does not answer
                self._loop.call_soon_threadsafe(self._answer)
        return now < self._answered_at + self._patience

    def beat(self) -> None:
        """Take a call that the loop makes of its own accord for an answer."""
        self._answer()

    def _answer(self) -> None:
        self._answered_at = monotonic()
        self._asking = False
