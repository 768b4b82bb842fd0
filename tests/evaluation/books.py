"""Books for tests of the evaluation: sections of any length, each in a wording of its own."""

from __future__ import annotations

from qdpi.canon.book import Book, CanonPage, page_id_of
from qdpi.page_schema import Voice
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES

WORDS = (
    "bell",
    "coat",
    "drum",
    "eel",
    "fern",
    "gate",
    "hill",
    "ink",
    "jar",
    "kite",
    "lamp",
    "moth",
    "nest",
    "oak",
    "pin",
    "reed",
)
"""A word for each voice, which it says all the time."""


def book_of(*lengths: int) -> Book:
    """Return a book whose section number n has so many pages; sections that are not given have as many as the last."""
    sizes = [*lengths, *([lengths[-1]] * (16 - len(lengths)))]
    pages = list[CanonPage]()
    for character, size in enumerate(sizes):
        pages += [page(character, len(pages) + place, place) for place in range(1, size + 1)]
    return Book("a-book", "A Book", "Nobody", tuple(pages), voices())


def page(character: int, number: int, place: int) -> CanonPage:
    """Return a page of a voice, with a name and a matter that its neighbours share."""
    word, matter = WORDS[character], ("harvest", "winter", "voyage")[place // 3 % 3]
    text = (
        f"Then the {word} was there, and {word} after {word}; it was number {place}.\n\n"
        f"We met Old Tom near the {matter}. The {matter} came with a {word} that nobody kept. "
        f"A {word} is a {word}, the {word} said, and so it went on about the {matter}."
    )
    return CanonPage(page_id_of(character + 1, number), character + 1, number, f"Page {place}", text, character)


def voices() -> tuple[Voice, ...]:
    """Return sixteen voices that their author describes."""
    return tuple(
        Voice(c, slug, CHARACTER_NAMES[c], f"Says {WORDS[c]}.", f"#0000{c:02x}") for c, slug in CHARACTER_MAP.items()
    )
