"""The canon: revisions prepared page by page and published in one write."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from qdpi.errors import BookRefused
from qdpi.page_schema import Page, Voice
from qdpi.store.columns import PAGE_COLUMNS, SIGNAL_COLUMNS, as_json, edge_rows, page_of, page_row, signal_row
from qdpi.store.embedded.statements import Repository, number, put, row, rows, upsert
from qdpi.store.rows import CanonRevision

_TEXTS: Final = ("title", "text")
_PLACED: Final = (*(name for name in PAGE_COLUMNS if name not in _TEXTS), "extra_json")
"""The columns of a page that are stored per canon revision; its texts are stored once per page revision."""

_PAGES_IN_RING: Final = (
    f"SELECT {', '.join(f'ring.{name}' for name in _PLACED)}, kept.title, kept.text "  # noqa: S608 - our names
    "FROM canon_ring ring JOIN page_revisions kept USING (page_id, revision) "
)
_PUT_PLACE: Final = upsert(
    "canon_ring",
    ("canon_revision", "position", *_PLACED, "edges_json", *SIGNAL_COLUMNS, "signals_extra_json"),
    ("canon_revision", "position"),
)
_PUT_TEXT: Final = (
    "INSERT INTO page_revisions (page_id, revision, title, text) VALUES (:page_id, :revision, :title, :text) "
    "ON CONFLICT DO UPDATE SET title = excluded.title, text = excluded.text WHERE NOT EXISTS "
    "(SELECT 1 FROM canon_ring JOIN canon_revisions current ON current.revision = canon_revision "
    "WHERE page_id = excluded.page_id AND canon_ring.revision = excluded.revision)"
)
_COPY_PAGES: Final = (
    f"INSERT OR REPLACE INTO pages ({', '.join((*_PLACED, *_TEXTS))}) {_PAGES_IN_RING} WHERE ring.canon_revision = ?"
)
_COPY_SIGNALS: Final = (
    "INSERT OR REPLACE INTO page_index_signals "  # noqa: S608 - our names
    f"(page_id, revision, {', '.join(SIGNAL_COLUMNS)}, extra_json) "
    f"SELECT page_id, revision, {', '.join(SIGNAL_COLUMNS)}, signals_extra_json "
    "FROM canon_ring WHERE canon_revision = ?"
)
_DROP_EDGES: Final = "DELETE FROM page_edges WHERE page_id IN (SELECT page_id FROM canon_ring WHERE canon_revision = ?)"
_COPY_EDGES: Final = (
    "INSERT INTO page_edges (page_id, edge_type, created_at, target_id) SELECT page_id, "
    "json_extract(edge.value, '$[0]'), json_extract(edge.value, '$[1]'), json_extract(edge.value, '$[2]') "
    "FROM canon_ring, json_each(edges_json) edge WHERE canon_revision = ?"
)


class Canon(Repository):
    """The `Canon` port."""

    async def put_canon(self, revision: int, position: int, pages: Sequence[Page]) -> None:
        """Store canon pages of a revision in preparation; no effect on a published one."""
        places = await asyncio.to_thread(_places, revision, position, pages)

        def prepare(connection: sqlite3.Connection) -> None:
            if _is_published(connection, revision):
                return
            connection.executemany(_PUT_TEXT, places)
            connection.executemany(_PUT_PLACE, places)

        await self._database.write(prepare)

    async def switch_canon(self, revision: CanonRevision) -> None:
        """Publish a prepared revision; it is current unless a higher one is.

        Raises `BookRefused` where another book is published under that number, or pages of it are missing.
        """

        def switch(connection: sqlite3.Connection) -> None:
            if _is_published_already(connection, revision):
                return
            _check_complete(connection, revision)
            _put_revision(connection, revision)
            if revision.revision == _current(connection):
                for statement in (_COPY_PAGES, _COPY_SIGNALS, _DROP_EDGES, _COPY_EDGES):
                    connection.execute(statement, (revision.revision,))

        await self._database.write(switch)

    async def canon_number(self) -> int | None:
        """Return the number of the current revision."""
        return await self._database.read(_current) or None

    async def canon(self, revision: int | None = None) -> CanonRevision | None:
        """Return a published revision of the canon, by default the current one."""
        return await self._database.read(lambda connection: _revision(connection, revision))

    async def canon_pages(self, revision: int) -> list[Page]:
        """Return a revision's pages in ring order, each as it was in that revision."""
        sql = _PAGES_IN_RING + "WHERE ring.canon_revision = ? ORDER BY ring.position"

        def read(connection: sqlite3.Connection) -> list[Page]:
            if not _is_published(connection, revision):
                return []
            return [page_of(found) for found in rows(connection, sql, revision)]

        return await self._database.read(read)

    async def page_revisions(self, page_id: str) -> list[Page]:
        """Return every revision of a canon page, the oldest first, each as first published."""
        sql = (
            f"{_PAGES_IN_RING} JOIN canon_revisions published ON published.revision = ring.canon_revision "
            "WHERE ring.page_id = ? ORDER BY ring.canon_revision"
        )

        def read(connection: sqlite3.Connection) -> list[Page]:
            first_published: dict[int, Page] = {}
            for found in rows(connection, sql, page_id):
                first_published.setdefault(found["revision"], page_of(found))
            return [first_published[revision] for revision in sorted(first_published)]

        return await self._database.read(read)


