"""Reader pages: which of a reader's own pages a run may draw on, and how many."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support import factories

from qdpi.bootstrap import build_store
from qdpi.journey import JourneyState
from qdpi.services.run import READER_PAGES, find_reader_pages
from qdpi.settings import Settings
from qdpi.store.ports import Committed, PageStore
from qdpi.symbols import PROFILES, Source, profile_of

XC, XU, XS, YU = profile_of(0), profile_of(2), profile_of(3), profile_of(6)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PageStore]:
    store = build_store(Settings(data_dir=tmp_path))
    await store.open()
    yield store
    await store.close()


async def save(store: PageStore, count: int) -> list[str]:
    pages = factories.ring(count)
    await store.put_canon(1, 0, pages)
    await store.switch_canon(factories.canon_revision(1, count))
    for number, page in enumerate(pages):
        await store.save(factories.vault_entry(page.page_id, number))
    return [page.page_id for page in pages]


async def write(store: PageStore, count: int) -> list[str]:
    state, pages = JourneyState(), []
    for seq in range(1, count + 1):
        outcome = factories.outcome(seq=seq, before=state)
        result = await store.commit_outcome("reader", outcome.request_id, seq - 1, outcome)
        assert isinstance(result, Committed)
        assert outcome.page is not None
        state = outcome.state
        pages.append(outcome.page.page_id)
    return pages


async def test_reader_pages_of_each_profile(store: PageStore) -> None:
    """A profile finds only the pages of its sources."""
    await save(store, 2)
    await write(store, 2)
    for profile in PROFILES:
        kinds = {own.kind for own in await find_reader_pages(store, "reader", 2, profile)}
        assert kinds == set(profile.sources) & {Source.VAULT, Source.JOURNEY}


async def test_reader_pages_newest_saved_oldest_first(store: PageStore) -> None:
    """The newest saved pages are found, oldest first."""
    saved = await save(store, READER_PAGES + 3)
    assert [own.page.page_id for own in await find_reader_pages(store, "reader", 0, XU)] == saved[3:]


async def test_reader_pages_newest_of_the_journey_oldest_first(store: PageStore) -> None:
    """The newest pages of the journey are found, oldest first."""
    written = await write(store, READER_PAGES + 3)
    assert [own.page.page_id for own in await find_reader_pages(store, "reader", READER_PAGES + 3, XS)] == written[3:]


async def test_reader_pages_exclude_other_journeys(store: PageStore) -> None:
    """Pages of another journey are not found."""
    await save(store, 2)
    await write(store, 2)
    assert await find_reader_pages(store, "somebody", 0, YU) == []


async def test_reader_pages_exclude_missing_and_foreign_pages(store: PageStore) -> None:
    """Saved pages that are missing or belong to another reader are left out."""
    await store.put_page(factories.generated_page(page_id="theirs", session_id="somebody"))
    await store.put_page(factories.generated_page(page_id="mine"))
    for number, page in enumerate(("gone", "theirs", "mine")):
        await store.save(factories.vault_entry(page, number))
    assert [own.page.page_id for own in await find_reader_pages(store, "reader", 0, XU)] == ["mine"]


async def test_reader_pages_of_a_canon_profile(store: PageStore) -> None:
    """A profile of the canon reads no reader pages."""
    await save(store, 1)
    assert await find_reader_pages(store, "reader", 0, XC) == []
