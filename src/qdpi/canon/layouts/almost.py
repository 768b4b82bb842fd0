"""A folder that is nearly a book: which of its files prevents it, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from qdpi.canon.files import shown_path
from qdpi.canon.layouts.corpus import PAGES
from qdpi.canon.layouts.markdown import misplaced, page_fault
from qdpi.canon.metadata import INDEX
from qdpi.canon.unread import UnreadFile, find_unread, is_page_name
from qdpi.canon.validation import WHOLE_FILE, Fault

_NAMES: Final = frozenset({"pages", "metadata", "corpus", "texts.json", INDEX})
"""The names by which a layout is known."""
_CORPORA: Final = ("", "corpus/", "gibsey-canon/corpus/")


def almost_faults(root: Path) -> list[Fault]:
    """Return what is wrong with a folder that has none of the layouts, file by file."""
    unread = find_unread(root, ())
    return [*_names(root), *(fault for corpus in _CORPORA for fault in _corpus(root, corpus)), *_files(root, unread)]


def folder_of_pages(root: Path) -> str | None:
    """Return the one folder below, by its name, in which all the files lie that claim to be pages."""
    folders = {str(PurePosixPath(file.name).parent) for file in find_unread(root, ()) if file.is_page}
    return next(iter(folders)) if len(folders) == 1 and "." not in folders else None


def _names(root: Path) -> Iterator[Fault]:
    for path in sorted(root.iterdir()):
        if path.name.lower() in _NAMES and path.name not in _NAMES:
            yield Fault(shown_path(path.name), WHOLE_FILE, f"its name is not {path.name.lower()}, in small letters")
        elif path.suffix.lower() == ".json" and path.name not in _NAMES:
            yield Fault(shown_path(path.name), WHOLE_FILE, "its name is not texts.json; give the file itself")


def _corpus(root: Path, corpus: str) -> Iterator[Fault]:
    pages = root / corpus / "pages"
    listed = [name for name in (PAGES, INDEX) if (root / corpus / name).is_file()]
    if pages.is_dir() and not listed:
        count = sum(1 for _ in pages.iterdir())
        reason = f"the folder has {count:,} files, and neither {PAGES} nor {INDEX} is beside it"
        yield Fault(f"{corpus}pages", WHOLE_FILE, reason)
    elif listed and not pages.is_dir():
        yield Fault(f"{corpus}{listed[0]}", WHOLE_FILE, "there is no folder pages/ beside it")


def _files(root: Path, unread: list[UnreadFile]) -> Iterator[Fault]:
    """Yield the faults of files that claim to be pages, of Markdown files, and of folders that hold some."""
    below: Counter[str] = Counter()
    for file in unread:
        folder = str(PurePosixPath(file.name).parent)
        if file.is_page:
            yield misplaced(file)
        elif is_page_name(file.name) and folder != ".":
            below[folder] += 1
        elif is_page_name(file.name) and (fault := page_fault(root, file.name)):
            yield fault
    for folder, count in sorted(below.items()):
        files = "1 Markdown file lies" if count == 1 else f"{count:,} Markdown files lie"
        reason = f"{files} in this folder, and pages lie side by side in the book's folder"
        yield Fault(f"{shown_path(folder)}/", WHOLE_FILE, reason)
