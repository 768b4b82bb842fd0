from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.export.forging import forged, unpacked, values
from tests.export.journeys import (
    READER,
    add_outcomes,
    all_of,
    assert_nothing_stored,
    exported,
    fork,
    imported,
    refusal,
    save,
    two_systems,
    whole_journey,
)
from tests.support import factories
from tests.support.books import changed
from tests.support.flow import working
from tests.support.gateway import put_book, system_in

from qdpi.canon import own_book
from qdpi.errors import ArchiveRefused, StoreUnavailable
from qdpi.events import VaultChange
from qdpi.export.archive.format import LOG, PLACE
from qdpi.export.archive.restore import BATCH
from qdpi.export.formats import FORMATS
from qdpi.ids import bitmap_of
from qdpi.journey import JourneyState
from qdpi.outcome import Outcome
from qdpi.repair.compare import compare
from qdpi.services.ingest import ingest
from qdpi.store.ports import PageStore
from qdpi.system import System

# into a system without the journey


async def test_import_restores_journey_exactly(tmp_path: Path):
    """An import into an empty system restores every row; exporting again gives the same bytes."""
    async with two_systems(tmp_path) as (here, there):
        await whole_journey(here.store)
        archive = await exported(here.store)

        done = await imported(there, archive, tmp_path)

        assert await all_of(there.store) == await all_of(here.store)
        assert await exported(there.store) == archive
        assert (done.changed, done.seq, done.outcomes_written, done.outcomes_here) == (True, 8, 8, 0)
        last = await here.store.last_outcome(READER)
        assert last is not None
        assert done.digest == last.state.digest()


@pytest.mark.slow
async def test_generated_journey_is_restored_and_continues(tmp_path: Path):
    """A journey that went through all services is restored, its replay check passes, and it goes on."""
    async with working(tmp_path / "here") as here, working(tmp_path / "there") as there:
        for symbol in ("london-fox:ZP", "glyph-marrow:AU", "an-author:YS", "an-author:ZS"):
            await here.press(READER, symbol, words="and then?")
        outcome = await here.press(READER, "an-author:XC")
        assert outcome.page is not None
        await here.save(READER, outcome.page.page_id)
        await here.save(READER, "S01-P0002")
        await here.ask(READER, "Who is speaking?")
        for worker in ("recorder", "indexer"):
            await here.all_read_by(worker)
        archive = await exported(here.system.store)

        await imported(there.system, archive, tmp_path)

        assert await all_of(there.system.store) == await all_of(here.system.store)
        assert await exported(there.system.store) == archive
        pages = [o.page.page_id for o in await here.system.store.outcomes(READER) if o.page]
        vectors = [await flow.system.store.embeddings(pages) for flow in (here, there)]
        assert vectors[0] == vectors[1]
        assert len(vectors[1]) == len(pages)
        proofs = [await compare(flow.system.store, READER, flow.system.embedder) for flow in (here, there)]
        assert all(proof.equal for proof in proofs)
        assert proofs[0].found == proofs[1].found
        following = await there.press(READER, "an-author:XC")
        assert following.seq == outcome.seq + 2


async def test_empty_journey_imports_nothing(tmp_path: Path):
    """An archive without outcomes changes nothing."""
    async with two_systems(tmp_path) as (here, there):
        done = await imported(there, await exported(here.store, journey="nobody"), tmp_path)

        assert (done.changed, done.seq, done.digest) == (False, 0, JourneyState().digest())
        await assert_nothing_stored(there.store)


async def test_place_is_restored(tmp_path: Path):
    """Where the reader reads, and which pages were read, goes along; a newer place here stays, with both's pages."""
    async with two_systems(tmp_path) as (here, there):
        await whole_journey(here.store)
        place = factories.place_row("S01-P0001", 5, session_id=READER, canon=bitmap_of([1]), pages=bitmap_of([2]))
        await here.store.put_place(place)
        archive = await exported(here.store)

        await imported(there, archive, tmp_path)
        assert await there.store.place(READER) == place
        assert await exported(there.store) == archive

        newer = factories.place_row("S01-P0002", 9, session_id=READER, canon=bitmap_of([2]))
        await there.store.put_place(newer)
        await imported(there, archive, tmp_path)
        merged = newer.model_copy(update={"canon": bitmap_of([1, 2]), "pages": bitmap_of([2])})
        assert await there.store.place(READER) == merged


