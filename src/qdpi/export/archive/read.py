"""Opening an archive: the zip file as it was exported, or the folder that somebody unpacked it into."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pydantic import ValidationError

from qdpi.errors import ArchiveRefused
from qdpi.export.archive.format import FORMAT, FORMAT_VERSION, MANIFEST, VALUES, Manifest

MOST_BYTES: Final = 16 << 20
"""The longest line, and the longest manifest, in bytes."""
_UPGRADE: Final = "Nothing was changed here. Import it with a newer qdpi."
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What `zipfile` raises for bytes that are no zip file's, or of a kind that it does not read."""


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive with its manifest read; `open` opens a file of it by its name."""

    manifest: Manifest
    open: Callable[[str], IO[bytes]]

    def lines(self, name: str) -> Iterator[bytes]:
        """Give a file's lines with their ends. Raises `ArchiveRefused` for what cannot be read."""
        number = 0
        with reading(name), self.open(name) as stream:
            while line := stream.readline(MOST_BYTES + 1):
                number += 1
                if len(line) > MOST_BYTES:
                    raise refused(name, number, f"it is longer than {MOST_BYTES:,} bytes")
                yield line


def refused(file: str, line: int | None, why: str, next_step: str | None = None) -> ArchiveRefused:
    """Return the refusal of an archive, with its place."""
    place = file if line is None else f"{file}, line {line}"
    return ArchiveRefused(f"{place}: {why}.", next_step=next_step)


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an archive for a block. Raises `ArchiveRefused` for what is none."""
    if path.is_dir():
        yield _archive(lambda name: (path / name).open("rb"))
        return
    with reading(str(path)):
        archive = zipfile.ZipFile(path)
    with archive:
        yield _archive(archive.open)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Refuse what cannot be read in a block."""
    try:
        yield
    except KeyError:
        raise refused(what, None, "the archive does not hold it") from None
    except OSError as error:
        raise refused(what, None, f"it cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        raise refused(what, None, f"it is not whole: {' '.join(str(error).split()) or type(error).__name__}") from error


def _archive(open_file: Callable[[str], IO[bytes]]) -> Archive:
    with reading(MANIFEST), open_file(MANIFEST) as stream:
        raw = stream.read(MOST_BYTES)
    manifest = _manifest(raw)
    if manifest.files.keys() != VALUES.keys():
        raise refused(MANIFEST, None, f"it names {sorted(manifest.files)}, and there must be {sorted(VALUES)}")
    return Archive(manifest, open_file)


def _manifest(raw: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()[:5])
        raise refused(MANIFEST, None, f"it is no manifest of a journey ({faults})") from error
    if (manifest.format, manifest.format_version) != (FORMAT, FORMAT_VERSION):
        told = f"{manifest.format!r:.40} {manifest.format_version}"
        raise refused(MANIFEST, None, f"it is of the format {told}, and this is {FORMAT!r} {FORMAT_VERSION}", _UPGRADE)
    return manifest
