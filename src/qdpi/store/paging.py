"""A journey's outcomes, and its events log, in pages of bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from qdpi.outcome import LogEntry, Outcome
from qdpi.store.ports import Log, Outcomes

OUTCOMES_PER_PAGE: Final = 50
ROWS_PER_PAGE: Final = 500


async def outcomes_of(store: Outcomes, journey: str, head: int | None = None) -> AsyncIterator[list[Outcome]]:
    """Yield pages of a journey's outcomes in order, up to the seq `head`, by default up to the newest."""
    after = 0
    while head is None or after < head:
        limit = OUTCOMES_PER_PAGE if head is None else min(OUTCOMES_PER_PAGE, head - after)
        found = await store.outcomes(journey, after=after, limit=limit)
        if not found:
            return
        after = found[-1].seq
        yield found


async def outcomes_before(store: Outcomes, journey: str, seq: int) -> AsyncIterator[list[Outcome]]:
    """Yield pages of a journey's outcomes below a seq, the newest first; pages grow from 1 to `OUTCOMES_PER_PAGE`."""
    below, limit = seq, 1
    while below > 1:
        after = max(0, below - 1 - limit)
        found = await store.outcomes(journey, after=after, limit=below - 1 - after)
        yield found[::-1]
        below, limit = after + 1, min(limit * 4, OUTCOMES_PER_PAGE)


async def log_of(store: Log, journey: str, topic: str | None = None) -> AsyncIterator[list[LogEntry]]:
    """Yield pages of a journey's events log, of one topic or of all, in order, each row once."""
    since, limit = None, ROWS_PER_PAGE
    while True:
        found = await store.log(journey, since=since, topic=topic, limit=limit)
        if len(found) < limit:
            yield found
            return
        # More rows may share the last timestamp: leave all of them to the next page.
        whole = [row for row in found if row.ts < found[-1].ts]
        if whole:
            yield whole
            since, limit = found[-1].ts, ROWS_PER_PAGE
        else:
            limit *= 2
