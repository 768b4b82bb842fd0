"""Books made for tests: sixteen sections of two pages, written out in each of the three layouts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qdpi.symbols import CHARACTER_MAP

PAGES_EACH = 2

Row = dict[str, Any]


def rows() -> list[Row]:
    """The rows of metadata/pages.json, with each page's text beside them."""
    return [
        {
            "id": f"{number:03}",
            "symbolId": CHARACTER_MAP[(number - 1) // PAGES_EACH],
            "title": f"title of {number}",
            "section": (number - 1) // PAGES_EACH + 1,
            "filename": f"{number:03}-page.md",
            "color": "#0A0B0C",
            "pageIndex": 1,
            "text": f"Page {number} was quiet. It had one door, and the door was open.",
        }
        for number in range(1, 16 * PAGES_EACH + 1)
    ]


@dataclass
class Corpus:
    """A corpus layout on disk; tests change files in it or give changed rows."""

    root: Path

    def write(self, made: list[Row]) -> None:
        for row in made:
            self.page(row["filename"]).write_text(row["text"], encoding="utf-8")
        self.list_rows(made)

    def list_rows(self, made: list[Row]) -> None:
        listed = [{key: value for key, value in row.items() if key != "text"} for row in made]
        self.put("metadata/pages.json", json.dumps(listed))

    def page(self, name: str) -> Path:
        return self.root / "pages" / name

    def put(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def corpus(root: Path) -> Corpus:
    """Write a whole book in the corpus layout."""
    made = Corpus(root)
    (root / "pages").mkdir(parents=True)
    made.write(rows())
    return made


def markdown(root: Path) -> Path:
    """Write a whole book as Markdown files."""
    root.mkdir(parents=True, exist_ok=True)
    for row in rows():
        (root / row["filename"]).write_text(markdown_page(row), encoding="utf-8")
    return root


def page_id(row: Row) -> str:
    return f"S{row['section']:02}-P{int(row['id']):04}"


def markdown_page(row: Row) -> str:
    return f"---\npage_id: {page_id(row)}\ncharacter: {row['symbolId']}\ntitle: {row['title']}\n---\n\n{row['text']}\n"


def texts_json(path: Path, made: list[Row] | None = None) -> Path:
    """Write a whole book as one texts.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows() if made is None else made), encoding="utf-8")
    return path
