"""The indexer: extracts a page's reading (X and Y) where there is none, and writes its vector and index row."""

from __future__ import annotations

import asyncio

from qdpi.bus.port import Record
from qdpi.bus.publisher import Publisher
from qdpi.errors import UnknownPage
from qdpi.events import IndexUpdate, decode
from qdpi.language.port import LanguageModel
from qdpi.outcome import page_event
from qdpi.page_schema import Page
from qdpi.search.analysis import EXTRACTOR_VERSION
from qdpi.search.vectors import Embedder
from qdpi.services.projections.pages import INDEXED, PageSource, with_embeddings, with_readings
from qdpi.services.projector import write_rows
from qdpi.services.workers import ServiceWorker, consume
from qdpi.store.ports import PageStore
from qdpi.system import System
from qdpi.topology import INDEXER


class Indexer:
    """Indexes pages, so that no press has to compute a function of a page alone."""

    def __init__(self, store: PageStore, publisher: Publisher, embedder: Embedder) -> None:
        self._store, self._publisher, self._embedder = store, publisher, embedder

    async def __call__(self, record: Record) -> None:
        """Handle a record of `gibsey.index.update`."""
        update = decode(IndexUpdate, record.value)
        page = await self.index(update.page_id)
        # Read after the vector is written, as the recorder writes the vault before it reads the vector: so at least
        # one of the two events reports both.
        entry = await self._store.saved(update.session_id, update.page_id)
        event = page_event(
            page,
            update,
            "indexed",
            record.taken_at,
            str(page.revision),
            indexed=True,
            saved=entry is not None,
        )
        await self._publisher.publish(event, about=page)

    async def index(self, page_id: str, *, again: bool = False) -> Page:
        """Index a page and return it; with `again` replace a stored reading too. Raises `UnknownPage`."""
        page = await self._store.page(page_id)
        if page is None:
            raise UnknownPage(f"{page_id!r} is not in the store.")
        needs_reading = again or not await self._has_reading(page)
        source = await asyncio.to_thread(self._source, page, needs_reading)
        await write_rows(self._store, INDEXED, [source])
        return page

    async def _has_reading(self, page: Page) -> bool:
        # The generator keeps the reading of its own page; a later extractor finds none of its version.
        return bool(await self._store.readings([(page.page_id, page.revision)], EXTRACTOR_VERSION))

    def _source(self, page: Page, needs_reading: bool) -> PageSource:
        sources = [PageSource(page)]
        (source,) = with_embeddings(with_readings(sources) if needs_reading else sources, self._embedder)
        return source


def build(system: System, model: LanguageModel) -> ServiceWorker:
    """Return the indexer's worker."""
    return consume(system, INDEXER, Indexer(system.store, system.publisher, system.embedder))
