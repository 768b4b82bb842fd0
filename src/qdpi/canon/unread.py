"""The files of a book's folder that were not read: each has a name and, where it holds a page, that page's number."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from qdpi.canon.files import shown_path
from qdpi.page_schema import CANON_PAGE_ID

PAGE_ENDINGS: Final = (".md", ".markdown")
"""The ends of the names of Markdown pages, in lower case."""
MOST: Final = 20_000
"""The most files of a folder that are looked at."""
_HEAD: Final = 64 << 10
_STORES: Final = frozenset({".git", ".hg", ".svn", ".jj"})
"""Folders of version control, which are named as a whole."""
_PAGE_ID: Final = re.compile(r"""^[^\w\n]*page_id["']?\s*[:=]\s*["']?([^\s"',]+)""", re.MULTILINE | re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class UnreadFile(NamedTuple):
    """A file that was not read, by its name in the folder.

    `claims` is the `page_id` that the file claims, None where it claims none; `number` is the number of that page.
    """

    name: str
    claims: str | None = None
    number: int | None = None

    @property
    def is_page(self) -> bool:
        """Whether the file claims to be a page of the canon."""
        return self.number is not None


def find_unread(root: Path, read: Collection[str]) -> list[UnreadFile]:
    """Return the files of a folder, those in its folders included, that are not among the names that were read.

    Symbolic links to folders are not followed: these, and folders of version control, are one entry each.
    """
    found = sorted(name for name in islice(_walk(root), MOST) if name not in read)
    return [_unread(root, name) for name in found]


def note_of(unread: Iterable[UnreadFile]) -> tuple[str, ...]:
    """Return a note that names every one of these files; none without a file."""
    names = [shown_path(file.name) for file in unread]
    if not names:
        return ()
    count = "1 file was not read" if len(names) == 1 else f"{len(names):,} files were not read"
    more = f" (and more: only the first {MOST:,} were looked at)" if len(names) == MOST else ""
    whole = " (a name that ends in / is a folder that was not looked into)" if any(n[-1] == "/" for n in names) else ""
    return (f"{count}: {', '.join(names)}{more}{whole}",)


def is_page_name(name: str) -> bool:
    """Tell whether a file of this name is read as a page: not hidden, and with the ending of Markdown in any case."""
    path = PurePosixPath(name)
    return path.suffix.lower() in PAGE_ENDINGS and not path.name.startswith(".")


def claimed_id(path: Path) -> str | None:
    """Return the `page_id` that the beginning of a file has in any notation and encoding; None where it has none."""
    found = _PAGE_ID.search(_beginning(path))
    return found[1] if found else None


def _unread(root: Path, name: str) -> UnreadFile:
    claimed = None if name.endswith("/") else claimed_id(root / name)
    parts = CANON_PAGE_ID.fullmatch(claimed or "")
    digits = parts[2] if parts else claimed or ""
    return UnreadFile(name, claimed, int(digits) if _NUMBER.fullmatch(digits) else None)


def _walk(root: Path) -> Iterator[str]:
    """Yield the names of all files below a folder; a folder that is not looked into is one name, which ends in `/`."""
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError:
            yield folder
            continue
        for entry in entries:
            name = f"{folder}{entry.name}"
            if not Path(entry).is_dir():  # unlike the entry's own, it does not raise for a link in a circle
                yield name
            elif entry.name in _STORES or entry.is_symlink():
                yield f"{name}/"
            else:
                folders.append(f"{name}/")


def _beginning(path: Path) -> str:
    """Return the beginning of a file as text with `\n` line ends; empty for other than a file that can be read."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as stream:
            data = stream.read(_HEAD)
    except OSError:
        return ""  # the file is named all the same
    # As far as a page_id goes, every encoding is ASCII, with NULs between in UTF-16 and UTF-32.
    return data.decode("latin-1").replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
