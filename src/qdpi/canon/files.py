"""Reads files inside one folder: never outside it, of limited size, always UTF-8."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from qdpi.canon.validation import WHOLE_FILE, Fault

MAX_PAGE_BYTES: Final = 1_000_000
"""More than 200,000 characters of UTF-8 and their frontmatter need."""
MAX_DATA_BYTES: Final = 1_000_000_000
"""A texts.json of 71,000 pages takes about 90 MB."""
ABSENT: Final = "the file is absent"
_LOOP: Final = "the symbolic link leads back to itself"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class BookFolder:
    """The folder of a book; `read` has the names of the files that were read in it."""

    root: Path
    read: set[str] = field(default_factory=set)

    def text(self, name: str, *, limit: int, label: str = WHOLE_FILE) -> str | Fault:
        """Return the text of a file, or the fault that prevents it, as `read_text` does."""
        self.read.add(name)
        return read_text(self.root, name, limit=limit, label=label)

    def json(self, name: str) -> object | Fault:
        """Return the value of a JSON file, or the fault that prevents it, as `read_json` does."""
        self.read.add(name)
        return read_json(self.root, name)


def shown_path(name: str) -> str:
    """Return a file's name to show: whole and on one line, with what cannot be printed escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name) or "''"


def read_text(root: Path, name: str, *, limit: int, label: str = WHOLE_FILE) -> str | Fault:
    """Return the text of a file inside `root`, or the fault that prevents it.

    `name` is relative with `/`; a name or a symbolic link that leaves the folder is a fault. `limit` is in
    bytes. A byte order mark at the start is dropped.
    """
    if reason := _misnamed(name):
        return Fault(name, label, reason)
    try:
        found = (root / name).resolve()
        if not found.is_relative_to(root.resolve()):
            return Fault(name, label, "the file is a symbolic link out of the book's folder")
        if not found.is_file():
            return Fault(name, label, _no_file(root / name, found))
        with found.open("rb") as stream:
            # read(n) allocates n bytes at once, so ask for no more than the file has.
            data = stream.read(min(limit, found.stat().st_size) + 1)
    except RuntimeError:  # what `resolve` raises before Python 3.13
        return Fault(name, label, _LOOP)
    except OSError as error:
        return Fault(name, label, f"the file cannot be read: {error.strerror or error}")
    if len(data) > limit:
        return Fault(name, label, f"the file is longer than {limit:,} bytes")
    return _decoded(data, name, label)


def read_json(root: Path, name: str) -> object | Fault:
    """Return the value of a JSON file inside `root`, or the fault that prevents it."""
    text = read_text(root, name, limit=MAX_DATA_BYTES)
    if isinstance(text, Fault):
        return text
    try:
        value: object = json.loads(text)
    except RecursionError:
        return Fault(name, WHOLE_FILE, "the JSON is nested too deeply")
    except json.JSONDecodeError as error:
        return Fault(name, WHOLE_FILE, f"this is not JSON: {error.msg} in line {error.lineno}")
    except ValueError as error:
        return Fault(name, WHOLE_FILE, f"this is not JSON: {error}")
    return value


def _no_file(given: Path, found: Path) -> str:
    if found.exists():
        return "this is not a file"
    return "the symbolic link leads to no file" if given.is_symlink() else ABSENT


def _misnamed(name: str) -> str | None:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in name.replace("\\", "/").split("/"):
        return "the name leads out of the book's folder"
    if "\\" in name:
        return "the name holds a backslash"
    if any(ord(character) < 32 for character in name):
        return "the name holds a control character"
    if any(0xD800 <= ord(character) <= 0xDFFF for character in name):
        return "the name is not UTF-8"
    return None


def _decoded(data: bytes, name: str, label: str) -> str | Fault:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(_LINE_END.findall(data, 0, error.start)) + 1
        wide = "; it begins as UTF-16 does" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ""
        return Fault(name, label, f"the file is not UTF-8: byte 0x{data[error.start]:02x} in line {line}{wide}")
    if _is_wide(data):
        return Fault(name, label, "the file is not UTF-8: every second byte is 0x00, as in UTF-16")
    return text


def _is_wide(data: bytes) -> bool:
    """Tell whether bytes look like UTF-16 or UTF-32: much of their beginning is NUL."""
    beginning = data[:64]
    return len(beginning) >= 8 and beginning.count(0) * 3 >= len(beginning)
