"""Books in memory to measure against: the project's own, and small ones made for a test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

from qdpi.canon import own_book
from qdpi.canon.edition import Edition
from qdpi.canon.revision import edition_of
from qdpi.measures.measures import Measures
from qdpi.page_schema import Page, Reading
from qdpi.search.analysis import read_text
from qdpi.symbols import Trajectory, encode_symbol


@cache
def own_edition() -> Edition:
    """Return the package's own book."""
    return edition_of(own_book())


def measures_of(texts: Sequence[str], characters: Sequence[int]) -> Measures:
    """Return the measures of a book of these pages, each in a character's voice."""
    pages = [
        Page(
            page_id=f"S{character + 1:02}-P{number:04}",
            symbol_code=encode_symbol(character, 0),
            section=character + 1,
            page_num=number,
            title="A page",
            trajectory=Trajectory.CONTINUE,
            text=text,
            created_at=datetime(1970, 1, 1, tzinfo=UTC),
            author="",
            version="canon/1",
        )
        for number, (text, character) in enumerate(zip(texts, characters, strict=True), start=1)
    ]
    readings: dict[str, Reading] = {page.page_id: read_text(page.text) for page in pages}
    return Measures(pages, readings)