def _places(revision: int, position: int, pages: Sequence[Page]) -> list[dict[str, Any]]:
    return [_place(revision, place, page) for place, page in enumerate(pages, start=position)]


def _place(revision: int, position: int, page: Page) -> dict[str, Any]:
    signals = signal_row(page)
    return {
        **signals,
        **page_row(page),
        "canon_revision": revision,
        "position": position,
        "edges_json": as_json(edge_rows(page)),
        "signals_extra_json": signals["extra_json"],
    }


def _current(connection: sqlite3.Connection) -> int:
    return number(connection, "SELECT max(revision) FROM canon_revisions")


def _is_published(connection: sqlite3.Connection, revision: int) -> bool:
    return bool(number(connection, "SELECT count(*) FROM canon_revisions WHERE revision = ?", revision))


def _is_published_already(connection: sqlite3.Connection, revision: CanonRevision) -> bool:
    """Return whether a revision is published. Raises `BookRefused` where another book has its number."""
    published = _revision(connection, revision.revision)
    if published is not None and published.content_hash != revision.content_hash:
        raise BookRefused(
            f"Canon revision {revision.revision} is {published.title!r} already.",
            next_step="Ingest the book again: it takes the next revision.",
        )
    return published is not None


def _check_complete(connection: sqlite3.Connection, revision: CanonRevision) -> None:
    """Delete places beyond the last, left by an abandoned preparation. Raises `BookRefused` on missing pages."""
    ring = (revision.revision, revision.pages)
    connection.execute("DELETE FROM canon_ring WHERE canon_revision = ? AND position >= ?", ring)
    found = number(connection, "SELECT count(*) FROM canon_ring WHERE canon_revision = ?", revision.revision)
    if found != revision.pages:
        raise BookRefused(
            f"Canon revision {revision.revision} has {found} of its {revision.pages} pages.",
            next_step="Ingest the book again; readers still have the previous revision.",
        )


def _put_revision(connection: sqlite3.Connection, revision: CanonRevision) -> None:
    number_of = {"revision": revision.revision}
    stored = revision.model_dump(mode="json", exclude={"voices", "thresholds", "thresholds_version"})
    put(connection, "canon_revisions", stored, ["revision"])
    thresholds = {"version": revision.thresholds_version, "thresholds_json": as_json(revision.thresholds)}
    put(connection, "check_thresholds", number_of | thresholds, ["revision"])
    for place, voice in enumerate(revision.voices):
        columns = number_of | asdict(voice) | {"place": place}
        put(connection, "voices", columns, ["revision", "character"])


def _revision(connection: sqlite3.Connection, revision: int | None) -> CanonRevision | None:
    wanted = _current(connection) if revision is None else revision
    sql = "SELECT * FROM canon_revisions JOIN check_thresholds USING (revision) WHERE revision = ?"
    found = row(connection, sql, wanted)
    if found is None:
        return None
    columns = ", ".join(field.name for field in fields(Voice))
    voices = rows(connection, f"SELECT {columns} FROM voices WHERE revision = ? ORDER BY place", wanted)  # noqa: S608
    return CanonRevision(
        **found,
        thresholds_version=found["version"],
        thresholds=json.loads(found["thresholds_json"]),
        voices=tuple(Voice(**voice) for voice in voices),
    )
