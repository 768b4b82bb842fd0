"""What all formats have in common, and the Markdown folder."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from tests.export.journeys import READER, add_outcomes, commit, exported, imported, whole_journey
from tests.export.twee_parser import parse
from tests.support import factories
from tests.support.gateway import put_book, system_in

from qdpi.errors import InvalidInput
from qdpi.export.formats import FORMATS, file_name, format_named
from qdpi.export.markdown import file_of, page_of
from qdpi.export.zip_stream import EARLIEST, ZipStream
from qdpi.outcome import log_entry
from qdpi.store.paging import OUTCOMES_PER_PAGE
from qdpi.system import System

every_format = pytest.mark.parametrize("form", FORMATS)


@every_format
async def test_export_is_deterministic(tmp_path: Path, form: str):
    """The same journey gives the same bytes."""
    files = []
    for place in ("here", "there"):
        async with system_in(tmp_path / place) as system:
            await whole_journey(system.store)
            files.append(await exported(system.store, form))
    assert files[0] == files[1]


@every_format
async def test_export_ends_at_starting_head(tmp_path: Path, form: str):
    """An outcome that is committed during an export is not in the file."""
    async with system_in(tmp_path) as system:
        await add_outcomes(system.store, OUTCOMES_PER_PAGE + 1)
        stood = await exported(system.store, form)
        pieces = FORMATS[form].stream(system.store, READER)
        first = await anext(pieces)
        # Only outcomes are limited to the head: the log may have presses without an outcome.
        last = await system.store.last_outcome(READER)
        assert last is not None
        outcome = factories.outcome(READER, OUTCOMES_PER_PAGE + 2, before=last.state)
        await system.store.commit_outcome(READER, outcome.request_id, OUTCOMES_PER_PAGE + 1, outcome)
        await system.store.append_log([log_entry(outcome.event)])
        assert first + b"".join([piece async for piece in pieces]) == stood


@every_format
async def test_long_journey_is_streamed(tmp_path: Path, form: str):
    """A long journey is sent in several pieces."""
    async with system_in(tmp_path) as system:
        await add_outcomes(system.store, 3 * OUTCOMES_PER_PAGE)
        pieces = [piece async for piece in FORMATS[form].stream(system.store, READER)]
        assert len(pieces) >= 4
        assert max(map(len, pieces)) < 0.7 * sum(map(len, pieces))


@pytest.mark.parametrize("form", ["log", "markdown", "epub"])
async def test_zip_entries_have_fixed_time(tmp_path: Path, form: str):
    """Zip files are intact, and every entry has the same fixed time."""
    async with system_in(tmp_path) as system:
        await whole_journey(system.store)
        archive = zipfile.ZipFile(io.BytesIO(await exported(system.store, form)))
        assert archive.testzip() is None
        assert {entry.date_time for entry in archive.infolist()} == {EARLIEST}
        assert len(set(archive.namelist())) == len(archive.namelist())


async def test_markdown_folder_has_every_page(tmp_path: Path):
    """The Markdown folder has a file for each page, which reads as the page that the gateway serves."""
    async with system_in(tmp_path) as system:
        outcomes = await whole_journey(system.store)
        folder = zipfile.ZipFile(io.BytesIO(await exported(system.store, "markdown")))
        assert folder.namelist() == [
            "canon/S01-P0001.md",
            *(f"pages/{n:05}-an-answer-{n}.md" for n in (1, 3, 4, 5, 6, 7, 8)),
            "canon/S01-P0002.md",
            "canon/S03-P0007.md",
        ]
        for page in (outcome.page for outcome in outcomes if outcome.page):
            found = page_of(folder.read(file_of(page)).decode())
            assert found.public() == page.public()
            assert found.session_id is None


@pytest.mark.parametrize("title", ["", "   ", "../../etc/passwd", "a/b\\c:d", "👩🏽‍🚀", "x" * 300, "Ünïcode, «Word»"])
async def test_file_name_stays_in_folder(tmp_path: Path, title: str):
    """No title makes a file name that leaves the folder."""
    async with system_in(tmp_path) as system:
        await add_outcomes(system.store, 1, title=title)
        folder = zipfile.ZipFile(io.BytesIO(await exported(system.store, "markdown")))
        name = folder.namelist()[1]
        assert name.startswith("pages/00001-")
        assert name.count("/") == 1
        assert ".." not in name
        assert len(name) < 100


def test_unknown_format_is_refused():
    """An unknown format is refused, and the error lists the known ones."""
    with pytest.raises(InvalidInput, match=r"'pdf' is not an export format\. Give one of log, markdown, twee, epub"):
        format_named("pdf")


def test_file_name_hides_session_id():
    """A file's name does not contain the session id, which gives access to the journey."""
    names = {file_name("capability", form) for form in FORMATS.values()}

    assert len(names) == 4
    assert not any("capability" in name for name in names)


