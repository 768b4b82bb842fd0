"""Reading an archive: its manifest, and its lines with their chain.

The manifest and each line are verified here; whether the values agree with each other is for `check`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from qdpi.errors import InvalidSession, validation_detail
from qdpi.events import SCHEMA_VERSION
from qdpi.export.archive.container import Opener, open_container, open_zip, refusal, translated_errors
from qdpi.export.archive.format import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    OPTIONAL,
    VALUES,
    ChainedLines,
    FileFacts,
    Manifest,
)
from qdpi.ids import check_session
from qdpi.journey import FOLD_VERSION

V = TypeVar("V", bound=BaseModel)
MAX_BYTES: Final = 16 << 20
"""The most bytes of a line, and of the manifest."""
_UPGRADE: Final = "Nothing was changed here. Import it with a newer qdpi."
_HEX: Final = 64


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive whose manifest was read; `open` opens one of its files by name."""

    manifest: Manifest
    open: Opener

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield a file's lines, which end in `\\n` also where a program has made it `\\r\\n`.

        Raises `ArchiveRefused` if one cannot be read.
        """
        number = 0
        with translated_errors(name), self.open(name) as stream:
            while line := stream.readline(MAX_BYTES + 1):
                number += 1
                if changed := _changed_by_program(line):
                    raise refusal(name, number, changed)
                if len(line) > MAX_BYTES:
                    raise refusal(name, number, f"it is longer than {MAX_BYTES:,} bytes")
                # A value has no bare line end: JSON escapes them. So the hash is of what was written.
                yield b"%b\n" % line[:-2] if line.endswith(b"\r\n") else line


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive and read its manifest. Raises `ArchiveRefused` if it is not an archive."""
    with open_container(path) as opener:
        yield _archive(opener)


@contextmanager
def open_packed(stream: IO[bytes], called: str) -> Iterator[Archive]:
    """Open an archive as `open_archive` does, from a zip file that errors name as it is `called`."""
    with open_zip(stream, called) as opener:
        yield _archive(opener)


def _changed_by_program(data: bytes) -> str | None:
    """Return what a program has done to the beginning of a file or of a line, None where it is as written."""
    if data.startswith(b"\xef\xbb\xbf"):
        return "it begins with a byte order mark, which an editor has added"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it is UTF-16, as an editor has saved it; it was UTF-8"
    if b"}\r{" in data or data.endswith(b"}\r"):
        return "its line ends were changed to CR; they were LF"
    return None


def _archive(open_file: Opener) -> Archive:
    with translated_errors(MANIFEST), open_file(MANIFEST) as stream:
        raw = stream.read(MAX_BYTES)
    if changed := _changed_by_program(raw):
        raise refusal(MANIFEST, None, changed)
    manifest = _manifest(raw)
    if manifest.files.keys() | OPTIONAL != VALUES.keys():
        raise refusal(MANIFEST, None, f"it lists {sorted(manifest.files)} instead of {sorted(VALUES)}")
    return Archive(manifest, open_file)


def _manifest(raw: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as error:
        faults = validation_detail(error, "file")
        raise refusal(MANIFEST, None, f"it is not a journey's manifest ({faults})") from error
    if (manifest.format, manifest.format_version) != (FORMAT, FORMAT_VERSION):
        found = f"{manifest.format!r:.40} {manifest.format_version}"
        raise refusal(MANIFEST, None, f"its format is {found}; this qdpi reads {FORMAT!r} {FORMAT_VERSION}", _UPGRADE)
    return manifest


def check_manifest(archive: Archive) -> None:
    """Check the versions and the journey that a manifest names. Raises `ArchiveRefused`."""
    manifest = archive.manifest
    for name, here in (("schema_version", SCHEMA_VERSION), ("fold_version", FOLD_VERSION)):
        if (given := getattr(manifest, name)) > here:
            raise refusal(MANIFEST, None, f"{name} is {given}; this qdpi reads versions up to {here}", _UPGRADE)
    try:
        check_session(manifest.session_id)
    except InvalidSession as error:
        raise refusal(MANIFEST, None, error.detail.rstrip(".")) from error


def check_size(archive: Archive, most: int) -> None:
    """Check that the files have at most so many bytes, as the manifest says. Raises `ArchiveRefused`.

    `read_values` holds them to what the manifest says.
    """
    size = sum(facts.bytes for facts in archive.manifest.files.values())
    if size > most:
        raise refusal(
            MANIFEST,
            None,
            f"the journey has {size:,} bytes; over HTTP it may have {most:,}",
            "Import it on the server, with `qdpi import FILE`.",
        )


def read_values(archive: Archive, file: str, model: type[V], *, after: int = 0) -> Iterator[tuple[int, V]]:
    """Yield a file's values with their line numbers; verify each line's chain, and at the end the file's facts.

    Values of lines up to `after` are not decoded, but their chain is verified. A value is yielded before its chain
    is verified, so that the caller can raise a more specific error first. Raises `ArchiveRefused`.
    """
    facts = archive.manifest.files[file]
    expected = ChainedLines(archive.manifest.session_id, file)
    left = facts.bytes
    for number, line in enumerate(archive.lines(file), start=1):
        left -= len(line)
        if left < 0 and number <= facts.lines:
            raise refusal(file, number, f"the manifest lists {facts.bytes:,} bytes, and it has more")
        raw = _bytes_of_value(file, number, line)
        if number > after:
            value = _value(file, number, raw, model)
            if number > facts.lines:
                raise refusal(file, number, f"the manifest lists {facts.lines} lines")
            yield number, value
        if line != expected.line(raw):
            raise refusal(file, number, "it was edited, or does not follow the line before it")
    if expected.facts() != facts:
        raise refusal(file, None, _difference(expected.facts(), facts))


def _bytes_of_value(file: str, number: int, line: bytes) -> bytes:
    if not line.endswith(b"\n"):
        raise refusal(file, number, "it is cut off")
    head, middle = b'{"chain":"', b'","%b":' % VALUES[file].encode()
    start = len(head) + _HEX
    value = start + len(middle)
    if not (line.startswith(head) and line[start:value] == middle and line.endswith(b"}\n")):
        raise refusal(file, number, f"it is not a line of {file}")
    return line[value:-2]


def _value(file: str, number: int, raw: bytes, model: type[V]) -> V:
    try:
        value = model.model_validate_json(raw)
    except ValidationError as error:
        faults = validation_detail(error, "value", most=3)
        raise refusal(file, number, f"it is not a valid {VALUES[file]} ({faults})") from error
    kept = value.model_dump_json().encode()
    if kept != raw and (lost := _lost(json.loads(raw), json.loads(kept), "")):
        raise refusal(file, number, f"this qdpi would lose a part of it: {lost}", _UPGRADE)
    return value


def _lost(given: Any, kept: Any, path: str) -> str | None:
    """Return the path of the first part of `given` that `kept` lacks or changes; None if it has all of it."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return next((lost for key in given if (lost := _lost(given[key], kept.get(key), f"{path}.{key}"))), None)
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        pairs = enumerate(zip(given, kept, strict=True))
        return next((lost for n, (a, b) in pairs if (lost := _lost(a, b, f"{path}[{n}]"))), None)
    return None if given == kept else path.removeprefix(".") or "the value"


def _difference(found: FileFacts, listed: FileFacts) -> str:
    if found.lines != listed.lines:
        return f"it ends after line {found.lines}; the manifest lists {listed.lines} lines"
    return f"its hash is {found.sha256}; the manifest lists {listed.sha256}"
