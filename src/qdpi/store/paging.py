"""A journey's outcomes, and its events log, in pages of bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from typing import Final

from qdpi.outcome import LogEntry, Outcome
from qdpi.store.columns import tree_row
from qdpi.store.ports import Log, OutcomeReads, Outcomes
from qdpi.store.rows import TreeRow

OUTCOMES_PER_PAGE: Final = 50
ROWS_PER_PAGE: Final = 500


async def outcomes_of(
    store: OutcomeReads, journey: str, head: int | None = None, after: int = 0
) -> AsyncIterator[list[Outcome]]:
    """Yield pages of a journey's outcomes above `after`, in order, up to the seq `head`, by default to the newest."""
    while head is None or after < head:
        limit = OUTCOMES_PER_PAGE if head is None else min(OUTCOMES_PER_PAGE, head - after)
        found = await store.outcomes(journey, after=after, limit=limit)
        if not found:
            return
        after = found[-1].seq
        yield found


async def whole_tree(store: Outcomes, journey: str, after: int, until: int, stored: Sequence[TreeRow]) -> list[TreeRow]:
    """Return a part of a tree: its stored rows, and those of outcomes that an earlier version committed without one."""
    rows = {row.seq: row for row in stored}
    for first, last in _gaps(rows, after, until):
        async for found in outcomes_of(store, journey, last, first):
            rows |= {outcome.seq: tree_row(outcome) for outcome in found}
    return [rows[seq] for seq in sorted(rows)]


def _gaps(known: Collection[int], after: int, until: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of numbers above `after`, up to `until`, that are not known: the number before, and the last."""
    before = after
    for seq in (*sorted(known), until + 1):
        if seq > before + 1:
            yield before, seq - 1
        before = seq


async def outcomes_before(store: OutcomeReads, journey: str, seq: int) -> AsyncIterator[list[Outcome]]:
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
