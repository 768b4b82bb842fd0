"""The last step of every layout: check the pages, give them voices, refuse the book or return it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from qdpi.canon.book import Book, book_id_of
from qdpi.canon.characters import character_named
from qdpi.canon.metadata import About, color_of
from qdpi.canon.validation import Fault, RawPage, check_pages, refuse
from qdpi.canon.voices import voices_of

DEFAULT_TITLE: Final = "The Entrance Way"
"""The two JSON layouts are those of this book, whose own data nowhere names it."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told (pages read, pages in all) after each page."""

T = TypeVar("T")


def assemble_book(path: Path, source: str, raws: Sequence[RawPage], about: About, faults: Sequence[Fault]) -> Book:
    """Return the book of these pages. Raises `BookRefused` with these faults and those of the pages."""
    pages, broken = check_pages(source, raws)
    if faults or broken:
        refuse(path, (*faults, *broken))
    voices = voices_of(pages, about)
    return Book(book_id_of(about.title), about.title, about.author, pages, voices, about.notes)


def counted(items: Sequence[T], progress: Progress | None) -> Iterator[T]:
    """Give the items, and tell the progress after each has been used."""
    for number, item in enumerate(items, start=1):
        yield item
        if progress:
            progress(number, len(items))


def with_row_colors(about: About, rows: Iterable[Mapping[str, object]]) -> About:
    """Add, for characters without a colour, the one that most of their pages carry.

    The pages' rows and index.json carry the author's colours; the characters' info.json have white almost
    throughout and are not asked. The majority decides since a part of a section may have a colour of its own.
    """
    votes: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in rows:
        character, color = character_named(row.get("symbolId")), color_of(row.get("color"))
        if character is not None and color:
            votes[character][color] += 1
    most = {character: count.most_common(1)[0][0] for character, count in votes.items()}
    return replace(about, colors={**most, **about.colors})
