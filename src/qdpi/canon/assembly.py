"""The last step of every layout: check the pages, add the voices, and return the book or refuse it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from qdpi.canon.book import Book, book_id_of
from qdpi.canon.characters import character_named
from qdpi.canon.metadata import About, color_of, shown_name
from qdpi.canon.validation import Fault, RawPage, check_pages, refuse
from qdpi.canon.voices import voices_of

DEFAULT_TITLE: Final = "The Entrance Way"
"""The title of a book in the two JSON layouts: they are this book's, whose data does not name it."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (pages read, pages in all) after each page."""

T = TypeVar("T")


def assemble_book(
    path: Path,
    source: str,
    raws: Sequence[RawPage],
    about: About,
    faults: Sequence[Fault],
    notes: tuple[str, ...] = (),
) -> Book:
    """Return the book of these pages. Raises `BookRefused` with these faults and those of the pages.

    Where no page could be read, there is no ring to find faults with.
    """
    if faults and not raws:
        refuse(path, faults, notes)
    pages, broken = check_pages(source, raws)
    if faults or broken:
        refuse(path, (*faults, *broken), notes)
    voices = voices_of(pages, about)
    return Book(book_id_of(about.title), about.title, about.author, pages, voices, (*about.notes, *notes))


def counted(items: Sequence[T], progress: Progress | None) -> Iterator[T]:
    """Yield the items, and report progress after each."""
    for number, item in enumerate(items, start=1):
        yield item
        if progress:
            progress(number, len(items))


def with_row_colors(about: About, rows: Sequence[Mapping[str, object]], file: str) -> About:
    """Add, for characters without a colour, the one that most of their pages carry; and a note on what is no colour.

    The rows of the pages and index.json have the author's colours. The info.json of the characters are not read,
    since nearly all of them say white. The majority decides, since parts of a section may differ in colour.
    """
    votes: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in rows:
        character, color = character_named(row.get("symbolId")), color_of(row.get("color"))
        if character is not None and color:
            votes[character][color] += 1
    most = {character: count.most_common(1)[0][0] for character, count in votes.items()}
    return replace(about, colors={**most, **about.colors}, notes=(*about.notes, *_colors_left_aside(rows, file)))


def _colors_left_aside(rows: Iterable[Mapping[str, object]], file: str) -> tuple[str, ...]:
    """Return a note on the pages whose colour is none, or nothing."""
    given = [color for row in rows if (color := row.get("color")) is not None and color != ""]
    wrong = [color for color in given if color_of(color) is None]
    if not wrong:
        return ()
    pages = "1 page" if len(wrong) == 1 else f"{len(wrong)} pages"
    return (f"{file}: the color of {pages} is not like #34ff78 and was left aside, such as {shown_name(wrong[0])}",)
