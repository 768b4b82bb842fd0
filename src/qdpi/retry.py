"""Exponential backoff with jitter, timed by the running event loop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from qdpi.errors import Unavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds: `first`, growing by `factor`, never above `most`.

    `chance` returns numbers in 0..1; a delay is drawn from its upper half, so that many clients do not retry at
    once ("equal jitter", Brooker, AWS Architecture Blog, 2015).
    """

    first: float = 0.05
    factor: float = 2.0
    most: float = 5.0
    chance: Callable[[], float] = random.random

    def delay(self, attempt: int) -> float:
        """Return the delay after a failed attempt, counted from 1."""
        whole = min(self.most, self.first * self.factor ** min(attempt - 1, 64))
        return whole / 2 + self.chance() * whole / 2

    async def wait(self, attempt: int) -> None:
        """Sleep for the delay after a failed attempt, counted from 1."""
        await asyncio.sleep(self.delay(attempt))


async def retry_while_unavailable(
    attempt: Callable[[], Awaitable[T]],
    backoff: Backoff,
    *,
    on_wait: Callable[[Unavailable, int], None] = lambda error, tries: None,
    most: int | None = None,
) -> T:
    """Retry while `attempt` raises `Unavailable`, with backoff.

    `on_wait` is called with the error and the number of failed attempts before each wait. After `most` attempts the
    last error is raised; without `most` the retries never end.
    """
    tries = 0
    while True:
        try:
            return await attempt()
        except Unavailable as error:
            tries += 1
            if tries == most:
                raise
            on_wait(error, tries)
            await backoff.wait(tries)
