"""The trees of recently requested journeys, by columns: each outcome's place, symbol and title, without its texts."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from qdpi.ids import microseconds
from qdpi.store.ports import Outcomes
from qdpi.store.rows import TreeRow

KEPT_JOURNEYS: Final = 1_000
KEPT_ROWS: Final = 100_000
"""The most rows of all kept journeys together; one journey alone may have more."""
_ROWS_AT_ONCE: Final = 5_000
_COLUMNS: Final = ("seq", "ts", "page_id", "locus", "symbol", "trajectory", "branch", "status", "title", "error")


@dataclass(slots=True)
class TreeColumns:
    """A journey's tree by columns, up to the outcome `head`: entry n of each column is of one outcome.

    `ts` is in seconds since 1970, rounded up; `locus` and `branch` hold the seq of the page's outcome where the page is
    the journey's own. Random ids there would double the size of a compressed tree, milliseconds add a twentieth to it.
    """

    head: int = 0
    seq: list[int] = field(default_factory=list)
    ts: list[int] = field(default_factory=list)
    page_id: list[str | None] = field(default_factory=list)
    locus: list[int | str | None] = field(default_factory=list)
    symbol: list[int | None] = field(default_factory=list)
    trajectory: list[str | None] = field(default_factory=list)
    branch: list[int | str | None] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    title: list[str | None] = field(default_factory=list)
    error: list[str | None] = field(default_factory=list)
    seqs: dict[str, int] = field(default_factory=dict)
    """The seq of each page."""
    written_at: dict[int | str, list[int]] = field(default_factory=dict)
    """The seqs of the pages that were written at each locus, in order."""
    updating: asyncio.Lock = field(default_factory=asyncio.Lock)

    def take(self, rows: Iterable[TreeRow], head: int) -> None:
        """Add the rows that follow, in order, up to `head`."""
        for row in rows:
            locus = self._shortened(row.locus)
            if row.page_id is not None:
                self.seqs[row.page_id] = row.seq
                self.written_at.setdefault(locus or "", []).append(row.seq)
            self.seq.append(row.seq)
            self.ts.append(-(-microseconds(row.ts) // 1_000_000))
            self.page_id.append(row.page_id)
            self.locus.append(locus)
            self.symbol.append(row.symbol_code)
            self.trajectory.append(row.trajectory)
            self.branch.append(self._shortened(row.branch_id))
            self.status.append(row.status)
            self.title.append(row.title)
            self.error.append(row.error)
        self.head = head

    def _shortened(self, page_id: str | None) -> int | str | None:
        return None if page_id is None else self.seqs.get(page_id, page_id)

    def siblings(self, locus: str) -> Sequence[int]:
        """Return the seqs of the pages that were written at a locus, in order."""
        return self.written_at.get(self.seqs.get(locus, locus), ())

    def place(self, seq: int) -> int:
        """Return where in each column the outcome `seq` is."""
        return bisect_left(self.seq, seq)

    def newest_page(self, until: int) -> tuple[int, str] | None:
        """Return the seq and the id of the newest page up to the outcome `until`, None without one."""
        for place in range(bisect_right(self.seq, until) - 1, -1, -1):
            page_id = self.page_id[place]
            if page_id is not None:
                return self.seq[place], page_id
        return None

    def columns(self, after: int, until: int) -> dict[str, list[Any]]:
        """Return the columns of the outcomes with a seq above `after`, up to `until`, by name."""
        chosen = slice(bisect_right(self.seq, after), bisect_right(self.seq, until))
        return {name: getattr(self, name)[chosen] for name in _COLUMNS}


class JourneyTrees:
    """The trees of recently requested journeys, each read on from its `head` at every request."""

    def __init__(self, store: Outcomes, *, journeys: int = KEPT_JOURNEYS, rows: int = KEPT_ROWS) -> None:
        self._store, self._most_journeys, self._most_rows = store, journeys, rows
        self._kept: OrderedDict[str, TreeColumns] = OrderedDict()

    async def of(self, journey: str, head: int) -> TreeColumns:
        """Return a journey's tree, with the outcomes up to `head` at least."""
        own = self._kept.setdefault(journey, TreeColumns())
        self._kept.move_to_end(journey)
        async with own.updating:
            while own.head < head:
                until = min(head, own.head + _ROWS_AT_ONCE)
                own.take(await self._store.tree(journey, own.head, until), until)
        self._forget()
        return own

    def _forget(self) -> None:
        rows = sum(len(tree.seq) for tree in self._kept.values())
        while len(self._kept) > self._most_journeys or (rows > self._most_rows and len(self._kept) > 1):
            _, forgotten = self._kept.popitem(last=False)
            rows -= len(forgotten.seq)