async def test_archive_of_an_earlier_version_has_no_place(tmp_path: Path):
    async with two_systems(tmp_path) as (here, there):
        await whole_journey(here.store)
        archive = await exported(here.store)
        assert PLACE not in unpacked(archive)
        await imported(there, archive, tmp_path)
        assert await there.store.place(READER) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"session_id": "another"}, "belongs to the journey 'another'"),
        ({"seq": 9}, "names outcome 9, and the journey has 8"),
        ({"pages": bitmap_of([40])}, "names outcome 40, and the journey has 8"),
        ({"canon": "?"}, "is not a bitmap"),
        ({"page_id": "S99-P9999"}, "is not one of this journey or of the book here"),
    ],
)
async def test_place_that_contradicts_its_journey_is_refused(tmp_path: Path, changes: dict[str, Any], why: str):
    async with two_systems(tmp_path) as (here, there):
        await whole_journey(here.store)
        await here.store.put_place(factories.place_row(session_id=READER))
        archive = await exported(here.store)
        archive = forged(archive, PLACE, lambda places: places[0].update(changes))
        assert why in str(await refusal(there, archive, tmp_path))
        await assert_nothing_stored(there.store)


async def test_unpacked_folder_is_imported(tmp_path: Path):
    """A folder that an archive was unpacked to is imported as well."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 2)
        folder = tmp_path / "unpacked"
        folder.mkdir()
        for name, content in unpacked(await exported(here.store)).items():
            (folder / name).write_bytes(content)

        await imported(there, folder, tmp_path)

        assert await all_of(there.store) == await all_of(here.store)


@pytest.mark.slow
async def test_journey_longer_than_batch_is_restored(tmp_path: Path):
    """A journey of several batches is restored in order."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 2 * BATCH + 1, fails=frozenset({1, BATCH, BATCH + 1}))

        await imported(there, await exported(here.store), tmp_path)

        assert await all_of(there.store) == await all_of(here.store)


async def test_awkward_texts_are_restored(tmp_path: Path):
    """Texts with control characters and unusual Unicode are restored unchanged."""
    text = '\0\x1b[31m "quotes" \\ \r\n\u2028 \ufeff 👩🏽‍🚀 e\u0301 \u202e {"chain":"'
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 1, text=text, title=text)
        await save(here.store, "S01-P0001", 1, label=text, notes=text)

        await imported(there, await exported(here.store), tmp_path)

        assert await all_of(there.store) == await all_of(here.store)


async def test_other_journeys_are_unchanged(tmp_path: Path):
    """An import does not change other journeys."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(there.store, 3, "another")
        before = await all_of(there.store, "another")
        await add_outcomes(here.store, 2)

        await imported(there, await exported(here.store), tmp_path)

        after = await all_of(there.store, "another")
        assert {**after, "sections": before["sections"]} == before


# into a system that has the journey


async def test_second_import_changes_nothing(tmp_path: Path):
    """Importing an archive again changes nothing."""
    async with two_systems(tmp_path) as (here, there):
        await whole_journey(here.store)
        archive = await exported(here.store)
        await imported(there, archive, tmp_path)
        before = await all_of(there.store)

        for system in (there, here):
            done = await imported(system, archive, tmp_path)
            assert (done.changed, done.outcomes_here, done.outcomes_written, done.rows_written) == (False, 8, 0, 0)
        assert await all_of(there.store) == before


async def test_longer_archive_continues_journey(tmp_path: Path):
    """An archive with more outcomes than the store continues the journey."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 3)
        await imported(there, await exported(here.store), tmp_path)
        await add_outcomes(here.store, 2)
        await save(here.store, "S01-P0001", 99)

        done = await imported(there, await exported(here.store), tmp_path)

        assert (done.outcomes_here, done.outcomes_written, done.rows_written) == (3, 2, 7)
        assert await all_of(there.store) == await all_of(here.store)


