"""Pages with their edges and signals, as they are now."""

from __future__ import annotations

import asyncio
from typing import Final

from qdpi.page_schema import Edges, Page, Signals
from qdpi.store.cassandra.columns import (
    EDGE,
    PAGE,
    SIGNALS,
    edge_values,
    page_values,
    signal_values,
    stored_edges,
    stored_page,
    stored_signals,
)
from qdpi.store.cassandra.placing import Placing
from qdpi.store.cassandra.session import Row
from qdpi.store.cassandra.statements import Change, Statement, insert, select

PUT: Final = insert("pages", PAGE, timed=True)
_PUT_SIGNALS: Final = insert("page_index_signals", SIGNALS, timed=True)
_PUT_EDGE: Final = insert("page_edges", EDGE, timed=True)
_DROP_EDGES: Final = Statement("DELETE FROM {keyspace}.page_edges USING TIMESTAMP :written WHERE page_id = :page_id")
_PAGE: Final = select(PAGE, "pages", "WHERE page_id = :page_id")
_SIGNALS: Final = select(SIGNALS, "page_index_signals", "WHERE page_id = :page_id")
_EDGES: Final = select(EDGE, "page_edges", "WHERE page_id = :page_id")
WARM: Final = (PUT, _PUT_SIGNALS, _PUT_EDGE, _DROP_EDGES, _PAGE)


class Pages(Placing):
    """The verbs on pages.

    A canon page's rows here follow a switch of the canon with some delay; until they do, and for what a
    revision dropped, it is read from its place in the canon. A repairing store returns the rows as they are.
    """

    async def link_page(self, page: Page) -> None:
        """Store a page's edges and signals, all or nothing; the edges replace those of an older version."""
        await self._connection.write(*link_changes(page, self._written(page)))

    async def put_page(self, page: Page) -> None:
        """Store a page; a lower revision never replaces a higher one."""
        await self._connection.write(put_change(page, self._written(page)))

    async def page(self, page_id: str) -> Page | None:
        """Return a page: of a canon page the current revision's, or the last one that had it."""
        row = await self._connection.first(_PAGE, page_id=page_id)
        page = stored_page(row) if row else None
        if self._times.repairing or (page is not None and not page.is_canon):
            return page
        number = await self.canon_number()
        if page is not None and page.canon_revision == number:
            return page
        return await self._placed(page_id, number) or page

    async def edges(self, page_id: str) -> Edges | None:
        """Return the stored edges of a page, None where none were ever stored."""
        signals, rows, number = await asyncio.gather(
            self._connection.first(_SIGNALS, page_id=page_id),
            self._connection.ask(_EDGES, page_id=page_id),
            self.canon_number(),
        )
        if signals is not None and (self._times.repairing or _stands(signals, number)):
            return stored_edges(rows, signals)
        page = None if self._times.repairing else await self._placed(page_id, number)
        if page is not None:
            return page.edges
        return stored_edges(rows, signals) if signals else None

    async def signals(self, page_id: str) -> Signals | None:
        """Return the stored signals of a page, None where none were ever stored."""
        row, number = await asyncio.gather(self._connection.first(_SIGNALS, page_id=page_id), self.canon_number())
        if row is not None and (self._times.repairing or _stands(row, number)):
            return stored_signals(row)
        page = None if self._times.repairing else await self._placed(page_id, number)
        if page is not None:
            return page.signals
        return stored_signals(row) if row else None

    def _written(self, page: Page) -> int:
        # Revisions of one time still have an order.
        return self._times.of(page.created_at, step=page.revision - 1)


def put_change(page: Page, written: int) -> Change:
    """Return what stores a page at a write time."""
    return Change(PUT, {**page_values(page), "written": written})


def link_changes(page: Page, written: int) -> list[Change]:
    """Return what stores a page's edges and signals at a write time, and takes away older edges."""
    return [
        Change(_PUT_SIGNALS, {**signal_values(page), "written": written}),
        Change(_DROP_EDGES, {"page_id": page.page_id, "written": written - 1}),
        *(Change(_PUT_EDGE, {**edge, "written": written}) for edge in edge_values(page)),
    ]


def _stands(signals: Row, number: int | None) -> bool:
    return signals["canon_revision"] in (None, number)