def test_zip_stream_can_be_taken_anytime():
    """The bytes of a zip stream can be taken at any time, inside an entry as well."""
    stream = ZipStream(long_entries=True)
    taken = []
    with stream.entry("long") as entry:
        for n in range(1_000):
            entry.write(bytes([n % 251]) * 1_000)
            taken.append(stream.take())
    stream.add("short", "text")
    taken.append(stream.close())
    archive = zipfile.ZipFile(io.BytesIO(b"".join(taken)))
    assert archive.testzip() is None
    assert archive.read("long") == b"".join(bytes([n % 251]) * 1_000 for n in range(1_000))
    assert archive.read("short") == b"text"


# identifiers


async def identifiers(system: System, journey: str = READER) -> tuple[str, str]:
    """Return the IFID and the EPUB identifier of a journey's copies, both as a UUID in small letters."""
    twee, epub = [await exported(system.store, form, journey) for form in ("twee", "epub")]
    package = zipfile.ZipFile(io.BytesIO(epub)).read("EPUB/package.opf").decode()
    return json.loads(parse(twee.decode())["StoryData"].text)["ifid"].lower(), package.partition("urn:uuid:")[2][:36]


@pytest.mark.parametrize("outcomes", [0, 2])
async def test_identifiers_differ_between_books(tmp_path: Path, outcomes: int):
    """Two journeys of one name in two books, even of one title, share neither an IFID nor an EPUB identifier."""
    found = []
    for book in ("one", "two"):
        async with system_in(tmp_path / book, book=False) as system:
            await put_book(system, content_hash=f"hash of {book}")
            await add_outcomes(system.store, outcomes)
            ifid, identifier = await identifiers(system)
            assert ifid == identifier
            found.append(ifid)

    assert found[0] != found[1]


async def test_identifiers_stay_when_the_book_is_revised(tmp_path: Path):
    """A journey keeps its identifiers when it goes on, when its book is revised, and where it is imported."""
    async with system_in(tmp_path / "here") as here, system_in(tmp_path / "there") as there:
        await add_outcomes(here.store, 1)
        first = await identifiers(here)
        await imported(there, await exported(here.store), tmp_path)
        await put_book(here, revision=2)
        await add_outcomes(here.store, 1)

        assert await identifiers(here) == first
        assert await identifiers(there) == first


async def test_identifiers_differ_between_journeys(tmp_path: Path):
    """Two journeys in one book have two identifiers."""
    async with system_in(tmp_path) as system:
        for journey in ("one", "two"):
            await add_outcomes(system.store, 1, journey)

        assert await identifiers(system, "one") != await identifiers(system, "two")


async def test_journey_that_failed_first_has_the_identifiers_of_its_book(tmp_path: Path):
    """An outcome that names no revision does not decide in which book a journey began."""
    async with system_in(tmp_path) as system:
        before = await identifiers(system)
        outcome = factories.outcome(READER, 1, fails=True)
        nameless = outcome.model_copy(update={"receipt": outcome.receipt.model_copy(update={"canon_revision": None})})
        await commit(system.store, nameless)
        await add_outcomes(system.store, 1)

        assert await identifiers(system) == before
