"""An archive that was unpacked and packed again is read, or refused with the true cause."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.export.forging import Files, packed, unpacked, written
from tests.export.journeys import all_of, exported, imported, two_systems, whole_journey
from tests.support import factories

from qdpi.errors import ArchiveRefused
from qdpi.export.archive import container
from qdpi.export.archive.check import check_lines
from qdpi.export.archive.format import LOG, MANIFEST, OUTCOMES
from qdpi.export.archive.read import open_archive, read_values
from qdpi.outcome import Outcome, log_entry

FIRST = factories.outcome()
SECOND = factories.outcome(seq=2, before=FIRST.state)


@pytest.fixture
def files() -> Files:
    return written([FIRST, SECOND], [log_entry(FIRST.event), log_entry(SECOND.event)])


def read(path: Path) -> list[Outcome]:
    """Read an archive whole, as an import does before it writes anything. Raises `ArchiveRefused`."""
    with open_archive(path) as archive:
        check_lines(archive)
        return [outcome for _, outcome in read_values(archive, OUTCOMES, Outcome)]


def saved(path: Path, archive: bytes) -> Path:
    path.write_bytes(archive)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ArchiveRefused) as error:
        read(path)
    return error.value.detail


def within(folder: str, files: Files) -> Files:
    return {f"{folder}{name}": content for name, content in files.items()}


def crlf(files: Files) -> Files:
    return {name: content.replace(b"\n", b"\r\n") for name, content in files.items()}


JUNK: Files = {
    "journey/": b"",
    "journey/.DS_Store": b"\0",
    "journey/Thumbs.db": b"\0",
    "journey/desktop.ini": b"[x]",
    "__MACOSX/": b"",
    "__MACOSX/journey/._manifest.json": b"\0\5\26\7",
    "__MACOSX/journey/manifest.json": b"{}",
    "journey/._outcomes.jsonl": b"\0",
}
READ: dict[str, Callable[[Files], Files]] = {
    "a folder": lambda files: within("journey/", files),
    "a folder's entry": lambda files: {"journey/": b"", **within("journey/", files)},
    "macOS": lambda files: {**JUNK, **within("journey/", files)},
    "backslashes": lambda files: {"journey\\": b"", **within("journey\\", files)},
    "nested": lambda files: within("a b/é/journey/", files),
    "dots": lambda files: within("./", files),
    "other order": lambda files: dict(reversed(files.items())),
    "other files": lambda files: {"README.txt": b"mine", **files, "old/notes.txt": b""},
    "another manifest": lambda files: {**within("journey/", files), "site/manifest.json": b"{}"},
    "CRLF": crlf,
    "CRLF in a folder": lambda files: within("journey/", crlf(files)),
}


@pytest.mark.parametrize("how", READ)
def test_repacked_archive_is_read(files: Files, tmp_path: Path, how: str):
    """A zip file of a file manager is read, and so is the folder that one unpacks."""
    changed = READ[how](files)

    assert read(saved(tmp_path / "mine.zip", packed(changed))) == [FIRST, SECOND]
    if "\\" not in "".join(changed):
        assert read(unpack(tmp_path / "unpacked", changed)) == [FIRST, SECOND]


@pytest.mark.parametrize("how", ["macOS", "CRLF in a folder"])
async def test_repacked_archive_restores_the_journey(tmp_path: Path, how: str):
    """An import of a repacked archive restores the journey exactly."""
    async with two_systems(tmp_path) as (here, there):
        await whole_journey(here.store)
        changed = READ[how](unpacked(await exported(here.store)))

        await imported(there, packed(changed), tmp_path)

        assert await all_of(there.store) == await all_of(here.store)


def unpack(folder: Path, files: Files) -> Path:
    folder.mkdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(content)
    return folder


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_read(files: Files, tmp_path: Path, method: int):
    """A zip file may be stored or compressed as Python can read it, and may be a zip64 file after other bytes."""
    out = io.BytesIO(b"#!stub\n")
    out.seek(0, io.SEEK_END)
    with zipfile.ZipFile(out, "a", method) as archive:
        for name, content in files.items():
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(content)

    assert read(saved(tmp_path / "a name without an ending", out.getvalue())) == [FIRST, SECOND]


def twice(files: Files, name: str) -> bytes:
    """Return a zip file that has a file of this name two times."""
    other = name[:-1] + "?"
    return packed({**files, other: b""}).replace(other.encode(), name.encode())


def marked(archive: bytes, *, flags: int = 0, method: int | None = None) -> bytes:
    """Return a zip file whose entries say that they have these flags, or are compressed by this method."""
    data = bytearray(archive)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        while at >= 0:
            old_flags, old_method = struct.unpack_from("<HH", data, at + offset)
            struct.pack_into("<HH", data, at + offset, old_flags | flags, old_method if method is None else method)
            at = data.find(signature, at + 4)
    return bytes(data)


def tar(files: Files) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


REFUSED: dict[str, tuple[Callable[[Files], bytes], str]] = {
    "encrypted": (lambda files: marked(packed(files), flags=1), "manifest.json: it is encrypted; pack it again"),
    "Deflate64": (lambda files: marked(packed(files), method=9), "it is compressed with Deflate64, which cannot"),
    "PPMd": (lambda files: marked(packed(files), method=98), "it is compressed with PPMd, which cannot be read here"),
    "unknown method": (lambda files: marked(packed(files), method=77), "it is compressed with method 77, which"),
    "tar": (tar, "it is a tar file, not a zip file; unpack it, and import the folder"),
    "tar.gz": (lambda files: gzip.compress(tar(files)), "it is a gzip file, not a zip file; unpack it, and import"),
    "7-Zip": (lambda files: b"7z\xbc\xaf\x27\x1c\0\4", "it is a 7-Zip file, not a zip file"),
    "RAR": (lambda files: b"Rar!\x1a\7\1\0", "it is a RAR file, not a zip file"),
    "the manifest": (lambda files: files[MANIFEST], "it is one file of an archive; give the folder with manifest.json"),
    "zip in a zip": (
        lambda files: packed({"mine/journey.zip": packed(files)}),
        "manifest.json: the archive does not contain it; it holds the packed file 'mine/journey.zip'; unpack that",
    ),
    "two journeys": (
        lambda files: packed({**within("a/", files), **within("b/c/", files)}),
        "manifest.json: there are 2 journeys, in the folders 'a', 'b/c'; give one of them",
    ),
    "two of one name": (
        lambda files: twice(files, OUTCOMES),
        "outcomes.jsonl: the archive contains it 2 times",
    ),
    "two of one name, one with a backslash": (
        lambda files: packed({**within("a/", files), "a\\log.jsonl": b""}),
        "log.jsonl: the archive contains it 2 times",
    ),
    "apart": (
        lambda files: packed({f"{number}/{name}": content for number, (name, content) in enumerate(files.items())}),
        "outcomes.jsonl: the archive does not contain it; it contains '0/outcomes.jsonl', '1/log.jsonl'",
    ),
    "up": (lambda files: packed(within("../", files)), "its entry '../manifest.json' leads out of it"),
    "up with backslashes": (lambda files: packed(within("..\\", files)), "its entry '..\\\\manifest.json' leads out"),
    "from the root": (lambda files: packed(within("/tmp/", files)), "its entry '/tmp/manifest.json' leads out of it"),
    "from a drive": (lambda files: packed(within("C:/", files)), "its entry 'C:/manifest.json' leads out of it"),
    "capitals": (
        lambda files: packed({name.upper(): content for name, content in files.items()}),
        "manifest.json: the archive does not contain it; it has 'MANIFEST.JSON' instead; rename it to manifest.json",
    ),
    "a browser's number": (
        lambda files: packed({name.replace(".", " (1)."): content for name, content in files.items()}),
        "it has 'manifest (1).json' instead; rename it to manifest.json",
    ),
    "only what macOS adds": (
        lambda files: packed({f"__MACOSX/{name}": content for name, content in files.items()}),
        "manifest.json: the archive does not contain it; it contains '__MACOSX/log.jsonl', '__MACOSX/manifest.json'",
    ),
    "CR": (
        lambda files: packed({name: content.replace(b"\n", b"\r") for name, content in files.items()}),
        "manifest.json: its line ends were changed to CR; they were LF",
    ),
    "CR in one file": (
        lambda files: packed({**files, LOG: files[LOG].replace(b"\n", b"\r")}),
        "log.jsonl, line 1: its line ends were changed to CR; they were LF",
    ),
    "a mark": (
        lambda files: packed({**files, OUTCOMES: b"\xef\xbb\xbf" + files[OUTCOMES]}),
        "outcomes.jsonl, line 1: it begins with a byte order mark, which an editor has added",
    ),
    "a mark on the manifest": (
        lambda files: packed({**files, MANIFEST: b"\xef\xbb\xbf" + files[MANIFEST]}),
        "manifest.json: it begins with a byte order mark",
    ),
    "UTF-16": (
        lambda files: packed({name: content.decode().encode("utf-16") for name, content in files.items()}),
        "manifest.json: it is UTF-16, as an editor has saved it; it was UTF-8",
    ),
    "CRLF and a change": (
        lambda files: packed(crlf({**files, OUTCOMES: files[OUTCOMES].replace(b"went on", b"went in", 1)})),
        "outcomes.jsonl, line 1: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_archive_that_cannot_be_read_is_refused_with_its_cause(files: Files, tmp_path: Path, what: str):
    """What prevents an import is said as it is, with the file."""
    change, why = REFUSED[what]

    assert why in refused(saved(tmp_path / "mine.zip", change(files)))


def test_folder_with_two_journeys_is_refused(files: Files, tmp_path: Path):
    """A folder with two journeys does not decide which is meant; its own files go before those below."""
    folder = unpack(tmp_path / "both", {**within("a/", files), **within("b/", files)})

    assert "there are 2 journeys, in the folders 'a', 'b'; give one of them" in refused(folder)
    assert read(folder / "a") == [FIRST, SECOND]

    for name, content in written([FIRST], []).items():
        (folder / name).write_bytes(content)

    assert read(folder) == [FIRST]


@pytest.mark.parametrize("name", [MANIFEST, OUTCOMES, LOG])
def test_pipe_in_place_of_a_file_is_refused(files: Files, tmp_path: Path, name: str):
    """An import does not wait for what is no file."""
    folder = unpack(tmp_path / "unpacked", files)
    (folder / name).unlink()
    os.mkfifo(folder / name)

    assert refused(folder) == f"{name}: it is not a file."
    assert "it is neither a file nor a folder" in refused(folder / name)


def test_folder_of_countless_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder without an archive is searched up to a bound, and links to folders are not followed."""
    monkeypatch.setattr(container, "_MOST", 4)
    folder = unpack(tmp_path / "many", {f"{number}.txt": b"" for number in range(12)})
    (folder / "loop").symlink_to(folder)

    assert refused(folder).endswith("it contains '0.txt', '1.txt', '10.txt', '11.txt'.")
