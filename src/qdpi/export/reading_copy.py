"""Reading copies of a journey, made and sent piece by piece: the store is read in pages, writing is off the loop.

Each canon page comes where the reader first stood on it, each page that was written in the order of its
writing, and at the end, in ring order, the canon pages that these lead to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from qdpi.concurrency import map_concurrently
from qdpi.errors import NoBook
from qdpi.ids import derived_id
from qdpi.page_schema import EdgeType, Page
from qdpi.store.paging import outcomes_of
from qdpi.store.ports import Outcomes, PageStore
from qdpi.store.rows import CanonRevision


class Way(StrEnum):
    """How one page leads to another, in the words of a link."""

    ON = "On to"
    BACK = "Back to"
    AWAY = "Away to"
    SOURCE = "Drawn from"
    WRITTEN = "Written here"


_WAYS = {EdgeType.NEXT: Way.ON, EdgeType.LOOP: Way.BACK, EdgeType.FORK: Way.AWAY, EdgeType.MIRROR: Way.SOURCE}


class Stop(NamedTuple):
    """A page on the way: `seq` numbers what was written, and is None on a page of the book."""

    page_id: str
    title: str
    seq: int | None


class Link(NamedTuple):
    """A link to another stop."""

    way: Way
    to: Stop


@dataclass(frozen=True, slots=True)
class Itinerary:
    """The stops by page id, in reading order, the canon pages among them, and what was written from where.

    `head` is the last seq that is told of, `at` its time.
    """

    journey: str
    book: CanonRevision
    head: int
    at: datetime
    stops: Mapping[str, Stop]
    canon: Mapping[str, Page]
    written_from: Mapping[str, list[str]]

    @property
    def uuid(self) -> str:
        """The journey's id as a copy tells it: it does not open the journey."""
        return derived_id("export", self.journey)

    @property
    def title(self) -> str:
        """The copy's title."""
        return f"{self.book.title}: a journey"

    @property
    def written(self) -> int:
        """How many pages were written."""
        return len(self.stops) - len(self.canon)

    def color(self, character: int) -> str | None:
        """Return the colour that the book gives a character, 0..15."""
        return next((voice.color for voice in self.book.voices if voice.character == character), None)

    def links(self, page: Page) -> list[Link]:
        """Return where a page leads within the copy, each way to each stop once."""
        told = [(_WAYS[kind], target) for kind, target in page.edges.typed()]
        told += [(Way.WRITTEN, child) for child in self.written_from.get(page.page_id, ())]
        return [Link(way, self.stops[target]) for way, target in dict.fromkeys(told) if target in self.stops]


@dataclass(slots=True)
class Tracing:
    """The way as it is found, page by page, before the canon pages on it are known."""

    order: dict[str, Stop | None] = field(default_factory=dict)
    written_from: dict[str, list[str]] = field(default_factory=dict)
    led_to: set[str] = field(default_factory=set)

    def add(self, page: Page) -> None:
        """Follow the reader to a page that was written."""
        if page.placement is None:
            return
        locus = page.placement.locus
        self.order.setdefault(locus, None)
        self.order[page.page_id] = Stop(page.page_id, page.title, page.seq)
        self.written_from.setdefault(locus, []).append(page.page_id)
        self.led_to.update(target for _, target in page.edges.typed())
        self.led_to.update({page.placement.anchor, page.return_to or locus})

    def unknown(self) -> list[str]:
        """Return the ids that are none of the pages written, in reading order: these are the book's."""
        stood_on = [page_id for page_id, stop in self.order.items() if stop is None]
        return stood_on + sorted(self.led_to - self.order.keys())

    def stops(self, canon: Iterable[Page]) -> dict[str, Stop]:
        """Return the stops in reading order, with these pages of the book; ids of no page are left out."""
        known = {page.page_id: Stop(page.page_id, page.title, None) for page in canon}
        way = {page_id: stop or known.get(page_id) for page_id, stop in self.order.items()}
        found = {page_id: stop for page_id, stop in way.items() if stop is not None}
        return found | {page_id: stop for page_id, stop in known.items() if page_id not in found}


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
