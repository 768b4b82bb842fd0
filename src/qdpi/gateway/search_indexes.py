"""Indexes for search: of recent canon editions, and of recent journeys."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from qdpi.canon.edition import Edition
from qdpi.canon.editions import KEPT_EDITIONS
from qdpi.canon.validation import MAX_PAGES
from qdpi.concurrency import map_concurrently
from qdpi.ids import sha256
from qdpi.search.document import Document, document_of
from qdpi.search.index import InvertedIndex, extended
from qdpi.search.lookup import PageLookup
from qdpi.store.ports import PageStore
from qdpi.store.rows import VaultEntry
from qdpi.symbols import Trajectory

KEPT_JOURNEYS: Final = 256
KEPT_PAGES: Final = 100_000
"""The most pages of all kept journeys together; one journey alone may have more."""
_BATCH: Final = 500


class CanonIndexes:
    """The indexes of recent canon editions, each built on first use."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, PageLookup] = OrderedDict()
        self._making = asyncio.Lock()

    async def of(self, edition: Edition) -> PageLookup:
        """Return the page lookup of an edition, which holds its index."""
        number = edition.revision.revision
        async with self._making:
            if number not in self._kept:
                self._kept[number] = await asyncio.to_thread(_index_of, edition)
                while len(self._kept) > KEPT_EDITIONS:
                    self._kept.popitem(last=False)
        return self._kept[number]


def _index_of(edition: Edition) -> PageLookup:
    return PageLookup(edition.index)


@dataclass(slots=True)
class JourneyIndex:
    """The pages of a journey up to the outcome `head`, in full-text indexes."""

    head: int = 0
    pages: int = 0
    indexes: tuple[InvertedIndex, ...] = ()
    notes: tuple[str, InvertedIndex] = ("", InvertedIndex(()))
    dropped: tuple[str, InvertedIndex] = ("", InvertedIndex(()))
    updating: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self, documents: Sequence[Document], head: int) -> None:
        """Add the pages of the outcomes up to `head`."""
        self.indexes = await asyncio.to_thread(extended, self.indexes, documents)
        self.pages += len(documents)
        self.head = head


class JourneyIndexes:
    """The indexes of recently requested journeys, each updated from its `head` on every request."""

    def __init__(self, store: PageStore, *, journeys: int = KEPT_JOURNEYS, pages: int = KEPT_PAGES) -> None:
        self._store, self._most_journeys, self._most_pages = store, journeys, pages
        self._journeys: OrderedDict[str, JourneyIndex] = OrderedDict()

    async def of(self, journey: str) -> JourneyIndex:
        """Return a journey's index, updated with every committed outcome."""
        own = self._journeys.setdefault(journey, JourneyIndex())
        self._journeys.move_to_end(journey)
        async with own.updating:
            await self._update(journey, own)
        self._forget()
        return own

    async def _update(self, journey: str, own: JourneyIndex) -> None:
        last = await self._store.last_outcome(journey)
        documents, head = list[Document](), own.head
        while last is not None and head < last.seq:
            batch = await self._store.outcomes(journey, after=head, limit=_BATCH)
            if not batch:
                break
            documents += [document_of(outcome.page, outcome.seq) for outcome in batch if outcome.page]
            head = batch[-1].seq
        if head > own.head:
            await own.take(documents, head)

    def _forget(self) -> None:
        pages = sum(own.pages for own in self._journeys.values())
        while len(self._journeys) > self._most_journeys or (pages > self._most_pages and len(self._journeys) > 1):
            _, forgotten = self._journeys.popitem(last=False)
            pages -= forgotten.pages

    async def notes(self, own: JourneyIndex, entries: Sequence[VaultEntry]) -> InvertedIndex:
        """Return the index of a vault's labels and notes."""
        key = sha256("\n".join(entry.event_id for entry in entries))
        if own.notes[0] != key:
            own.notes = (key, await asyncio.to_thread(_index_notes, entries))
        return own.notes[1]

    async def dropped(self, own: JourneyIndex, entries: Sequence[VaultEntry], canon: InvertedIndex) -> InvertedIndex:
        """Return the index of the saved pages that a revision of the canon has dropped."""
        held = (canon, *own.indexes)
        missing = [entry.page_id for entry in entries if not any(entry.page_id in index.row_of for index in held)]
        key = sha256("\n".join(missing))
        if own.dropped[0] != key:
            pages = [page for page in await map_concurrently(self._store.page, missing) if page and page.is_canon]
            behind_the_canon = [document_of(page, MAX_PAGES + (page.page_num or 0)) for page in pages]
            own.dropped = (key, await asyncio.to_thread(InvertedIndex, behind_the_canon))
        return own.dropped[1]


def _index_notes(entries: Sequence[VaultEntry]) -> InvertedIndex:
    return InvertedIndex([_note(entry, number) for number, entry in enumerate(entries) if entry.label or entry.notes])


def _note(entry: VaultEntry, number: int) -> Document:
    """Return an entry's label and notes as a document: only its page id, its title and its text mean anything."""
    return Document(
        page_id=entry.page_id,
        kind="journey",
        order=number,
        title=entry.label,
        text=entry.notes,
        section=0,
        symbol_code=0,
        trajectory=Trajectory.CONTINUE,
    )
