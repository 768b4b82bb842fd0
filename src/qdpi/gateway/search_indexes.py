"""The indexes that search and alternatives read: the canon's by revision, and those of journeys, kept bounded."""

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
    """The index of each edition of the canon, made when it is first asked for."""

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
class Shelf:
    """A journey's pages up to the outcome `head`: indexed, and by the locus that each was pressed at."""

    head: int = 0
    pages: int = 0
    indexes: tuple[InvertedIndex, ...] = ()
    by_locus: dict[str, list[Document]] = field(default_factory=dict)
    notes: tuple[str, InvertedIndex] = ("", InvertedIndex(()))
    dropped: tuple[str, InvertedIndex] = ("", InvertedIndex(()))
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self, documents: Sequence[Document], head: int) -> None:
        """Add the pages of the outcomes up to `head`."""
        self.indexes = await asyncio.to_thread(extended, self.indexes, documents)
        for document in documents:
            self.by_locus.setdefault(document.locus or "", []).append(document)
        self.pages += len(documents)
        self.head = head


class JourneyIndexes:
    """The shelves of the journeys asked for lately; each is read on from where it stood."""

    def __init__(self, store: PageStore, *, journeys: int = KEPT_JOURNEYS, pages: int = KEPT_PAGES) -> None:
        self._store, self._most_journeys, self._most_pages = store, journeys, pages
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()

    async def of(self, journey: str) -> Shelf:
        """Return a journey's shelf, with every outcome that is committed."""
        shelf = self._shelves.setdefault(journey, Shelf())
        self._shelves.move_to_end(journey)
        async with shelf.reading:
            await self._read_on(journey, shelf)
        self._forget()
        return shelf

    async def _read_on(self, journey: str, shelf: Shelf) -> None:
        last = await self._store.last_outcome(journey)
        documents, head = list[Document](), shelf.head
        while last is not None and head < last.seq:
            batch = await self._store.outcomes(journey, after=head, limit=_BATCH)
            if not batch:
                break
            documents += [document_of(outcome.page, outcome.seq) for outcome in batch if outcome.page]
            head = batch[-1].seq
        if head > shelf.head:
            await shelf.take(documents, head)

    def _forget(self) -> None:
        pages = sum(shelf.pages for shelf in self._shelves.values())
        while len(self._shelves) > self._most_journeys or (pages > self._most_pages and len(self._shelves) > 1):
            _, forgotten = self._shelves.popitem(last=False)
            pages -= forgotten.pages

    async def notes(self, shelf: Shelf, entries: Sequence[VaultEntry]) -> InvertedIndex:
        """Return the index of what a vault's labels and notes say."""
        key = sha256("\n".join(entry.event_id for entry in entries))
        if shelf.notes[0] != key:
            shelf.notes = (key, await asyncio.to_thread(_index_notes, entries))
        return shelf.notes[1]

    async def dropped(self, shelf: Shelf, entries: Sequence[VaultEntry], canon: InvertedIndex) -> InvertedIndex:
        """Return the index of the saved pages that a revision of the canon dropped."""
        held = (canon, *shelf.indexes)
        away = [entry.page_id for entry in entries if not any(entry.page_id in index.row_of for index in held)]
        key = sha256("\n".join(away))
        if shelf.dropped[0] != key:
            pages = [page for page in await map_concurrently(self._store.page, away) if page and page.is_canon]
            behind_the_canon = [document_of(page, MAX_PAGES + (page.page_num or 0)) for page in pages]
            shelf.dropped = (key, await asyncio.to_thread(InvertedIndex, behind_the_canon))
        return shelf.dropped[1]


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
