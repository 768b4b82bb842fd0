"""The canon: revisions prepared page by page and published in one conditional write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any, Final

from qdpi.concurrency import map_concurrently
from qdpi.errors import BookRefused, StoreUnavailable
from qdpi.ids import from_microseconds, microseconds
from qdpi.page_schema import Page, Voice
from qdpi.store.cassandra.pages import BUCKET, PLACE, RING, RingPages, link_changes, put_change
from qdpi.store.cassandra.session import Connection, ResultRow
from qdpi.store.cassandra.statements import Change, Consistency, Statement, WriteTimes, batches, insert, select
from qdpi.store.columns import as_json
from qdpi.store.rows import CanonRevision

_REVISION: Final = (
    "revision",
    "preparation",
    "book_id",
    "title",
    "author",
    "content_hash",
    "pages",
    "at",
    "voices_json",
    "thresholds_version",
    "thresholds_json",
)
_PUT_RING: Final = insert("canon_ring", RING)
_PUT_PLACE: Final = insert("canon_places", PLACE)
_SWITCH: Final = insert("canon_revisions", ("canon", *_REVISION, "created_at"), once=True)
_CURRENT: Final = select(_REVISION, "canon_revisions", "WHERE canon = 'canon' LIMIT 1")
_ONE: Final = select(_REVISION, "canon_revisions", "WHERE canon = 'canon' AND revision = :revision")
_ONE_SERIAL: Final = select(
    _REVISION,
    "canon_revisions",
    "WHERE canon = 'canon' AND revision = :revision",
    consistency=Consistency.SERIAL,
)
_IN_BUCKET: Final = "WHERE canon_revision = :canon_revision AND preparation = :preparation AND bucket = :bucket"
_COUNT: Final = select(["count(*) AS pages"], "canon_ring", f"{_IN_BUCKET} AND position < :pages")
_READ: Final = select(["page_json"], "canon_ring", f"{_IN_BUCKET} AND position < :pages", fetch_size=BUCKET)
_BUCKETS_AT_ONCE: Final = 4


class Canon(RingPages):
    """The `Canon` port. `preparation` keeps the pages that this store prepares apart from those of others."""

    def __init__(self, connection: Connection, times: WriteTimes, preparation: str) -> None:
        super().__init__(connection, times)
        self._preparation = preparation

    async def put_canon(self, revision: int, position: int, pages: Sequence[Page]) -> None:
        """Store canon pages of a revision in preparation; no effect on a published one."""
        if await self._revision(_ONE, revision=revision) is not None:
            return
        if await self.canon_number() is not None:
            pages = await map_concurrently(self._with_published_text, pages)
        places = [self._place(revision, place, page) for place, page in enumerate(pages, start=position)]
        ring = batches([Change(_PUT_RING, place) for place in places], partition=lambda change: change.values["bucket"])
        await map_concurrently(
            lambda changes: self._connection.write(*changes), [*ring, *([Change(_PUT_PLACE, p)] for p in places)]
        )

    async def switch_canon(self, revision: CanonRevision) -> None:
        """Publish a prepared revision; it is current unless a higher one is.

        Its pages are then copied to the tables of pages, edges and signals; until then canon pages are read from the
        ring. Switching again copies them again. Raises `BookRefused` where another book is published under that
        number, or pages of it are missing.
        """
        if not _is_published(await self._revision(_ONE, revision=revision.revision), revision):
            await self._check_complete(revision)
            await self._put_revision(revision)
        if await self.canon_number() == revision.revision:
            await self._copy_pages(revision.revision)

    async def canon(self, revision: int | None = None) -> CanonRevision | None:
        """Return a published revision of the canon, by default the current one."""
        row = await (self._revision(_CURRENT) if revision is None else self._revision(_ONE, revision=revision))
        return _record(row) if row else None

    async def canon_pages(self, revision: int) -> list[Page]:
        """Return a revision's pages in ring order, each as it was in that revision."""
        row = await self._revision(_ONE, revision=revision)
        if row is None:
            return []
        buckets = await map_concurrently(
            lambda bucket: self._bucket(row, bucket), _buckets(row["pages"]), _BUCKETS_AT_ONCE
        )
        return list(chain.from_iterable(buckets))

    async def page_revisions(self, page_id: str) -> list[Page]:
        """Return every revision of a canon page, the oldest first, each as first published."""
        first_places = {place.revision: place for place in reversed(await self._places(page_id))}
        pages = await map_concurrently(self._page_at, [first_places[revision] for revision in sorted(first_places)])
        return [page for page in pages if page is not None]

    async def _with_published_text(self, page: Page) -> Page:
        """Return a page with the text of its revision, where that is published already."""
        published = [place for place in await self._places(page.page_id) if place.revision == page.revision]
        kept = await self._page_at(published[0]) if published else None
        return page.model_copy(update={"text": kept.text, "title": kept.title}) if kept else page

    def _place(self, revision: int, position: int, page: Page) -> dict[str, Any]:
        return {
            "canon_revision": revision,
            "preparation": self._preparation,
            "bucket": position // BUCKET,
            "position": position,
            "page_id": page.page_id,
            "revision": page.revision,
            "page_json": page.model_dump_json(),
        }

    async def _check_complete(self, revision: CanonRevision) -> None:
        ring = {"canon_revision": revision.revision, "preparation": self._preparation, "pages": revision.pages}
        counts = await map_concurrently(
            lambda bucket: self._connection.first(_COUNT, **ring, bucket=bucket),
            _buckets(revision.pages),
            _BUCKETS_AT_ONCE,
        )
        found = sum(row["pages"] for row in counts if row)
        if found != revision.pages:
            raise BookRefused(
                f"Canon revision {revision.revision} has {found} of its {revision.pages} pages.",
                next_step="Ingest the book again; readers still have the previous revision.",
            )

    async def _put_revision(self, revision: CanonRevision) -> None:
        row = _row(revision, self._preparation)
        try:
            await self._connection.write_if(Change(_SWITCH, row))
        except StoreUnavailable:
            if await self._revision(_ONE_SERIAL, revision=revision.revision) is None:
                raise
        # Either this revision, or another process's that was first: the same book, or a refusal.
        _is_published(await self._revision(_ONE_SERIAL, revision=revision.revision), revision)

    async def _copy_pages(self, revision: int) -> None:
        row = await self._revision(_ONE_SERIAL, revision=revision)
        if row is None:
            return
        for bucket in _buckets(row["pages"]):
            changes = self._page_changes(row, await self._bucket(row, bucket))
            await map_concurrently(lambda batch: self._connection.write(*batch), changes)

    def _page_changes(self, row: ResultRow, pages: Sequence[Page]) -> list[list[Change]]:
        published = from_microseconds(row["at"])
        written = [self._times.of(published) for _ in pages]
        return [[*link_changes(page, at), put_change(page, at)] for page, at in zip(pages, written, strict=True)]

    async def _bucket(self, row: ResultRow, bucket: int) -> list[Page]:
        found = await self._connection.rows(
            _READ,
            canon_revision=row["revision"],
            preparation=row["preparation"],
            bucket=bucket,
            pages=row["pages"],
        )
        return await asyncio.to_thread(lambda: [Page.model_validate_json(place["page_json"]) for place in found])

    async def _revision(self, statement: Statement, **values: int) -> ResultRow | None:
        return await self._connection.first(statement, **values)


