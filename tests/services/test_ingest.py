"""Ingest of a book, and the editions read from the store."""

import asyncio
import dataclasses
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from tests.support import factories
from tests.support.books import another, changed, without
from tests.support.flow import EMBEDDER
from tests.support.gateway import brisk

from qdpi.bootstrap import build_system, opened
from qdpi.canon import own_book, read_book
from qdpi.canon.book import Book
from qdpi.canon.editions import Editions
from qdpi.errors import BookRefused, NoBook, StoreUnavailable
from qdpi.page_schema import Page
from qdpi.search.analysis import EXTRACTOR_VERSION, read_text
from qdpi.services.ingest import TRIES, Ingested, ingest
from qdpi.settings import Settings
from qdpi.store.ports import Committed
from qdpi.system import System

CHANGED = "S05-P0014"


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with opened(build_system(Settings(data_dir=tmp_path), embedder=EMBEDDER)) as system:
        yield system


async def take_in(system: System, book: Book, *, replace: bool = False, at: datetime | None = None) -> Ingested:
    return await ingest(system.store, book, system.embedder, now=lambda: at or factories.at(0), replace=replace)


async def begin_a_journey(system: System) -> None:
    outcome = factories.outcome()
    assert isinstance(await system.store.commit_outcome("reader", outcome.request_id, 0, outcome), Committed)


async def all_of(system: System, revision: int) -> list[Page]:
    return await system.store.canon_pages(revision)


def check_ring(pages: list[Page]) -> None:
    assert [after.page_id for after in [*pages[1:], pages[0]]] == [page.edges.next_within for page in pages]
    for page in pages:
        assert page.edges.typed() == (("NEXT", page.edges.next_within),)
        assert (page.behavior, page.orientation, page.provenance, page.trajectory) == (0, "X", "C", "T0")
        assert page.char_hex == page.section - 1
        assert page.is_canon


async def test_ingest_stores_every_page_on_a_closed_ring(system: System) -> None:
    """Every page is stored with its symbol, its edges and its signals."""
    taken = await take_in(system, own_book())
    pages = await all_of(system, 1)
    assert (taken.revision.revision, taken.written, taken.dropped, taken.changed) == (1, 53, 0, True)
    assert [page.text for page in pages] == [page.text for page in own_book().pages]
    check_ring(pages)
    for page in pages:
        assert await system.store.page(page.page_id) == page
        assert await system.store.edges(page.page_id) == page.edges
        assert await system.store.signals(page.page_id) == page.signals


async def test_ingest_stores_readings_and_vectors(system: System) -> None:
    """The reading and the vector of every page are stored."""
    await take_in(system, own_book())
    pages = await all_of(system, 1)
    readings = await system.store.readings([(page.page_id, 1) for page in pages], EXTRACTOR_VERSION)
    vectors = await system.store.embeddings([page.page_id for page in pages])
    assert {key[0]: row.reading for key, row in readings.items()} == {
        page.page_id: read_text(page.text).as_dict() for page in pages
    }
    assert {vectors[page.page_id].model for page in pages} == {system.embedder.model}


async def test_repeated_ingest_changes_nothing(system: System) -> None:
    first = await take_in(system, own_book())
    again = await take_in(system, own_book(), at=factories.at(1_000))
    assert again == Ingested(first.revision, written=0, dropped=0, changed=False)
    assert await system.store.canon() == first.revision


async def test_changed_page_keeps_its_old_revision(system: System) -> None:
    """A changed page is updated, and its old text kept as a revision."""
    await take_in(system, own_book())
    before = {page.page_id: page for page in await all_of(system, 1)}
    taken = await take_in(system, changed(own_book(), CHANGED, "All is other."), at=factories.at(1_000))
    assert (taken.revision.revision, taken.written, taken.dropped) == (2, 1, 0)
    after = {page.page_id: page for page in await all_of(system, 2)}
    new = after[CHANGED]
    assert (new.revision, new.text, new.created_at) == (2, "All is other.", factories.at(1_000))
    assert [page.text for page in await system.store.page_revisions(CHANGED)] == [before[CHANGED].text, new.text]
    assert await system.store.page(CHANGED) == new
    same = before.keys() - {CHANGED}
    assert {(after[p].revision, after[p].created_at) for p in same} == {(1, factories.at(0))}
    assert {page.page_id: page for page in await all_of(system, 1)} == before


async def test_changed_title_is_a_new_revision(system: System) -> None:
    """A book of the same pages under another title is a change."""
    await take_in(system, own_book())
    taken = await take_in(system, dataclasses.replace(own_book(), title="The Spared Hour"))
    assert (taken.revision.revision, taken.written, taken.dropped, taken.changed) == (2, 0, 0, True)