async def test_shorter_archive_changes_nothing(tmp_path: Path):
    """An archive with fewer outcomes than the store changes nothing."""
    async with system_in(tmp_path) as here:
        await add_outcomes(here.store, 3)
        archive = await exported(here.store)
        await add_outcomes(here.store, 2)
        before = await all_of(here.store)

        done = await imported(here, archive, tmp_path)

        assert (done.changed, done.seq) == (False, 5)
        assert await all_of(here.store) == before


async def test_vaults_are_merged(tmp_path: Path):
    """Pages saved on both sides since the export are merged; the latest save wins."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 1)
        await imported(there, await exported(here.store), tmp_path)
        await save(here.store, "S01-P0001", 1)
        await save(here.store, "S01-P0002", 4)
        await save(there.store, "S01-P0002", 3)

        await imported(there, await exported(here.store), tmp_path)

        assert [entry.label for entry in await there.store.vault(READER)] == ["at 1", "at 4"]


async def test_different_journey_of_same_id_is_refused(tmp_path: Path):
    """A different journey of the same id is refused at its first different outcome."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 3)
        await add_outcomes(there.store, 1)
        await fork(there.store)
        before = await all_of(there.store)

        error = await refusal(there, await exported(here.store), tmp_path)

        assert error.detail.startswith("outcomes.jsonl, line 2: ")
        assert "a different outcome here" in error.detail
        assert await all_of(there.store) == before


async def test_different_event_of_same_id_is_refused(tmp_path: Path):
    """A different event of the same id is refused."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 1)
        await save(here.store, "S01-P0001", 1, label="mine")
        await save(there.store, "S01-P0001", 1, label="another")

        error = await refusal(there, await exported(here.store), tmp_path)

        assert error.detail.startswith("log.jsonl, line 2: ")
        assert "differs from the one here" in error.detail
        assert not await there.store.outcomes(READER)


async def test_next_import_completes_interrupted_one(tmp_path: Path):
    """An import completes one that stopped after some commits."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 5)
        await save(here.store, "S01-P0001", 1)
        archive = await exported(here.store)
        for outcome in (await here.store.outcomes(READER))[:3]:
            await there.store.commit_outcome(READER, outcome.request_id, outcome.seq - 1, outcome)

        await imported(there, archive, tmp_path)

        assert await all_of(there.store) == await all_of(here.store)


