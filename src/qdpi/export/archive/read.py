"""Opening an archive: the zip file as it was exported, or the folder that somebody unpacked it into."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from qdpi.errors import ArchiveRefused, InvalidSession
from qdpi.events import SCHEMA_VERSION
from qdpi.export.archive.format import FORMAT, FORMAT_VERSION, MANIFEST, VALUES, FileFacts, Lines, Manifest
from qdpi.ids import check_session
from qdpi.journey import FOLD_VERSION

V = TypeVar("V", bound=BaseModel)
MOST_BYTES: Final = 16 << 20
"""The longest line, and the longest manifest, in bytes."""
_UPGRADE: Final = "Nothing was changed here. Import it with a newer qdpi."
_HEX: Final = 64
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


def check_manifest(archive: Archive) -> None:
    """Check what a manifest says of itself. Raises `ArchiveRefused`."""
    manifest = archive.manifest
    for name, here in (("schema_version", SCHEMA_VERSION), ("fold_version", FOLD_VERSION)):
        if (given := getattr(manifest, name)) > here:
            step = "Nothing was changed here. Import it with a newer qdpi."
            raise refused(MANIFEST, None, f"{name} is {given}, and this qdpi knows versions up to {here}", step)
    try:
        check_session(manifest.session_id)
    except InvalidSession as error:
        raise refused(MANIFEST, None, error.detail.rstrip(".")) from error


def values(archive: Archive, file: str, model: type[V], *, after: int = 0) -> Iterator[tuple[int, V]]:
    """Give a file's values with the numbers of their lines, and hold each line and the whole against the manifest.

    Of lines up to `after` only the chain is checked. A value is given before its chain is, so that whoever
    takes it may say more of what is wrong with it. Raises `ArchiveRefused`.
    """
    facts = archive.manifest.files[file]
    due = Lines(archive.manifest.session_id, file)
    for number, line in enumerate(archive.lines(file), start=1):
        raw = _bytes_of_value(file, number, line)
        if number > after:
            value = _value(file, number, raw, model)
            if number > facts.lines:
                raise refused(file, number, f"the manifest knows {facts.lines} lines")
            yield number, value
        if line != due.line(raw):
            raise refused(file, number, "it was edited, or does not follow the line before it")
    if due.facts() != facts:
        raise refused(file, None, _difference(due.facts(), facts))


def _bytes_of_value(file: str, number: int, line: bytes) -> bytes:
    if not line.endswith(b"\n"):
        raise refused(file, number, "it breaks off")
    head, middle = b'{"chain":"', b'","%b":' % VALUES[file].encode()
    start = len(head) + _HEX
    value = start + len(middle)
    if not (line.startswith(head) and line[start:value] == middle and line.endswith(b"}\n")):
        raise refused(file, number, f"it is no line of {file}")
    return line[value:-2]


def _value(file: str, number: int, raw: bytes, model: type[V]) -> V:
    try:
        value = model.model_validate_json(raw)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors()[:3])
        raise refused(file, number, f"it is no {VALUES[file]} ({faults})") from error
    kept = value.model_dump_json().encode()
    if kept != raw and (lost := _lost(json.loads(raw), json.loads(kept), "")):
        step = "Nothing was changed here. Import it with a newer qdpi."
        raise refused(file, number, f"this qdpi would not keep what it says of {lost}", step)
    return value


def _lost(given: Any, kept: Any, path: str) -> str | None:
    """Return the path of the first thing in `given` that `kept` does not say, None where it says all."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return next((lost for key in given if (lost := _lost(given[key], kept.get(key), f"{path}.{key}"))), None)
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        pairs = enumerate(zip(given, kept, strict=True))
        return next((lost for n, (a, b) in pairs if (lost := _lost(a, b, f"{path}[{n}]"))), None)
    return None if given == kept else path.removeprefix(".") or "itself"


def _difference(found: FileFacts, said: FileFacts) -> str:
    if found.lines != said.lines:
        return f"it ends after line {found.lines}, and the manifest knows {said.lines}"
    return f"its hash is {found.sha256}, and the manifest says {said.sha256}"
