"""A journey's outcomes in pages of bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from qdpi.outcome import Outcome
from qdpi.store.ports import Outcomes

AT_ONCE: Final = 50
"""Outcomes in one page."""


async def outcomes_of(store: Outcomes, journey: str, head: int | None = None) -> AsyncIterator[list[Outcome]]:
    """Yield pages of a journey's outcomes in order, up to the seq `head`, by default up to the newest."""
    after = 0
    while head is None or after < head:
        limit = AT_ONCE if head is None else min(AT_ONCE, head - after)
        found = await store.outcomes(journey, after=after, limit=limit)
        if not found:
            return
        after = found[-1].seq
        yield found


async def outcomes_before(store: Outcomes, journey: str, seq: int) -> AsyncIterator[list[Outcome]]:
    """Yield pages of a journey's outcomes below a seq, the newest first; pages grow from 1 to `AT_ONCE`."""
    below, limit = seq, 1
    while below > 1:
        after = max(0, below - 1 - limit)
        found = await store.outcomes(journey, after=after, limit=below - 1 - after)
        yield found[::-1]
        below, limit = after + 1, min(limit * 4, AT_ONCE)