class _Breaking:
    """A store that fails at a given write."""

    def __init__(self, store: PageStore, writes: int) -> None:
        self._store, self._left = store, writes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in {
            "commit_outcome",
            "append_log",
            "put_page",
            "link_page",
            "save_snapshot",
            "save",
            "unsave",
            "put_place",
        }:
            return found

        async def write(*given: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise StoreUnavailable("It is gone.")
            return await found(*given, **named)

        return write


@pytest.mark.parametrize("writes", [0, 1, 3, 5, 6, 7, 9, 12, 15, 19, 24, 26])
async def test_import_completes_after_store_outage(tmp_path: Path, writes: int):
    """Whichever write the store fails at, the next import completes the journey."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 5)
        await save(here.store, "S01-P0001", 1)
        archive = await exported(here.store)
        broken = System(
            **{name: getattr(there, name) for name in System.__slots__} | {"store": _Breaking(there.store, writes)}
        )
        with pytest.raises(StoreUnavailable):
            await imported(broken, archive, tmp_path)

        await imported(there, archive, tmp_path)

        assert await all_of(there.store) == await all_of(here.store)


async def test_concurrent_outcome_stops_import(tmp_path: Path):
    """An import ends with an error if the journey goes on meanwhile."""

    class Racing(_Breaking):
        async def settle(self) -> None:
            raise AssertionError("the import went on")

        async def commit_outcome(self, session: str, request: str, head: int, outcome: Outcome) -> Any:
            if outcome.seq == 2:
                await self._store.commit_outcome(session, other.request_id, head, other)
            return await self._store.commit_outcome(session, request, head, outcome)

    async with two_systems(tmp_path) as (here, there):
        first, _ = await add_outcomes(here.store, 2)
        other = factories.outcome(READER, 2, number=99, before=first.state)
        racing: Any = Racing(there.store, 1_000)
        system = System(**{name: getattr(there, name) for name in System.__slots__} | {"store": racing})

        with pytest.raises(ArchiveRefused, match="went on during the import: its outcome 2 differs"):
            await imported(system, await exported(here.store), tmp_path)


async def test_concurrent_imports_give_one_journey(tmp_path: Path):
    """Two imports at once and one after them give one whole journey."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 20)
        archive = await exported(here.store)
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()

        ends = await asyncio.gather(
            imported(there, archive, tmp_path / "one"),
            imported(there, archive, tmp_path / "two"),
            return_exceptions=True,
        )
        assert all(not isinstance(end, BaseException) or isinstance(end, ArchiveRefused) for end in ends)
        await imported(there, archive, tmp_path)

        assert await all_of(there.store) == await all_of(here.store)


# the book


async def test_other_book_is_refused(tmp_path: Path):
    """A journey in another book is refused."""
    async with system_in(tmp_path / "here") as here, system_in(tmp_path / "there", book=False) as there:
        await add_outcomes(here.store, 1)
        await ingest(there.store, own_book(), there.embedder, now=there.now)

        error = await refusal(there, await exported(here.store), tmp_path)

        assert "read in 'A Book' (a-book)" in error.detail
        assert "the book here is 'The Spare Hour' (the-spare-hour)" in error.detail
        await assert_nothing_stored(there.store)


async def test_store_without_book_is_refused(tmp_path: Path):
    """A store without a book refuses a journey, and the error says how to ingest one."""
    async with system_in(tmp_path / "here") as here, system_in(tmp_path / "there", book=False) as there:
        await add_outcomes(here.store, 1)

        error = await refusal(there, await exported(here.store), tmp_path)

        assert "there is no book here" in error.detail
        assert "qdpi ingest-canon" in error.next_step


async def test_different_text_of_revision_is_refused(tmp_path: Path):
    """A revision with another text in this store is refused."""
    book = own_book()
    async with system_in(tmp_path / "here", book=False) as here, system_in(tmp_path / "there", book=False) as there:
        await ingest(here.store, book, here.embedder, now=here.now)
        await ingest(
            there.store, changed(book, book.pages[0].page_id, "Another text altogether."), there.embedder, now=there.now
        )
        await add_outcomes(here.store, 1)

        assert "revision 1 here has another text" in (await refusal(there, await exported(here.store), tmp_path)).detail


async def test_missing_revision_is_refused_until_ingested(tmp_path: Path):
    """A journey is refused without the revision that it names, and imported once that is here."""
    async with two_systems(tmp_path) as (here, there):
        await put_book(here, revision=2)
        await add_outcomes(here.store, 1, canon_revision=2)
        archive = await exported(here.store)

        error = await refusal(there, archive, tmp_path)
        assert "revision 2 with the hash" in error.detail
        assert "that revision is not here" in error.detail

        await put_book(there, revision=2)
        await imported(there, archive, tmp_path)
        assert await all_of(there.store) == await all_of(here.store)


async def test_page_saved_during_an_export_is_not_in_it(tmp_path: Path):
    """A page that is written and saved while its journey is exported is in neither file, so that these agree."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 2)
        await save(here.store, "S01-P0001", 1)
        stood = await exported(here.store)
        pieces = FORMATS["log"].stream(here.store, READER)
        first = await anext(pieces)
        (later,) = await add_outcomes(here.store, 1)
        assert later.page is not None
        await save(here.store, later.page.page_id, 2)

        archive = first + b"".join([piece async for piece in pieces])

        saved = [row for row in values(archive, LOG) if row["type"] == VaultChange.topic]
        assert saved == [row for row in values(stood, LOG) if row["type"] == VaultChange.topic]
        assert (await imported(there, archive, tmp_path)).seq == 2
