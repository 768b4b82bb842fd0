"""The indexer: extracts a page's reading (X and Y) where there is none, and writes its vector and index row."""

from __future__ import annotations

import asyncio

from qdpi.bus.port import Record
from qdpi.bus.publisher import Publisher
from qdpi.canon.editions import reading_row
from qdpi.concurrency import gather_all
from qdpi.errors import UnknownPage
from qdpi.events import IndexUpdate, decode
from qdpi.language.port import LanguageModel
from qdpi.outcome import page_event
from qdpi.page_schema import Page
from qdpi.search.analysis import EXTRACTOR_VERSION, read_text
from qdpi.search.hybrid import Embedder
from qdpi.services.ingest import embeddings_of, index_row
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
        told = page_event(
            page,
            update,
            "indexed",
            record.taken_at,
            str(page.revision),
            indexed=True,
            saved=entry is not None,
        )
        await self._publisher.publish(told, about=page)

    async def index(self, page_id: str, *, again: bool = False) -> Page:
        """Index a page and return it; with `again` replace a stored reading too. Raises `UnknownPage`."""
        page = await self._store.page(page_id)
        if page is None:
            raise UnknownPage(f"{page_id!r} is not in the store.")
        await gather_all(
            self._read(page, again=again),
            self._embed(page),
            self._store.index_pages([index_row(page, self._embedder.model)]),
        )
        return page

    async def _read(self, page: Page, *, again: bool) -> None:
        # The generator has stored the reading of its page already; a later version of the extractor finds none.
        if again or not await self._store.readings([(page.page_id, page.revision)], EXTRACTOR_VERSION):
            reading = await asyncio.to_thread(read_text, page.text)
            await self._store.put_readings([reading_row(page, reading)])

    async def _embed(self, page: Page) -> None:
        await self._store.put_embeddings(await asyncio.to_thread(embeddings_of, [page], self._embedder))


def build(system: System, model: LanguageModel) -> ServiceWorker:
    """Return the indexer's worker."""
    return consume(system, INDEXER, Indexer(system.store, system.publisher, system.embedder))
