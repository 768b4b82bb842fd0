"""The `texts.json` layout: one file with every page.

A list of rows `{id, symbolId, title, color, text, section, pageIndex}`, or an object with `title`, `author`
and such a list as `pages`. `id` is the global number; `pageIndex` restarts in each section and is not
read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qdpi.canon.assembly import DEFAULT_TITLE, Progress, assemble_book, counted, with_row_colors
from qdpi.canon.book import Book
from qdpi.canon.files import read_json
from qdpi.canon.metadata import About, line_of, shown_name
from qdpi.canon.unread import find_unread, note_of
from qdpi.canon.validation import WHOLE_FILE, Fault, RawPage, refuse

Row = Mapping[str, object]


def read_texts_folder(path: Path, progress: Progress | None = None) -> Book:
    """Read a book from one JSON file, and note the other files of its folder. Raises `BookRefused`."""
    return read_texts_json(path, progress, note_of(find_unread(path.parent, {path.name})))


def read_texts_json(path: Path, progress: Progress | None = None, notes: tuple[str, ...] = ()) -> Book:
    """Read a book from one JSON file. Raises `BookRefused` with every fault."""
    value = read_json(path.parent, path.name)
    if isinstance(value, Fault):
        refuse(path, [value], notes)
    faults: list[Fault] = []
    about, listed = _opened(value, path.name, faults)
    rows = _rows(listed, path.name, faults)
    raws = [_raw_page(path.name, row, faults) for row in counted(rows, progress)]
    return assemble_book(path, path.name, raws, with_row_colors(about, rows, path.name), faults, notes)


def _opened(value: object, file: str, faults: list[Fault]) -> tuple[About, object]:
    if not isinstance(value, dict):
        return About(DEFAULT_TITLE, ""), value
    title = line_of(value.get("title"), DEFAULT_TITLE, "title", file, faults)
    return About(title, line_of(value.get("author"), "", "author", file, faults)), value.get("pages")


def _rows(listed: object, file: str, faults: list[Fault]) -> list[Row]:
    if not isinstance(listed, list):
        faults.append(Fault(file, WHOLE_FILE, "there is no list of pages"))
        return []
    for number, row in enumerate(listed, start=1):
        if not isinstance(row, dict):
            faults.append(Fault(file, f"row {number}", "this is not an object"))
    return [row for row in listed if isinstance(row, dict)]


def _raw_page(file: str, row: Row, faults: list[Fault]) -> RawPage:
    label = shown_name(row.get("id", "no id"))
    text = row.get("text")
    if not isinstance(text, str):
        faults.append(Fault(file, label, "the text is absent" if text is None else "the text is not text"))
    return RawPage(
        file=file,
        label=label,
        page_id=row.get("id"),
        character=row.get("symbolId"),
        section=row.get("section"),
        title=row.get("title"),
        text=text if isinstance(text, str) else None,
    )
