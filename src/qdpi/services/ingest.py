"""Ingesting a book: a new revision of the canon, prepared whole and switched to in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple, TypeVar

import structlog

from qdpi.canon.book import Book
from qdpi.canon.revision import calibration_of, canon_pages, is_same_book, revision_of
from qdpi.concurrency import gather_all, map_concurrently
from qdpi.errors import BookRefused, Unavailable
from qdpi.page_schema import Page, Reading
from qdpi.retry import Backoff, retry_while_unavailable
from qdpi.search.analysis import read_text
from qdpi.search.vectors import Embedder
from qdpi.services.projections.pages import BESIDE_PAGE, PageSource, with_embeddings
from qdpi.services.projector import writes_of
from qdpi.store.ports import Canon, PageStore
from qdpi.store.rows import CanonRevision

_BACKOFF: Final = Backoff()
CHUNK: Final = 100
TRIES: Final = 30
"""How often a write is tried while the store is unavailable: a node that flushes an index of many vectors can be
silent for minutes."""
Progress = Callable[[int, int], None]
T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ingested:
    """The result of an ingest: the current revision, how many pages were new or changed, and how many dropped.

    `changed` is whether there is a new revision, even if only for other voices or another title.
    """

    revision: CanonRevision
    written: int
    dropped: int
    changed: bool


async def ingest(
    store: PageStore,
    book: Book,
    embedder: Embedder,
    *,
    now: Callable[[], datetime],
    replace: bool = False,
    progress: Progress = lambda done, total: None,
    backoff: Backoff = _BACKOFF,
) -> Ingested:
    """Make a book the canon's current revision. Ingesting the same book again changes nothing.

    Raises `BookRefused` for another book over one that has journeys, without `replace`.
    """
    current = await store.canon()
    if current and current.content_hash == book.content_hash:
        return Ingested(current, written=0, dropped=0, changed=False)
    earlier = {page.page_id: page for page in await store.canon_pages(current.revision)} if current else {}
    if current and not replace and not is_same_book(book, earlier) and await store.has_journeys():
        raise BookRefused(
            f"{book.title!r} is another book than {current.title!r}, which has journeys.",
            next_step="Give --replace to put it in its place; pages already written stay readable.",
        )
    progress(0, len(book.pages))
    number = current.revision + 1 if current else 1
    readings = await asyncio.to_thread(lambda: {page.page_id: read_text(page.text) for page in book.pages})
    known = {**{p.page_id: p for p in await _newest(store, book, earlier)}, **earlier}
    pages = canon_pages(book, readings, number, _time_after(current, now()), known)
    fresh = [page for page in pages if known.get(page.page_id) is None or known[page.page_id].revision != page.revision]
    calibration = await asyncio.to_thread(calibration_of, pages, readings)
    record = revision_of(book, number, _time_after(current, now()), calibration)
    writes = _Writes(store, backoff)
    await writes.index(fresh, readings, embedder, progress)
    await writes.revision(record, pages)
    progress(len(fresh), len(fresh))
    dropped = len(earlier.keys() - {page.page_id for page in pages})
    return Ingested(record, written=len(fresh), dropped=dropped, changed=True)


def _time_after(current: CanonRevision | None, at: datetime) -> datetime:
    # A later revision gets a later time even if this machine's clock went back: it is its pages' time.
    return max(at, current.created_at + timedelta(microseconds=1)) if current else at


async def _newest(store: Canon, book: Book, earlier: dict[str, Page]) -> list[Page]:
    # A page that an earlier revision dropped may come back: its revision numbers continue.
    if not earlier:
        return []
    back = [page.page_id for page in book.pages if page.page_id not in earlier]
    found = await map_concurrently(store.page_revisions, back)
    return [revisions[-1] for revisions in found if revisions]


class _Writes:
    """The writes of an ingest. Each is retried while the store is unavailable."""

    def __init__(self, store: PageStore, backoff: Backoff) -> None:
        self._store, self._backoff = store, backoff

    async def index(
        self, pages: Sequence[Page], readings: dict[str, Reading], embedder: Embedder, progress: Progress
    ) -> None:
        """Write readings, vectors and index rows: the functions of a page's text alone."""
        for done, chunk in _chunks(pages):
            progress(done, len(pages))
            sources = [PageSource(page, readings[page.page_id]) for page in chunk]
            sources = await asyncio.to_thread(with_embeddings, sources, embedder)
            writes = writes_of(BESIDE_PAGE)  # `put_canon` writes the pages themselves
            await gather_all(*(self._through(partial(write, self._store, sources)) for write in writes))

    async def revision(self, record: CanonRevision, pages: Sequence[Page]) -> None:
        """Write a revision's pages, then make it the current one."""
        for position, chunk in _chunks(pages):
            await self._through(partial(self._store.put_canon, record.revision, position, chunk))
        await self._through(partial(self._store.switch_canon, record))

    async def _through(self, write: Callable[[], Awaitable[None]]) -> None:
        await retry_while_unavailable(write, self._backoff, on_wait=_log_wait, most=TRIES)


def _log_wait(error: Unavailable, tries: int) -> None:
    log.warning("ingest.dependency_unavailable", tries=tries, cause=error.detail)


def _chunks(items: Sequence[T]) -> Iterator[tuple[int, Sequence[T]]]:
    return ((start, items[start : start + CHUNK]) for start in range(0, len(items), CHUNK))


class RingWalk(NamedTuple):
    """A walk along the stored NEXT edges: how many were followed, and whether all pages are on one closed ring."""

    next_edges: int
    closed: bool


async def walk_ring(store: PageStore, revision: CanonRevision) -> RingWalk:
    """Follow the stored NEXT edges from a revision's first page until one leads back or nowhere."""
    page_ids = [page.page_id for page in await store.canon_pages(revision.revision)]
    # Read all edges first, many at a time: one request a step would cost a round trip each.
    edges = dict(zip(page_ids, await map_concurrently(store.edges, page_ids), strict=True))
    seen: set[str] = set()
    at: str | None = page_ids[0]
    while at is not None and at not in seen:
        seen.add(at)
        leaving = edges.get(at)
        at = leaving.next_within if leaving else None
    followed = len(seen) if at is not None else len(seen) - 1
    return RingWalk(followed, closed=at == page_ids[0] and seen == set(page_ids))
