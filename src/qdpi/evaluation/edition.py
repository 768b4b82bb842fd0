"""The edition that a writer is judged on: the book without the judge's half, as the files of a book. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from qdpi import frontmatter
from qdpi.canon.book import Book, CanonPage, page_id_of
from qdpi.evaluation.split import Split
from qdpi.symbols import CHARACTER_MAP


def edition_pages(split: Split) -> dict[str, CanonPage]:
    """Return the pages of the edition in ring order, by the ids that they have there."""
    return {page_id_of(page.section, number): page for number, page in enumerate(split.edition, start=1)}


def edition_files(book: Book, split: Split) -> dict[str, str]:
    """Return the edition as a folder of Markdown, by file name: an ordinary book, which any server can ingest.

    Voices that the author describes keep their descriptions. The others are measured anew when the edition is read,
    on its own pages: their measures were taken on the judge's half too.
    """
    files = {
        f"{number:06}.md": frontmatter.write(
            {"page_id": page_id, "character": CHARACTER_MAP[page.character], "title": page.title}, page.text + "\n"
        )
        for number, (page_id, page) in enumerate(edition_pages(split).items(), start=1)
    }
    return files | {"index.json": _json(_index(book)), "character_profiles.json": _json(_profiles(book))}


def _index(book: Book) -> Mapping[str, object]:
    symbols = {
        voice.slug: {"color": voice.color} | ({"title": voice.section_title} if voice.section_title else {})
        for voice in book.voices
    }
    return {"title": book.title, "author": book.author, "symbols": symbols}


def _profiles(book: Book) -> Mapping[str, object]:
    described = {voice.slug: {"voice": voice.profile} for voice in book.voices if voice.source == "profile"}
    return {"characters": described}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
