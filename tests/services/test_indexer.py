"""The indexer: readings and vectors are computed once, and repeats publish the same event."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support import factories
from tests.support.flow import EMBEDDER

from qdpi.bootstrap import build_system, opened
from qdpi.bus.port import Partition, Record
from qdpi.errors import UnknownPage
from qdpi.events import IndexUpdate, PageEvent, decode
from qdpi.search.analysis import EXTRACTOR_VERSION, read_text
from qdpi.services.indexer import Indexer
from qdpi.settings import Settings
from qdpi.store.rows import Embedding, ReadingRow
from qdpi.system import System

PAGE = factories.generated_page()
KEY = (PAGE.page_id, PAGE.revision)
STALE = {"summary": "stale"}


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with opened(build_system(Settings(data_dir=tmp_path), embedder=EMBEDDER)) as system:
        await system.store.put_page(PAGE)
        yield system


@pytest.fixture
def indexer(system: System) -> Indexer:
    return Indexer(system.store, system.publisher, system.embedder)


def update(page: str = PAGE.page_id) -> Record:
    event = IndexUpdate(event_id="u", ts=factories.at(1), session_id="reader", page_id=page, press_id="p", seq=1)
    return Record(Partition(event.topic, 0), 0, page.encode(), event.encode(), (), factories.at(2))


async def reading(system: System) -> object:
    return (await system.store.readings([KEY], EXTRACTOR_VERSION))[KEY].reading


async def test_indexer_writes_reading_vector_and_row(indexer: Indexer, system: System) -> None:
    """A page gets its reading, its vector and its index row."""
    await indexer(update())
    assert await reading(system) == read_text(PAGE.text).as_dict()
    assert (await system.store.embeddings([PAGE.page_id]))[PAGE.page_id].model == EMBEDDER.model
    (row,) = await system.store.index("an-author", 1)
    assert (row.page_id, row.title, row.excerpt) == (PAGE.page_id, PAGE.title, PAGE.text[:200])


async def test_indexer_redelivery_publishes_the_same_event(indexer: Indexer, system: System) -> None:
    for _ in range(3):
        await indexer(update())
    result = {r.value for r in [r async for r in system.bus.scan(PageEvent.topic)]}
    (event,) = [decode(PageEvent, value) for value in result]
    assert (event.change, event.indexed, event.ts) == ("indexed", True, factories.at(2))
    assert (event.press_id, event.seq, event.cause_id) == ("p", 1, "u")


async def test_indexer_reuses_a_stored_reading(indexer: Indexer, system: System) -> None:
    """A stored reading is reused unless a new one is requested."""
    kept = ReadingRow(page_id=KEY[0], revision=KEY[1], extractor_version=EXTRACTOR_VERSION, reading=STALE)
    await system.store.put_readings([kept])
    await indexer(update())
    assert await reading(system) == STALE
    await indexer.index(PAGE.page_id, again=True)
    assert await reading(system) == read_text(PAGE.text).as_dict()


async def test_indexer_replaces_a_stored_vector(indexer: Indexer, system: System) -> None:
    """A stored vector is always computed again."""
    await indexer.index(PAGE.page_id)
    made = await system.store.embeddings([PAGE.page_id])
    zeroed = made[PAGE.page_id].model_copy(update={"embedding": bytes(4 * EMBEDDER.dim)})
    await system.store.put_embeddings([zeroed])
    await indexer.index(PAGE.page_id)
    assert await system.store.embeddings([PAGE.page_id]) == made != {PAGE.page_id: zeroed}


async def test_indexer_reports_a_saved_page(indexer: Indexer, system: System) -> None:
    await system.store.save(factories.vault_entry(PAGE.page_id))
    await indexer(update())
    (record,) = [r async for r in system.bus.scan(PageEvent.topic)]
    assert decode(PageEvent, record.value).saved


class SavedMeanwhile:
    """A store in which a reader saves the page while its vector is being written."""

    def __init__(self, system: System) -> None:
        self._store = system.store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def put_embeddings(self, embeddings: Sequence[Embedding]) -> None:
        await self._store.save(factories.vault_entry(PAGE.page_id))
        await self._store.put_embeddings(embeddings)


async def test_indexer_reports_a_page_saved_meanwhile(system: System) -> None:
    indexer = Indexer(SavedMeanwhile(system), system.publisher, system.embedder)
    await indexer(update())
    (record,) = [r async for r in system.bus.scan(PageEvent.topic)]
    event = decode(PageEvent, record.value)
    assert (event.indexed, event.saved) == (True, True)


async def test_indexer_refuses_an_unknown_page(indexer: Indexer) -> None:
    """An unknown page is an error."""
    with pytest.raises(UnknownPage, match="'gone'"):
        await indexer(update("gone"))
