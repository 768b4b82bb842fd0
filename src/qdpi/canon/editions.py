"""The editions of the canon, each loaded once from the store and shared."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from qdpi.canon.edition import Edition
from qdpi.canon.revision import assemble_edition, documents_of
from qdpi.errors import NoBook, UnknownPage
from qdpi.page_schema import Page, Reading
from qdpi.search.analysis import EXTRACTOR_VERSION, read_text
from qdpi.search.vectors import Embedder, SemanticIndex, from_bytes
from qdpi.store.paging import outcomes_before
from qdpi.store.ports import OutcomeReads, PageReads, PageStore, RunReads
from qdpi.store.rows import CanonRevision, Embedding, ReadingRow

KEPT_EDITIONS: Final = 2
"""The current edition, and the one before, which runs accepted before a switch still name."""
PAGE_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
"""The ids that a page can have, of the canon or of a journey."""


class Editions:
    """Returns the current edition, and any revision that a run names. A finished ingest takes effect at once.

    Readings that the store lacks, those of a new extractor, are computed, and stored where it is written to (`keep`).
    """

    def __init__(self, store: PageStore, embedder: Embedder, *, keep: bool = True) -> None:
        self._store, self._embedder, self._keep_readings = store, embedder, keep
        self._editions: OrderedDict[int, Edition] = OrderedDict()
        self._loading = asyncio.Lock()

    async def current(self) -> Edition:
        """Return the current edition. Raises `NoBook`."""
        number = await self._store.canon_number()
        if number is None:
            raise NoBook("There is no book in the store.")
        return await self.edition(number)

    def loaded(self, page_id: str) -> Page | None:
        """Return a page of the editions in memory, without reading the store; None where none of them has it."""
        pages = (edition.pages.get(page_id) for edition in reversed(self._editions.values()))
        return next((page for page in pages if page is not None), None)

    async def edition(self, revision: int) -> Edition:
        """Return an edition by its revision. Raises `NoBook`."""
        if revision not in self._editions:
            async with self._loading:
                await self._keep(revision)
        self._editions.move_to_end(revision)
        return self._editions[revision]

    async def _keep(self, revision: int) -> None:
        if revision in self._editions:
            return
        record = await self._store.canon(revision)
        if record is None:
            raise NoBook(f"There is no revision {revision} of the canon.")
        self._editions[revision] = await self._load(record)
        while len(self._editions) > KEPT_EDITIONS:
            self._editions.popitem(last=False)

    async def _load(self, record: CanonRevision) -> Edition:
        pages = await self._store.canon_pages(record.revision)
        keys = [(page.page_id, page.revision) for page in pages]
        rows = await self._store.readings(keys, EXTRACTOR_VERSION)
        readings = {page_id: Reading.from_dict(row.reading) for (page_id, _), row in rows.items()}
        missing = [page for page in pages if page.page_id not in readings]
        if missing:
            computed = await asyncio.to_thread(lambda: [(page, read_text(page.text)) for page in missing])
            if self._keep_readings:
                await self._store.put_readings([reading_row(page, reading) for page, reading in computed])
            readings |= {page.page_id: reading for page, reading in computed}
        embeddings = await self._store.embeddings([page.page_id for page in pages])
        semantic = await asyncio.to_thread(semantic_index, pages, embeddings, self._embedder)
        return await asyncio.to_thread(assemble_edition, record, pages, readings, semantic)


async def find_page(edition: Edition | None, store: PageReads, page_id: str) -> Page | None:
    """Return a page of the edition, of an earlier one, or of any journey; None where no page has this id."""
    if not PAGE_ID.fullmatch(page_id):
        return None
    return (edition.pages.get(page_id) if edition else None) or await store.page(page_id)


async def find_locus(edition: Edition | None, store: RunReads, page_id: str, session_id: str) -> Page:
    """Return a page that a journey may use as its locus: of the edition, of an earlier one, or its own.

    Raises `UnknownPage`.
    """
    page = await find_page(edition, store, page_id) or await written_last(store, page_id, session_id)
    if page is None or not page.is_open_to(session_id):
        raise UnknownPage(f"{page_id!r:.80} is neither a page of the canon nor one of this journey.")
    return page


async def written_last(store: OutcomeReads, page_id: str, session_id: str) -> Page | None:
    """Return the page at a journey's position from its outcomes, None where `page_id` is not that position.

    A page that a worker has committed but not yet written to the pages table is only in its outcome. Failed runs
    since then have not moved the journey.
    """
    last = await store.last_outcome(session_id)
    if last is None or last.state.position != page_id:
        return None
    if last.page is not None:
        return last.page
    async for found in outcomes_before(store, session_id, last.seq):
        for outcome in found:
            if outcome.page is not None:
                return outcome.page if outcome.page.page_id == page_id else None
    return None


def reading_row(page: Page, reading: Reading) -> ReadingRow:
    """Return the stored row of a page's reading."""
    return ReadingRow(
        page_id=page.page_id,
        revision=page.revision,
        extractor_version=reading.version,
        reading=reading.as_dict(),
    )


def semantic_index(
    pages: Sequence[Page], embeddings: Mapping[str, Embedding], embedder: Embedder
) -> SemanticIndex | None:
    """Return the index of the pages with a vector by this embedder; None where no page has one."""
    kept = [
        (document, from_bytes(row.embedding, row.dim))
        for document, page in zip(documents_of(pages), pages, strict=True)
        if (row := embeddings.get(page.page_id)) and row.model == embedder.model and row.revision == page.revision
    ]
    if not kept:
        return None
    return SemanticIndex([document for document, _ in kept], np.stack([vector for _, vector in kept]), embedder)
