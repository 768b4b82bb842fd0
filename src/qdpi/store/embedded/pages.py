"""Pages with their edges and signals."""

from __future__ import annotations

import sqlite3

from qdpi.page_schema import Edges, Page, Signals
from qdpi.store.columns import EdgeRow, edge_rows, edges_of, page_of, page_row, signal_row, signals_of
from qdpi.store.embedded.statements import Repository, put, row

_SIGNALS_OF = "SELECT * FROM page_index_signals WHERE page_id = ?"


class Pages(Repository):
    """The `Pages` port."""

    async def link_page(self, page: Page) -> None:
        """Store a page's edges and signals; the edges replace those of a revision that is not higher."""
        signals = {"page_id": page.page_id, "revision": page.revision, **signal_row(page)}
        edges = [(page.page_id, *edge) for edge in edge_rows(page)]

        def link(connection: sqlite3.Connection) -> None:
            if put(connection, "page_index_signals", signals, ["page_id"], version="revision"):
                connection.execute("DELETE FROM page_edges WHERE page_id = ?", (page.page_id,))
                connection.executemany("INSERT INTO page_edges VALUES (?, ?, ?, ?)", edges)

        await self._database.write(link, durable=False)

    async def put_page(self, page: Page) -> None:
        """Store a page; a lower revision never replaces a higher one."""
        columns = page_row(page)
        await self._database.write(
            lambda connection: put(connection, "pages", columns, ["page_id"], version="revision"),
            durable=False,
        )

    async def page(self, page_id: str) -> Page | None:
        """Return a page: of a canon page the current revision's, or the last one that had it."""

        def read(connection: sqlite3.Connection) -> Page | None:
            found = row(connection, "SELECT * FROM pages WHERE page_id = ?", page_id)
            return page_of(found) if found else None

        return await self._database.read(read)

    async def edges(self, page_id: str) -> Edges | None:
        """Return the stored edges of a page, None where none were ever stored."""
        sql = "SELECT edge_type, created_at, target_id FROM page_edges WHERE page_id = ?"

        def read(connection: sqlite3.Connection) -> Edges | None:
            linked = row(connection, _SIGNALS_OF, page_id)
            if linked is None:
                return None
            found = (EdgeRow(*edge) for edge in connection.execute(sql, (page_id,)))
            return edges_of(found, linked["extra_json"])

        return await self._database.read(read)

    async def signals(self, page_id: str) -> Signals | None:
        """Return the stored signals of a page, None where none were ever stored."""

        def read(connection: sqlite3.Connection) -> Signals | None:
            linked = row(connection, _SIGNALS_OF, page_id)
            return signals_of(linked) if linked else None

        return await self._database.read(read)
