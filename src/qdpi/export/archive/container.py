"""What an archive lies in: a zip file, or the folder that it was unpacked to, as file managers pack and unpack them.

The three files may lie in a folder inside; nothing is unpacked to the disk. What prevents an archive from being found
is said as it is: another kind of file, a password, a compression that cannot be read, two journeys in one file.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Final

from qdpi.errors import ArchiveRefused
from qdpi.export.archive.format import LOG, MANIFEST, OUTCOMES

Opener = Callable[[str], IO[bytes]]
"""Opens one of an archive's three files by its name. Raises `ArchiveRefused`."""

_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What `zipfile` raises for a damaged zip file, or one of a kind that it does not read."""
_MOST: Final = 10_000
"""The most files of a folder that are looked at."""
_SHOWN: Final = 8
_END_BYTES: Final = 22
_LAST_BYTES: Final = _END_BYTES + 0xFFFF + 20
"""Where the end of a zip file's directory lies: before a comment, behind the end of a ZIP64's."""
_MOST_LISTED: Final = 4 << 20
"""The most bytes of a zip file's directory: some 50,000 files."""
_ENCRYPTED: Final = 0x1 | 0x40
_METHODS: Final = {9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
"""Compressions that other programs use in zip files."""
_LOG_ONLY: Final = "only a file of `qdpi export --format log` can be imported"
_KINDS: Final = (
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"\xfd7zXZ\0", "an xz file"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip file"),
    (0, b"Rar!", "a RAR file"),
    (257, b"ustar", "a tar file"),
)
"""The other kinds of packed files, by the bytes at an offset."""


def refusal(file: str, line: int | None, why: str, next_step: str | None = None) -> ArchiveRefused:
    """Return the error for a place in an archive."""
    place = file if line is None else f"{file}, line {line}"
    return ArchiveRefused(f"{place}: {why}.", next_step=next_step)


@contextmanager
def translated_errors(name: str) -> Iterator[None]:
    """Raise `ArchiveRefused` for a file that is unreadable or damaged."""
    try:
        yield
    except OSError as error:
        raise refusal(name, None, f"it cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise refusal(name, None, f"it is incomplete or damaged: {detail}") from error


@contextmanager
def open_container(path: Path) -> Iterator[Opener]:
    """Open the zip file or the folder of an archive. Raises `ArchiveRefused` where there is no archive in it."""
    if path.is_dir():
        with translated_errors(str(path)):
            opener = _folder_opener(path)
        yield opener
        return
    with translated_errors(str(path)):
        if path.exists() and not path.is_file():
            raise refusal(str(path), None, "it is neither a file nor a folder")
        stream = path.open("rb")
    with stream, open_zip(stream, str(path)) as opener:
        yield opener


@contextmanager
def open_zip(stream: IO[bytes], called: str) -> Iterator[Opener]:
    """Open the zip file of an archive, which errors name as it is `called`.

    Raises `ArchiveRefused` where there is no archive in it.
    """
    with translated_errors(called):
        if (fault := _other_kind(stream) or _long_directory(stream)) is not None:
            raise refusal(called, None, fault)
        archive = zipfile.ZipFile(stream)
    with archive:
        yield _zip_opener(archive)


def _other_kind(stream: IO[bytes]) -> str | None:
    """Return what a file is that is no zip file, None where it may be one."""
    stream.seek(0)
    data = stream.read(512)
    for offset, mark, kind in _KINDS:
        if data.startswith(mark, offset):
            return f"it is {kind}, not a zip file; unpack it, and import the folder"
    if data.startswith(b":: "):
        return f"it is a story in Twee, a reading copy; {_LOG_ONLY}"
    if data.lstrip().startswith(b"{"):
        return f"it is one file of an archive; give the folder with {MANIFEST}, {OUTCOMES} and {LOG}"
    return None


def _long_directory(stream: IO[bytes]) -> str | None:
    """Return what is wrong with a zip file's list of files: it is read whole, and a hostile one fills the memory.

    Source: APPNOTE.TXT 6.3.10, 4.3.14 to 4.3.16.
    """
    stream.seek(max(0, stream.seek(0, os.SEEK_END) - _LAST_BYTES))
    last = stream.read()
    end = last.rfind(b"PK\x05\x06")
    if end < 0 or len(last) < end + _END_BYTES:
        return None  # `zipfile` says that it is none
    listed = int.from_bytes(last[end + 12 : end + 16], "little")
    is_zip64 = last[max(0, end - 20) : end].startswith(b"PK\x06\x07")
    return "it lists too many files to be a journey's archive" if is_zip64 or listed > _MOST_LISTED else None


# A zip file.


def _zip_opener(archive: zipfile.ZipFile) -> Opener:
    entries = _entries(archive)
    root = _root_of(entries, archive.namelist())
    twice = Counter(name for name, _ in entries)
    by_name = dict(entries)

    def opened(file: str) -> IO[bytes]:
        name = f"{root}{file}"
        if name not in by_name:
            raise _missing(file, by_name)
        if twice[name] > 1:
            raise refusal(file, None, f"the archive contains it {twice[name]} times")
        return _opened_entry(archive, by_name[name], file)

    return opened


def _entries(archive: zipfile.ZipFile) -> list[tuple[str, zipfile.ZipInfo]]:
    """Return the files of a zip file, with `/` in their names; without what systems add, and what leads out of it."""
    named = [(_plain(entry.filename), entry) for entry in archive.infolist() if not entry.is_dir()]
    return [(name, entry) for name, entry in named if _is_inside(name) and not _is_added(name)]


def _plain(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")


def _is_inside(name: str) -> bool:
    parts = name.split("/")
    return bool(parts[0]) and ".." not in parts and ":" not in parts[0]


def _is_added(name: str) -> bool:
    # macOS keeps the attributes of each file beside it, under the same name.
    parts = name.split("/")
    return name.endswith("/") or "__MACOSX" in parts or parts[-1].startswith("._")


def _opened_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: str) -> IO[bytes]:
    if entry.flag_bits & _ENCRYPTED:
        raise refusal(file, None, "it is encrypted; pack it again without a password")
    try:
        return archive.open(entry)
    except NotImplementedError as error:
        method = _METHODS.get(entry.compress_type, f"method {entry.compress_type}")
        why = f"it is compressed with {method}, which cannot be read here; pack it again with Deflate"
        raise refusal(file, None, why) from error


# A folder.


def _folder_opener(folder: Path) -> Opener:
    names = [MANIFEST] if (folder / MANIFEST).exists() else list(islice(_files_below(folder), _MOST))
    root = _root_of([(name, None) for name in names if not _is_added(name)], names)

    def opened(file: str) -> IO[bytes]:
        path = folder / f"{root}{file}"
        if not path.exists():
            raise _missing(file, dict.fromkeys(_files_below(folder)))
        if not path.is_file():
            raise refusal(file, None, "it is not a file")
        return path.open("rb")

    return opened


def _files_below(folder: Path) -> Iterator[str]:
    """Yield the names of the files in a folder and in the folders below it; symbolic links to folders are files."""
    below = [""]
    while below:
        here = below.pop()
        for entry in sorted(os.scandir(folder / here), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                below.append(f"{here}{entry.name}/")
            else:
                yield f"{here}{entry.name}"


# Where the three files are.


def _root_of(entries: Iterable[tuple[str, object]], named: Iterable[str]) -> str:
    """Return the folder of the archive's files, ending in `/`; empty where they lie in none. Raises `ArchiveRefused`.

    `named` are the names as they are given, for the reason where there is no manifest.
    """
    names = {name for name, _ in entries}
    roots = sorted(name.removesuffix(MANIFEST) for name in names if name.rpartition("/")[2] == MANIFEST)
    if not roots:
        raise _missing(MANIFEST, dict.fromkeys(named))
    if "" in roots:
        return ""
    whole = [root for root in roots if {f"{root}{OUTCOMES}", f"{root}{LOG}"} <= names] or roots
    if len(whole) > 1:
        folders = _listed([root.rstrip("/") for root in whole])
        raise refusal(MANIFEST, None, f"there are {len(whole)} journeys, in the folders {folders}; give one of them")
    return whole[0]


def _missing(file: str, found: Mapping[str, object]) -> ArchiveRefused:
    return refusal(file, None, f"the archive does not contain it; {_reason(file, sorted(found))}")


def _reason(file: str, names: list[str]) -> str:
    """Return why an archive lacks a file, by the names that it has."""
    plain = {name: _plain(name) for name in names}
    leading_out = [name for name, it in plain.items() if it.rpartition("/")[2] == file and not _is_inside(it)]
    alike = [name for name, it in plain.items() if _is_alike(it, file)]
    packed = [name for name in names if name.lower().endswith((".zip", ".7z", ".gz", ".rar")) and not _is_added(name)]
    if leading_out:
        return f"its entry {leading_out[0]!r:.80} leads out of it"
    if "META-INF/container.xml" in names:
        return f"it is an EPUB, a reading copy, and {_LOG_ONLY}"
    if any(name.startswith(("pages/", "canon/")) and name.endswith(".md") for name in names):
        return f"it is a reading copy in Markdown, and {_LOG_ONLY}"
    if alike:
        return f"it has {_listed(alike)} instead; rename it to {file}"
    if packed:
        return f"it holds the packed file {_listed(packed)}; unpack that, and import what is in it"
    return f"it contains {_listed(names)}" if names else "it is empty"


def _is_alike(name: str, file: str) -> bool:
    """Tell whether a name is a file's as systems change it: in capitals, with another ending or a number."""
    stem = file.partition(".")[0]
    last = name.rpartition("/")[2]
    return not _is_added(name) and last != file and last.lower().startswith(stem) and "json" in last.lower()


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"{name!r:.80}" for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN:,} more"
