"""The corpus layout: a folder with `pages/*.md` and `metadata/pages.json`, or with `index.json` alone.

A row of `metadata/pages.json` is `{id, symbolId, title, section, filename, color, pageIndex}`, where `id` is
the global number; `pageIndex` restarts in each section and is not read. Without that file the pages are
the files of `pages/` by the number that begins their names, and `index.json` says how many each character
has: `{title?, author?, symbols: {slug: {title: section, color, characterDir, pages: [...]}}}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from qdpi.canon.assembly import DEFAULT_TITLE, Progress, assemble_book, counted, with_row_colors
from qdpi.canon.book import Book
from qdpi.canon.characters import character_named
from qdpi.canon.files import MAX_PAGE_BYTES, BookFolder, shown_path
from qdpi.canon.metadata import INDEX, read_about, shown_name
from qdpi.canon.unread import find_unread, note_of
from qdpi.canon.validation import WHOLE_FILE, Fault, RawPage

PAGES: Final = "metadata/pages.json"
PROFILES: Final = "metadata/character_profiles.json"
_NUMBERED: Final = re.compile(r"([0-9]{1,9})(?:-(.*))?\.md", re.ASCII | re.DOTALL)

Row = Mapping[str, object]


def is_corpus(root: Path) -> bool:
    """Return whether a folder has the corpus layout."""
    return (root / "pages").is_dir() and ((root / PAGES).exists() or (root / INDEX).exists())


def read_corpus(root: Path, progress: Progress | None = None) -> Book:
    """Read a book in the corpus layout. Raises `BookRefused` with every fault."""
    source = PAGES if (root / PAGES).exists() else INDEX
    folder = BookFolder(root)
    rows, faults = _listed_rows(folder) if source == PAGES else _indexed_rows(folder)
    about, about_faults = read_about(folder, title=DEFAULT_TITLE, profiles=PROFILES)
    raws = [_raw_page(folder, row, faults) for row in counted(rows, progress)]
    faults += _unnamed(root, rows, source)
    notes = note_of(find_unread(root, folder.read))
    return assemble_book(root, source, raws, with_row_colors(about, rows, source), (*about_faults, *faults), notes)


def _listed_rows(folder: BookFolder) -> tuple[list[Row], list[Fault]]:
    value = folder.json(PAGES)
    if isinstance(value, Fault):
        return [], [value]
    if not isinstance(value, list):
        return [], [Fault(PAGES, WHOLE_FILE, "this is not a list of pages")]
    rows: list[Row] = [row for row in value if isinstance(row, dict)]
    faults = [
        Fault(PAGES, f"row {number}", "this is not an object")
        for number, row in enumerate(value, start=1)
        if not isinstance(row, dict)
    ]
    return rows, faults


def _indexed_rows(folder: BookFolder) -> tuple[list[Row], list[Fault]]:
    """Return rows made of the files' numbers and of the number of pages that the index has for each character."""
    index = folder.json(INDEX)
    symbols = index.get("symbols") if isinstance(index, dict) else None
    if not isinstance(symbols, dict):
        return [], [index if isinstance(index, Fault) else Fault(INDEX, WHOLE_FILE, "symbols is absent")]
    owners = _owners(symbols)
    numbered = sorted((int(m[1]), name, m[2] or "") for name in _page_files(folder.root) if (m := _numbered(name)))
    faults = []
    if len(numbered) != len(owners):
        reason = f"it lists {len(owners)} pages and the folder pages/ has {len(numbered)}"
        faults.append(Fault(INDEX, WHOLE_FILE, reason))
    return [
        {"id": number, "symbolId": owner, "title": title.replace("-", " "), "filename": name}
        for (number, name, title), owner in zip(numbered, owners, strict=False)
    ], faults


def _owners(symbols: Mapping[str, object]) -> list[str]:
    """Return the character of each page along the ring: sections are characters, in their order."""
    listed = [
        (character, name, entry["pages"])
        for name, entry in symbols.items()
        if (character := character_named(name)) is not None
        and isinstance(entry, dict)
        and isinstance(entry.get("pages"), list)
    ]
    return [name for _, name, pages in sorted(listed, key=lambda item: item[0]) for _ in pages]


def _raw_page(folder: BookFolder, row: Row, faults: list[Fault]) -> RawPage:
    label = shown_name(row.get("id", "no id"))
    filename = row.get("filename")
    file, text = PAGES, None
    if isinstance(filename, str) and filename:
        file = f"pages/{filename}"
        read = _page_text(folder, filename, label)
        text = None if isinstance(read, Fault) else read
        faults.extend([read] if isinstance(read, Fault) else [])
    else:
        faults.append(Fault(PAGES, label, "the filename is not text"))
    return RawPage(
        file=shown_path(file),
        label=label,
        page_id=row.get("id"),
        character=row.get("symbolId"),
        section=row.get("section"),
        title=row.get("title"),
        text=text,
    )


def _page_text(folder: BookFolder, filename: str, label: str) -> str | Fault:
    file = f"pages/{filename}"
    if "/" in filename:
        return Fault(shown_path(file), label, "the name leads out of the book's folder pages/")
    read = folder.text(file, limit=MAX_PAGE_BYTES, label=label)
    return Fault(shown_path(file), label, read.reason) if isinstance(read, Fault) else read


def _unnamed(root: Path, rows: list[Row], source: str) -> list[Fault]:
    named = {row.get("filename") for row in rows}
    return [
        Fault(shown_path(f"pages/{name}"), WHOLE_FILE, f"{source} does not name this file")
        for name in _page_files(root)
        if name not in named
    ]


def _page_files(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "pages").iterdir() if not path.name.startswith("."))


def _numbered(name: str) -> re.Match[str] | None:
    return _NUMBERED.fullmatch(name)
