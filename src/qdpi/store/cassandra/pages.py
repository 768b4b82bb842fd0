"""Pages with their edges and signals, and canon pages by their places in the ring."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

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
from qdpi.store.cassandra.session import Repository, ResultRow
from qdpi.store.cassandra.statements import Change, Statement, insert, select

BUCKET: Final = 100
"""Pages in one partition of `canon_ring`: 200 KB of an ordinary book, 60 MB of the longest pages allowed."""
RING: Final = ("canon_revision", "preparation", "bucket", "position", "page_id", "revision", "page_json")
PLACE: Final = ("page_id", "canon_revision", "preparation", "position", "revision")

_PUT: Final = insert("pages", PAGE, timed=True)
_PUT_SIGNALS: Final = insert("page_index_signals", SIGNALS, timed=True)
_PUT_EDGE: Final = insert("page_edges", EDGE, timed=True)
_DROP_EDGES: Final = Statement("DELETE FROM {keyspace}.page_edges USING TIMESTAMP :written WHERE page_id = :page_id")
_PAGE: Final = select(PAGE, "pages", "WHERE page_id = :page_id")
_SIGNALS: Final = select(SIGNALS, "page_index_signals", "WHERE page_id = :page_id")
_EDGES: Final = select(EDGE, "page_edges", "WHERE page_id = :page_id")
_CURRENT_NUMBER: Final = select(["revision"], "canon_revisions", "WHERE canon = 'canon' LIMIT 1")
_PUBLISHED: Final = select(["revision", "preparation"], "canon_revisions", "WHERE canon = 'canon'", fetch_size=1_000)
_PLACES: Final = select(PLACE, "canon_places", "WHERE page_id = :page_id", fetch_size=1_000)
_PAGE_IN_RING: Final = select(
    ["page_json"],
    "canon_ring",
    "WHERE canon_revision = :canon_revision AND preparation = :preparation AND bucket = :bucket "
    "AND position = :position",
)
PREPARED_AT_OPEN: Final = (_PUT, _PUT_SIGNALS, _PUT_EDGE, _DROP_EDGES, _PAGE, _CURRENT_NUMBER)


class Place(NamedTuple):
    """A page's place in a published canon revision, and its own revision there."""

    canon_revision: int
    preparation: str
    position: int
    revision: int


class RingPages(Repository):
    """Reads canon pages by their places in the ring."""

    async def canon_number(self) -> int | None:
        """Return the number of the current revision."""
        row = await self._connection.first(_CURRENT_NUMBER)
        return row["revision"] if row else None

    async def _places(self, page_id: str) -> list[Place]:
        """Return a page's places in the published revisions, the oldest revision first."""
        rows, published = await asyncio.gather(
            self._connection.rows(_PLACES, page_id=page_id), self._connection.rows(_PUBLISHED)
        )
        preparations = {row["revision"]: row["preparation"] for row in published}
        return [_place(row) for row in rows if preparations.get(row["canon_revision"]) == row["preparation"]]

    async def _newest_in_ring(self, page_id: str, number: int | None) -> Page | None:
        """Return a canon page as the current revision has it, or the last one that did."""
        places = await self._places(page_id) if number is not None else []
        return await self._page_at(places[-1]) if places else None

    async def _page_at(self, place: Place) -> Page | None:
        row = await self._connection.first(
            _PAGE_IN_RING,
            canon_revision=place.canon_revision,
            preparation=place.preparation,
            bucket=place.position // BUCKET,
            position=place.position,
        )
        return Page.model_validate_json(row["page_json"]) if row else None


class Pages(RingPages):
    """The `Pages` port.

    A canon page's rows here are rewritten some time after a switch of the canon. Until then, and where a revision
    dropped the page, it is read from the ring. A repairing store returns the rows as they are.
    """

    async def link_page(self, page: Page) -> None:
        """Store a page's edges and signals atomically; the edges replace those of an older version."""
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
        return await self._newest_in_ring(page_id, number) or page

    async def edges(self, page_id: str) -> Edges | None:
        """Return the stored edges of a page, None where none were ever stored."""
        signals, rows, number = await asyncio.gather(
            self._connection.first(_SIGNALS, page_id=page_id),
            self._connection.rows(_EDGES, page_id=page_id),
            self.canon_number(),
        )
        if signals is not None and (self._times.repairing or _is_current(signals, number)):
            return stored_edges(rows, signals)
        page = None if self._times.repairing else await self._newest_in_ring(page_id, number)
        if page is not None:
            return page.edges
        return stored_edges(rows, signals) if signals else None

    async def signals(self, page_id: str) -> Signals | None:
        """Return the stored signals of a page, None where none were ever stored."""
        row, number = await asyncio.gather(self._connection.first(_SIGNALS, page_id=page_id), self.canon_number())
        if row is not None and (self._times.repairing or _is_current(row, number)):
            return stored_signals(row)
        page = None if self._times.repairing else await self._newest_in_ring(page_id, number)
        if page is not None:
            return page.signals
        return stored_signals(row) if row else None

    def _written(self, page: Page) -> int:
        # Revisions with the same time are ordered by their number.
        return self._times.of(page.created_at, step=page.revision - 1)


def put_change(page: Page, written: int) -> Change:
    """Return the change that stores a page at a write time."""
    return Change(_PUT, {**page_values(page), "written": written})


def link_changes(page: Page, written: int) -> list[Change]:
    """Return the changes that store a page's edges and signals at a write time and delete older edges."""
    return [
        Change(_PUT_SIGNALS, {**signal_values(page), "written": written}),
        Change(_DROP_EDGES, {"page_id": page.page_id, "written": written - 1}),
        *(Change(_PUT_EDGE, {**edge, "written": written}) for edge in edge_values(page)),
    ]


def _place(row: ResultRow) -> Place:
    return Place(row["canon_revision"], row["preparation"], row["position"], row["revision"])


def _is_current(signals: ResultRow, number: int | None) -> bool:
    """Return whether a row of signals is of a reader's page or of the current canon revision."""
    return signals["canon_revision"] in (None, number)
