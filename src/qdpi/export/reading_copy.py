"""Reading copies of a journey: the itinerary, the pages in reading order with their links, and the stream of pieces.

Each canon page comes where the reader first pressed on it, each generated page in the order of `seq`, and last, in
ring order, the other canon pages that these link to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
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


class LinkKind(StrEnum):
    """The kind of a link. The values are the words that readers see before it."""

    NEXT = "On to"
    LOOP = "Back to"
    FORK = "Away to"
    MIRROR = "Drawn from"
    CHILD = "Written here"


_KINDS = {
    EdgeType.NEXT: LinkKind.NEXT,
    EdgeType.LOOP: LinkKind.LOOP,
    EdgeType.FORK: LinkKind.FORK,
    EdgeType.MIRROR: LinkKind.MIRROR,
}


class PageRef(NamedTuple):
    """A reference to a page of the copy; `seq` is None for a canon page."""

    page_id: str
    title: str
    seq: int | None


class Link(NamedTuple):
    """A link to another page of the copy."""

    kind: LinkKind
    target: PageRef


@dataclass(frozen=True, slots=True)
class Itinerary:
    """The contents of a reading copy.

    `refs` has every page by id, in reading order; `canon` the canon pages among them; `children` the ids of the
    pages generated on each page. `head` is the `seq` of the last outcome in the copy, `at` its time. `book` is the
    current revision, `began` the one that the journey began in.
    """

    journey: str
    book: CanonRevision
    began: CanonRevision
    head: int
    at: datetime
    refs: Mapping[str, PageRef]
    canon: Mapping[str, Page]
    children: Mapping[str, list[str]]

    @property
    def uuid(self) -> str:
        """The id that the copy shows, derived from the journey's id, which it does not reveal, and from its book.

        The book counts as it was when the journey began, so that its later revisions do not change the id.
        """
        return derived_id("export", self.began.content_hash, self.journey)

    @property
    def title(self) -> str:
        """The copy's title."""
        return f"{self.book.title}: a journey"

    @property
    def generated(self) -> int:
        """The number of generated pages."""
        return len(self.refs) - len(self.canon)

    def color(self, character: int) -> str | None:
        """Return the book's colour for a character, 0..15."""
        return next((voice.color for voice in self.book.voices if voice.character == character), None)

    def links(self, page: Page) -> list[Link]:
        """Return a page's links to pages of the copy, each kind and target once."""
        found = [(_KINDS[edge], target) for edge, target in page.edges.typed()]
        found += [(LinkKind.CHILD, child) for child in self.children.get(page.page_id, ())]
        return [Link(kind, self.refs[target]) for kind, target in dict.fromkeys(found) if target in self.refs]


@dataclass(slots=True)
class ItineraryBuilder:
    """Collects an itinerary from the generated pages, in the order of `seq`, before the canon pages are read."""

    order: dict[str, PageRef | None] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    targets: set[str] = field(default_factory=set)

    def add(self, page: Page) -> None:
        """Add a generated page, after the page that it was pressed on."""
        if page.placement is None:
            return
        locus = page.placement.locus
        self.order.setdefault(locus, None)
        self.order[page.page_id] = PageRef(page.page_id, page.title, page.seq)
        self.children.setdefault(locus, []).append(page.page_id)
        self.targets.update(target for _, target in page.edges.typed())
        self.targets.update({page.placement.anchor, page.return_to or locus})

    def canon_ids(self) -> list[str]:
        """Return the ids that are no generated page's, in reading order."""
        pressed = [page_id for page_id, ref in self.order.items() if ref is None]
        return pressed + sorted(self.targets - self.order.keys())

    def refs(self, canon: Iterable[Page]) -> dict[str, PageRef]:
        """Return every page in reading order, given the canon pages; ids without a page are left out."""
        known = {page.page_id: PageRef(page.page_id, page.title, None) for page in canon}
        path = {page_id: ref or known.get(page_id) for page_id, ref in self.order.items()}
        found = {page_id: ref for page_id, ref in path.items() if ref is not None}
        return found | {page_id: ref for page_id, ref in known.items() if page_id not in found}


class PageWriter(Protocol):
    """Encodes a copy from its pages, which come in reading order. Each method returns the next piece of the file."""

    def add(self, pages: Sequence[Page]) -> bytes:
        """Write pages."""
        ...

    def end(self) -> bytes:
        """Write the end of the file."""
        ...


async def stream_copy(
    store: PageStore, journey: str, writer_of: Callable[[Itinerary], PageWriter]
) -> AsyncGenerator[bytes]:
    """Yield the pieces of a copy. A journey without outcomes gives the book's first page. Raises `NoBook`.

    Outcomes are read in batches, and a thread encodes each batch.
    """
    itinerary = await read_itinerary(store, journey)
    writer = writer_of(itinerary)
    async for pages in _pages(store, itinerary):
        yield await asyncio.to_thread(writer.add, pages)
    yield await asyncio.to_thread(writer.end)


async def read_itinerary(store: PageStore, journey: str) -> Itinerary:
    """Return the itinerary of a journey up to its current head. Raises `NoBook`."""
    book, last = await store.canon(), await store.last_outcome(journey)
    if book is None:
        raise NoBook("There is no book in the store; a reading copy needs its pages.")
    head, builder, first = last.seq if last else 0, ItineraryBuilder(), None
    async for outcomes in outcomes_of(store, journey, head):
        for outcome in outcomes:
            first = first or outcome.receipt.canon_revision
            if outcome.page is not None:
                builder.add(outcome.page)
    canon = {page.page_id: page for page in await _canon_pages(store, book, builder)}
    return Itinerary(
        journey=journey,
        book=book,
        began=await _revision(store, first or book.revision),
        head=head,
        at=last.at if last else book.created_at,
        refs=builder.refs(canon.values()),
        canon=canon,
        children=builder.children,
    )


async def _revision(store: PageStore, number: int) -> CanonRevision:
    found = await store.canon(number)
    if found is None:
        raise NoBook(f"There is no revision {number} of the canon, in which the journey began.")
    return found


async def _canon_pages(store: PageStore, book: CanonRevision, builder: ItineraryBuilder) -> list[Page]:
    if not builder.order:
        return (await store.canon_pages(book.revision))[:1]
    found = await map_concurrently(store.page, builder.canon_ids())
    return [page for page in found if page is not None and page.is_canon]


async def _pages(store: Outcomes, itinerary: Itinerary) -> AsyncIterator[list[Page]]:
    """Yield the pages in reading order, without the id of the journey that owns them."""
    unwritten = dict(itinerary.canon)
    async for outcomes in outcomes_of(store, itinerary.journey, itinerary.head):
        batch: list[Page] = []
        for page in (outcome.page for outcome in outcomes if outcome.page is not None):
            locus = page.placement.locus if page.placement else ""
            batch += [unwritten.pop(locus)] if locus in unwritten else []
            batch.append(page.model_copy(update={"session_id": None}))
        yield batch
    yield list(unwritten.values())