async def test_dropped_page_stays_readable(system: System) -> None:
    """A dropped page stays readable, and the ring closes over it."""
    await take_in(system, own_book())
    taken = await take_in(system, without(own_book(), CHANGED))
    assert (taken.written, taken.dropped) == (0, 1)
    check_ring(await all_of(system, 2))
    assert await system.store.page(CHANGED) is not None


async def test_returned_page_continues_its_revisions(system: System) -> None:
    """A dropped page that returns continues its revision numbers."""
    await take_in(system, own_book())
    await take_in(system, without(own_book(), CHANGED))
    taken = await take_in(system, changed(own_book(), CHANGED, "I am back."))
    assert [page.revision for page in await system.store.page_revisions(CHANGED)] == [1, 2]
    assert (taken.written, taken.dropped) == (1, 0)


async def test_another_book_needs_replace_if_there_are_journeys(system: System) -> None:
    """Another book in place of one with journeys is refused without `replace`."""
    first = await take_in(system, own_book())
    await begin_a_journey(system)
    with pytest.raises(BookRefused, match=r"'Another Book' is another book than 'The Spare Hour'.*--replace"):
        await take_in(system, another(own_book()))
    assert await system.store.canon() == first.revision
    taken = await take_in(system, another(own_book()), replace=True)
    assert (taken.revision.title, taken.written) == ("Another Book", 53)


async def test_another_book_without_journeys_is_ingested(system: System) -> None:
    await take_in(system, own_book())
    assert (await take_in(system, another(own_book()))).revision.revision == 2


async def test_new_edition_with_journeys_is_ingested(system: System) -> None:
    await take_in(system, own_book())
    await begin_a_journey(system)
    assert (await take_in(system, changed(own_book(), CHANGED, "All is other."))).written == 1


async def test_revision_times_rise_without_a_clock(system: System) -> None:
    """A later revision has a later time although the clock went back."""
    first = await take_in(system, own_book())
    early = first.revision.created_at - timedelta(days=1)
    second = await take_in(system, changed(own_book(), CHANGED, "Changed on another machine."), at=early)
    assert second.revision.created_at > first.revision.created_at


async def test_ingest_progress_runs_from_zero_to_all(system: System) -> None:
    result: list[tuple[int, int]] = []
    await ingest(
        system.store,
        own_book(),
        system.embedder,
        now=system.now,
        progress=lambda done, total: result.append((done, total)),
    )
    assert (result[0], result[-1]) == ((0, 53), (53, 53))
    assert all(before <= after for before, after in pairwise(result))


# the editions


async def test_editions_without_a_book_have_next_step(system: System) -> None:
    with pytest.raises(NoBook, match="qdpi ingest-canon"):
        await system.editions.current()
    with pytest.raises(NoBook, match="revision 7"):
        await system.editions.edition(7)


async def test_editions_follow_an_ingest(system: System) -> None:
    """Running editions have the new revision after an ingest, and still the old one."""
    await take_in(system, own_book())
    before = await system.editions.current()
    assert await system.editions.current() is before
    await take_in(system, changed(own_book(), CHANGED, "All is other."))
    after = await system.editions.current()
    assert (before.revision.revision, after.revision.revision) == (1, 2)
    assert after.pages[CHANGED].text == "All is other."
    assert await system.editions.edition(1) is before


async def test_concurrent_callers_load_an_edition_once(system: System) -> None:
    await take_in(system, own_book())
    editions = await asyncio.gather(*(system.editions.current() for _ in range(8)))
    assert all(edition is editions[0] for edition in editions)


async def test_evicted_edition_is_loaded_again(system: System) -> None:
    """An old edition is read again after newer ones took its place in memory."""
    for number in range(4):
        await take_in(system, changed(own_book(), CHANGED, f"Text number {number}."))
        await system.editions.current()
    assert (await system.editions.edition(1)).pages[CHANGED].text == "Text number 0."
    assert (await system.editions.current()).pages[CHANGED].text == "Text number 3."


async def test_loaded_page_is_found_without_the_store(system: System) -> None:
    """A page of an edition in memory is found without the store."""
    assert system.editions.loaded(CHANGED) is None
    for number in (1, 2):
        await take_in(system, changed(own_book(), CHANGED, f"Text number {number}."))
        await system.editions.current()
    found = system.editions.loaded(CHANGED)
    assert found is not None
    assert found.text == "Text number 2."
    assert system.editions.loaded("S99-P9999") is None


