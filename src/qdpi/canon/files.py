"""Reads files inside one folder: never outside it, of limited size, always UTF-8."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Final

from qdpi.canon.validation import WHOLE_FILE, Fault

MAX_PAGE_BYTES: Final = 1_000_000
"""More than 200,000 characters of UTF-8 and their frontmatter need."""
MAX_DATA_BYTES: Final = 1_000_000_000
"""A texts.json of 71,000 pages takes about 90 MB."""
ABSENT: Final = "the file is absent"


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
            return Fault(name, label, ABSENT if not found.exists() else "this is not a file")
        with found.open("rb") as stream:
            # read(n) allocates n bytes at once, so ask for no more than the file has.
            data = stream.read(min(limit, found.stat().st_size) + 1)
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


def _misnamed(name: str) -> str | None:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name:
        return "the name leads out of the book's folder"
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in name):
        return "the name holds a control character"
    return None


def _decoded(data: bytes, name: str, label: str) -> str | Fault:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Fault(name, label, f"the file is not UTF-8: byte 0x{data[error.start]:02x} in line {line}")
