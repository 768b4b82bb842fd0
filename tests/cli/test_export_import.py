"""`qdpi export` and `qdpi import`."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path

import pytest
from tests.cli.conftest import Call
from tests.export import forging
from tests.export.journeys import add_outcomes, all_of, save, whole_journey
from tests.support.books import another
from tests.support.flow import EMBEDDER, working

from qdpi.bootstrap import build_store
from qdpi.canon import own_book
from qdpi.export.archive.format import LOG, OUTCOMES
from qdpi.export.formats import FORMATS
from qdpi.services.ingest import ingest
from qdpi.settings import Settings
from qdpi.system import utc_now


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def journey_in(data: Path, *, outcomes: int = 0, replaced: bool = False) -> dict[str, object]:
    """Put a journey into a data folder, on the project's own book; return all that is there of it."""

    async def work() -> dict[str, object]:
        store = build_store(Settings(data_dir=data))
        await store.open()
        try:
            book = another(own_book()) if replaced else own_book()
            await ingest(store, book, EMBEDDER, now=utc_now)
            await (add_outcomes(store, outcomes) if outcomes else whole_journey(store))
            return await all_of(store)
        finally:
            await store.close()

    return asyncio.run(work())


def found_in(data: Path) -> dict[str, object]:
    async def work() -> dict[str, object]:
        store = build_store(Settings(data_dir=data))
        await store.open()
        try:
            return await all_of(store)
        finally:
            await store.close()

    return asyncio.run(work())


@pytest.mark.slow
def test_import_into_empty_folder_is_exact(qdpi: Call, tmp_path: Path, data: Path):
    """An import into an empty data folder restores every row; exporting again gives the same bytes."""
    before = journey_in(data)
    result = json.loads(qdpi("export", "reader", "-o", "mine.zip", "--json").out)
    assert result == {
        "file": "mine.zip",
        "format": "log",
        "bytes": Path("mine.zip").stat().st_size,
        "session_id": "reader",
        "outcomes": 8,
    }

    code, out, _ = qdpi("import", "mine.zip", "--json", "--data-dir", tmp_path / "empty")

    done = json.loads(out)
    assert code == 0
    assert (done["changed"], done["outcomes_written"], done["digest"]) == (True, 8, before["digest"])
    assert found_in(tmp_path / "empty") == before
    qdpi("export", "reader", "-o", "again.zip", "--data-dir", tmp_path / "empty")
    assert Path("again.zip").read_bytes() == Path("mine.zip").read_bytes()


@pytest.mark.parametrize("form", FORMATS)
def test_default_file_name_hides_session_id(qdpi: Call, data: Path, form: str):
    """Without -o the file is in the current folder, under a name without the session id."""
    journey_in(data, outcomes=2)

    code, out, err = qdpi("export", "reader", "--format", form)

    assert (code, err) == (0, "")
    (file,) = Path().glob(f"journey-*{FORMATS[form].suffix}")
    assert f"{file}: 2 outcomes as {form}" in out


def test_dash_is_standard_output(data: Path, capfdbinary: pytest.CaptureFixture[bytes]):
    """`-o -` writes the file to standard output."""
    from qdpi.cli import main

    journey_in(data, outcomes=1)
    capfdbinary.readouterr()

    assert main(["export", "reader", "-o", "-"]) == 0

    archive = zipfile.ZipFile(io.BytesIO(capfdbinary.readouterr().out))
    assert archive.testzip() is None


@pytest.mark.slow
def test_signature_is_not_exported(qdpi: Call, data: Path):
    """A signed session id is exported without its signature."""
    journey_in(data, outcomes=1)

    result = json.loads(qdpi("export", "reader.c2lnbmF0dXJl", "--json").out)

    assert (result["session_id"], result["outcomes"]) == ("reader", 1)
    assert b"c2lnbmF0dXJl" not in forging.unpacked(Path(result["file"]).read_bytes())["manifest.json"]


def test_empty_journey_is_noted(qdpi: Call, data: Path):
    """A note says that a journey has no outcomes."""
    journey_in(data, outcomes=1)

    code, _, err = qdpi("export", "raeder", "-o", "empty.zip")

    assert code == 0
    assert "This journey has no outcomes" in err


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("reader", "--format", "pdf"), "Give one of log, markdown, twee, epub"),
        (("rea der",), "is not a session id"),
        (("reader", "-o", "nowhere/file.zip"), "nowhere/file.zip cannot be written: No such file or directory"),
    ],
)
def test_failed_export_leaves_no_file(qdpi: Call, data: Path, given: tuple[str, ...], why: str):
    """An export that fails leaves no file."""
    journey_in(data, outcomes=1)

    code, out, err = qdpi("export", *given)

    assert (code, out) == (2, "")
    assert why in err
    assert [path.name for path in Path().iterdir()] == ["data"]


