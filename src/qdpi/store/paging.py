"""A journey's outcomes some at a time, whichever store they are in, however many they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from qdpi.outcome import Outcome
from qdpi.store.ports import PageStore

AT_ONCE: Final = 50
"""How many outcomes are read at once."""


async def outcomes_of(store: PageStore, journey: str, head: int | None = None) -> AsyncIterator[list[Outcome]]:
    """Give a journey's outcomes in their order: up to the seq `head`, or without it to the newest there is then."""
    after = 0
    while head is None or after < head:
        limit = AT_ONCE if head is None else min(AT_ONCE, head - after)
        found = await store.outcomes(journey, after=after, limit=limit)
        if not found:
            return
        after = found[-1].seq
        yield found


async def outcomes_before(store: PageStore, journey: str, seq: int) -> AsyncIterator[list[Outcome]]:
    """Give a journey's outcomes below a seq, the newest first, a few more at each reading."""
    below, limit = seq, 1
    while below > 1:
        after = max(0, below - 1 - limit)
        found = await store.outcomes(journey, after=after, limit=below - 1 - after)
        yield found[::-1]
        below, limit = after + 1, min(limit * 4, AT_ONCE)