def _buckets(pages: int) -> range:
    return range(-(-pages // BUCKET))


def _is_published(row: ResultRow | None, revision: CanonRevision) -> bool:
    """Return whether a revision is published. Raises `BookRefused` where another book has its number."""
    if row is not None and row["content_hash"] != revision.content_hash:
        raise BookRefused(
            f"Canon revision {revision.revision} is {row['title']!r} already.",
            next_step="Ingest the book again: it takes the next revision.",
        )
    return row is not None


def _row(revision: CanonRevision, preparation: str) -> dict[str, Any]:
    stored = revision.model_dump(include={"revision", "book_id", "title", "author", "content_hash", "pages"})
    return {
        **stored,
        "canon": "canon",
        "preparation": preparation,
        "created_at": revision.created_at,
        "at": microseconds(revision.created_at),
        "voices_json": as_json([_voice(voice) for voice in revision.voices]),
        "thresholds_version": revision.thresholds_version,
        "thresholds_json": as_json(revision.thresholds),
    }


def _voice(voice: Voice) -> dict[str, Any]:
    # A process of an earlier version knows no section_title: a book that gives none is one that it can read.
    return {name: value for name, value in asdict(voice).items() if name != "section_title" or value is not None}


def _record(row: ResultRow) -> CanonRevision:
    return CanonRevision(
        **{name: row[name] for name in _REVISION if name in CanonRevision.model_fields},
        created_at=from_microseconds(row["at"]),
        voices=tuple(Voice(**voice) for voice in json.loads(row["voices_json"])),
        thresholds=json.loads(row["thresholds_json"]),
    )
