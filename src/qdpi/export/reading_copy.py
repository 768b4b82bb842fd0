"""Reading copies of a journey, made and sent piece by piece: the store is read in pages, writing is off the loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from qdpi.concurrency import map_concurrently
from qdpi.errors import NoBook
from qdpi.export.itinerary import Itinerary, Tracing
from qdpi.page_schema import Page
from qdpi.store.paging import outcomes_of
from qdpi.store.ports import Outcomes, PageStore
from qdpi.store.rows import CanonRevision


class PageWriter(Protocol):
    """Makes a copy out of its pages, which come in reading order. What it returns is the copy's next piece."""

    def add(self, pages: Sequence[Page]) -> bytes:
        """Write pages."""
        ...

    def end(self) -> bytes:
        """Write what comes after the last page."""
        ...


async def copy_of(store: PageStore, journey: str, writer_of: Callable[[Itinerary], PageWriter]) -> AsyncIterator[bytes]:
    """Give a copy's pieces. A journey that nobody has begun is its first page. Raises `NoBook`."""
    itinerary = await trace(store, journey)
    writer = writer_of(itinerary)
    async for pages in _pages(store, itinerary):
        yield await asyncio.to_thread(writer.add, pages)
    yield await asyncio.to_thread(writer.end)


async def trace(store: PageStore, journey: str) -> Itinerary:
    """Return what a copy of a journey holds as it stands now. Raises `NoBook`."""
    book, last = await store.canon(), await store.last_outcome(journey)
    if book is None:
        raise NoBook("There is no book in the store, and a copy tells of its pages.")
    head, tracing = last.seq if last else 0, Tracing()
    async for outcomes in outcomes_of(store, journey, head):
        for outcome in outcomes:
            if outcome.page is not None:
                tracing.add(outcome.page)
    canon = {page.page_id: page for page in await _canon_pages(store, book, tracing)}
    return Itinerary(
        journey=journey,
        book=book,
        head=head,
        at=last.at if last else book.created_at,
        stops=tracing.stops(canon.values()),
        canon=canon,
        written_from=tracing.written_from,
    )


async def _canon_pages(store: PageStore, book: CanonRevision, tracing: Tracing) -> list[Page]:
    if not tracing.order:
        return (await store.canon_pages(book.revision))[:1]
    found = await map_concurrently(store.page, tracing.unknown())
    return [page for page in found if page is not None and page.is_canon]


async def _pages(store: Outcomes, itinerary: Itinerary) -> AsyncIterator[list[Page]]:
    """Give the pages in reading order, as anybody may see them: without the journey that owns them."""
    waiting = dict(itinerary.canon)
    async for outcomes in outcomes_of(store, itinerary.journey, itinerary.head):
        batch: list[Page] = []
        for page in (outcome.page for outcome in outcomes if outcome.page is not None):
            locus = page.placement.locus if page.placement else ""
            batch += [waiting.pop(locus)] if locus in waiting else []
            batch.append(page.model_copy(update={"session_id": None}))
        yield batch
    yield list(waiting.values())