def test_failed_copy_keeps_existing_file(qdpi: Call):
    """A reading copy without a book fails, and an existing file stays as it is."""
    Path("mine.epub").write_text("an older one")

    code, _, err = qdpi("export", "reader", "--format", "epub", "-o", "mine.epub")

    assert code == 1
    assert "There is no book in the store" in err
    assert Path("mine.epub").read_text() == "an older one"
    assert not Path("mine.epub.part").exists()


def test_second_import_is_unchanged(qdpi: Call, data: Path):
    """Importing an archive again says that nothing changed."""
    journey_in(data)
    qdpi("export", "reader", "-o", "mine.zip")

    code, out, _ = qdpi("import", "mine.zip")

    assert code == 0
    assert out == "reader is here already, with 8 outcomes: unchanged.\n"


@pytest.mark.slow
def test_edited_archive_is_refused_before_ingest(qdpi: Call, tmp_path: Path, data: Path):
    """An edited archive is refused with the place, before the book is ingested."""
    journey_in(data)
    qdpi("export", "reader", "-o", "mine.zip")
    edited = forging.with_lines(Path("mine.zip").read_bytes(), OUTCOMES, lambda lines: lines[:-1])
    Path("edited.zip").write_bytes(edited)

    code, out, err = qdpi("import", "edited.zip", "--data-dir", tmp_path / "empty")

    assert (code, out) == (2, "")
    assert "outcomes.jsonl: it ends after line 7; the manifest lists 8 lines. Nothing was changed here." in err
    assert "There is no book" in qdpi("export", "x", "--format", "epub", "--data-dir", tmp_path / "empty").err


def test_contradicting_log_is_refused_before_ingest(qdpi: Call, tmp_path: Path, data: Path):
    """An archive whose log contradicts its outcomes is refused with the row, before the book is ingested."""
    journey_in(data, outcomes=2)
    qdpi("export", "reader", "-o", "mine.zip")

    def change(rows: list[dict[str, str]]) -> None:
        rows[0]["payload_json"] = rows[0]["payload_json"].replace('"symbol_code":0', '"symbol_code":17')

    Path("forged.zip").write_bytes(forging.forged(Path("mine.zip").read_bytes(), LOG, change))

    code, out, err = qdpi("import", "forged.zip", "--data-dir", tmp_path / "empty")

    assert (code, out) == (2, "")
    assert "log.jsonl, line 1: symbol_code is 17 in its event and 0 in the request of outcome 1. Nothing was" in err
    assert "There is no book" in qdpi("export", "x", "--format", "epub", "--data-dir", tmp_path / "empty").err


def test_repacked_archive_is_imported(qdpi: Call, tmp_path: Path, data: Path):
    """The folder that a file manager has packed is imported as the file was."""
    journey_in(data, outcomes=2)
    qdpi("export", "reader", "-o", "mine.zip")
    files = forging.unpacked(Path("mine.zip").read_bytes())
    repacked = {"mine/.DS_Store": b"", **{f"mine/{name}": content for name, content in files.items()}}
    Path("repacked.zip").write_bytes(forging.packed(repacked))

    code, out, _ = qdpi("import", "repacked.zip", "--data-dir", tmp_path / "empty")

    assert (code, out.partition(" and ")[0]) == (0, "reader: 2 outcomes")


def test_other_book_is_refused(qdpi: Call, tmp_path: Path, data: Path):
    """A journey in another book is refused, with the next step."""
    journey_in(data, replaced=True)
    qdpi("export", "reader", "-o", "mine.zip")

    code, _, err = qdpi("import", "mine.zip", "--data-dir", tmp_path / "empty")

    assert code == 2
    assert "the journey was read in 'Another Book' (another), revision 1" in err
    assert "there is no book here" in err
    assert "qdpi ingest-canon" in err


@pytest.mark.parametrize("name", ["nowhere.zip", "data", "mine.txt"])
def test_other_file_is_refused(qdpi: Call, data: Path, name: str):
    """A file that is not an archive is refused without a traceback."""
    journey_in(data, outcomes=1)
    Path("mine.txt").write_text("A text.")

    code, out, err = qdpi("import", name)

    assert (code, out) == (2, "")
    assert err.startswith("qdpi: ")
    assert "Traceback" not in err


@pytest.mark.slow
async def test_import_beside_running_system(tmp_path: Path):
    """A running system continues an imported journey and shows its vault."""
    from qdpi.cli.import_journey import _import

    async with working(tmp_path / "here") as here, working(tmp_path / "there") as there:
        outcome = await here.press("reader", "an-author:XC")
        await save(here.system.store, "S01-P0001", 1)
        await here.all_read_by("recorder")
        archive = tmp_path / "mine.zip"
        archive.write_bytes(b"".join([p async for p in FORMATS["log"].stream(here.system.store, "reader")]))

        done = await _import(archive, Settings(data_dir=tmp_path / "there"))

        assert done["outcomes_written"] == outcome.seq
        following = await there.press("reader", "an-author:XC")
        assert following.seq == outcome.seq + 1
        assert [entry.page_id for entry in await there.system.store.vault("reader")] == ["S01-P0001"]