class Overloaded:
    """A store whose writes of an ingest fail `times` times before they succeed."""

    def __init__(self, system: System, times: int) -> None:
        self._store, self._times, self.refused = system.store, times, Counter[str]()

    def __getattr__(self, name: str) -> object:
        verb = getattr(self._store, name)
        if name not in {"put_readings", "put_embeddings", "index_pages", "put_canon", "switch_canon"}:
            return verb

        async def write(*given: object) -> None:
            if self.refused[name] < self._times:
                self.refused[name] += 1
                raise StoreUnavailable("No answer in time.")
            await verb(*given)

        return write


async def test_ingest_retries_unanswered_writes(system: System) -> None:
    """A write without an answer in time is made again."""
    store = Overloaded(system, 2)
    done = await ingest(store, own_book(), system.embedder, now=system.now)  # type: ignore[arg-type]
    assert done.written == 53
    assert set(store.refused.values()) == {2}
    assert len(store.refused) == 5
    assert len((await system.editions.current()).pages) == 53


async def test_lasting_store_outage_ends_an_ingest(system: System) -> None:
    store = Overloaded(system, 1_000)
    with pytest.raises(StoreUnavailable):
        await ingest(store, own_book(), system.embedder, now=system.now, backoff=brisk())  # type: ignore[arg-type]
    assert set(store.refused.values()) == {TRIES}


class WithoutReadings:
    """A store without readings that counts restored ones."""

    def __init__(self, system: System) -> None:
        self._store, self.put, self.kept = system.store, 0, {}  # type: ignore[var-annotated]

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def readings(self, pages, extractor_version):
        return {key: self.kept[key] for key in pages if key in self.kept}

    async def put_readings(self, readings) -> None:
        self.put += len(readings)
        self.kept |= {(row.page_id, row.revision): row for row in readings}


@pytest.mark.slow
async def test_missing_readings_are_restored_once(system: System) -> None:
    await take_in(system, own_book())
    store = WithoutReadings(system)
    first = await Editions(store, system.embedder).current()  # type: ignore[arg-type]
    assert store.put == 53
    second = await Editions(store, system.embedder).current()  # type: ignore[arg-type]
    assert store.put == 53
    assert first.readings == second.readings == (await system.editions.current()).readings


# dying in the middle

DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from qdpi.bootstrap import build_system, opened
from qdpi.canon import own_book
from qdpi.services.ingest import ingest
from qdpi.settings import Settings
from tests.support.books import changed

class Dying:
    def __init__(self, store, verb):
        self._store, self._verb = store, verb
    def __getattr__(self, name):
        if name != self._verb:
            return getattr(self._store, name)
        async def die(*arguments):
            if name != "switch_canon":
                await getattr(self._store, name)(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        return die

async def main():
    async with opened(build_system(Settings(data_dir=Path(sys.argv[1])))) as system:
        book = changed(own_book(), "S05-P0014", "A text that never came out.")
        await ingest(Dying(system.store, sys.argv[2]), book, system.embedder, now=system.now)

asyncio.run(main())
"""


@pytest.mark.parametrize("verb", ["put_readings", "put_embeddings", "index_pages", "put_canon", "switch_canon"])
@pytest.mark.process
async def test_killed_ingest_leaves_the_old_canon_whole(verb: str, tmp_path: Path) -> None:
    async with opened(build_system(Settings(data_dir=tmp_path), embedder=EMBEDDER)) as system:
        first = await take_in(system, own_book())
        before = await all_of(system, 1)
    root = Path(__file__).parents[2]
    dying = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DYING, str(tmp_path), verb, env={**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"}
    )
    assert await dying.wait() == -signal.SIGKILL
    async with opened(build_system(Settings(data_dir=tmp_path), embedder=EMBEDDER)) as system:
        assert await system.store.canon() == first.revision
        assert await all_of(system, 1) == before
        assert await system.store.page(CHANGED) == next(page for page in before if page.page_id == CHANGED)
        assert (await system.editions.current()).readings[CHANGED] == read_text(own_book().pages[13].text)
        taken = await take_in(system, changed(own_book(), CHANGED, "What came out instead."))
        assert (taken.revision.revision, taken.written) == (2, 1)
        edition = await system.editions.current()
        assert edition.pages[CHANGED].text == "What came out instead."
        assert edition.readings[CHANGED] == read_text("What came out instead.")
        assert [page.revision for page in await system.store.page_revisions(CHANGED)] == [1, 2]


# the author's canon


@pytest.mark.canon
@pytest.mark.slow
async def test_authors_canon_is_a_closed_ring(canon: Path, system: System) -> None:
    """The author's canon has 710 pages, 710 edges and a closed ring."""
    book = read_book(canon)
    taken = await take_in(system, book)
    pages = await all_of(system, 1)
    assert (taken.written, len(pages), len({page.edges.next_within for page in pages})) == (710, 710, 710)
    check_ring(pages)
    assert not (await take_in(system, book)).changed
    assert len((await system.editions.current()).ring) == 710
