"""What a reader is told of a section before reading it: its voice in a sentence, and its own title. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from qdpi.page_schema import Page, Voice
from qdpi.search.text import sentences
from qdpi.symbols import CHARACTER_NAMES

MOST_CHARACTERS: Final = 220
"""The most characters of a voice's sentence: two lines beside a pointer."""
_FEWEST_WORDS: Final = 2
"""The fewest words of a title that is the beginning of several: one, such as *Chapter*, names nothing."""
_COUNTED: Final = r"(?:chapter|part|book|section|page|letter|scene|act|no|nr)"
_COUNTER: Final = re.compile(rf"(?:^|[\s,.:;(\[–—-]+)(?:{_COUNTED}\b\.?)?[\s,.:;(\[–—-]*$", re.IGNORECASE)
"""What is left at the end of a common beginning, where titles go on with *Chapter 3* or *(2)*."""
_ONLY_COUNTS: Final = re.compile(rf"(?:{_COUNTED}\b)?[\W\d]*", re.IGNORECASE)
"""A title that says only which part it is."""


class SectionTitle(NamedTuple):
    """A section's own title, and how many of its pages bear it or begin with it; 0 where the book itself names it."""

    title: str
    pages: int = 0


def voice_sentence(voice: Voice) -> str:
    """Return a voice in a sentence: the first of its description, or of what was measured on the section's pages."""
    text = voice.profile
    if voice.source == "section":
        text = text.partition(": ")[2] or text  # without "Measured on the section's 36 pages"
    first = next(iter(sentences(text)), "")
    return _bounded(first[:1].upper() + first[1:])


def _bounded(text: str) -> str:
    """Return a text cut at the last whole word that fits."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[: MOST_CHARACTERS - 1].rsplit(' ', 1)[0].rstrip(' ,;:')}…"


def section_titles(pages: Iterable[Page], voices: Iterable[Voice] = ()) -> Mapping[int, SectionTitle]:
    """Return the titles of sections, by section: the book's, else what the titles of the pages have in common.

    The character's own name, which pages without a title bear, is none.
    """
    titles: dict[int, list[str]] = {}
    for page in pages:
        titles.setdefault(page.section, []).append(page.title)
    found = {section: common_title(each) for section, each in titles.items()}
    common = {section: title for section, title in found.items() if title and not _is_name(title.title, section)}
    return common | {v.character + 1: SectionTitle(v.section_title) for v in voices if v.section_title}


def _is_name(title: str, section: int) -> bool:
    return title.casefold() == CHARACTER_NAMES[section - 1].casefold()


def common_title(titles: Iterable[str]) -> SectionTitle | None:
    """Return the title, or the beginning of titles, that over half of a section's pages have in common; None for none.

    `titles` are those of the pages. Of beginnings that as many pages have, the longest is taken, without the *Chapter*
    or *Part* that it may end in. Takes n log n: titles with a beginning in common lie side by side when sorted, and
    where they are over half of all, the middle one is among them.
    """
    ordered = sorted(" ".join(title.split()) for title in titles)
    words = ordered[len(ordered) // 2].split(" ")
    candidates = [
        SectionTitle(title, pages)
        for number in range(1, len(words) + 1)
        for beginning in (" ".join(words[:number]),)
        for title in (_own_title(beginning, whole=number == len(words)),)
        for pages in (_bearers(ordered, beginning),)
        if title and 2 * pages > len(ordered)
    ]
    return max(candidates, key=lambda each: (each.pages, len(each.title)), default=None)


def _bearers(ordered: Sequence[str], beginning: str) -> int:
    """Return how many of some sorted titles are this one, or go on after it with another word."""
    return bisect_left(ordered, f"{beginning}!") - bisect_left(ordered, beginning)  # "!" sorts after a space


def _own_title(beginning: str, *, whole: bool) -> str:
    """Return what a beginning of titles says by itself, "" where that is too little to be a title."""
    if whole:
        return "" if _ONLY_COUNTS.fullmatch(beginning) else beginning
    title = _COUNTER.sub("", beginning)
    return title if len(title.split(" ")) >= _FEWEST_WORDS else ""
