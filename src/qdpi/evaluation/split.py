"""The split of a book: pages to press on, pages that a writer may learn from, and pages for the judge. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from qdpi.canon.book import Book, CanonPage
from qdpi.symbols import CHARACTER_NAMES

HELD_OUT: Final = 0.2
"""The share of each section, at its end, whose pages are pressed on and never learnt from."""
BLOCK: Final = 5
"""How many neighbouring pages go into one half: pages side by side share their matter."""
FEWEST_PAGES: Final = 5
"""With fewer pages of a voice the judge hardly knows it."""
FEWEST_JUDGED: Final = 4 * 16
"""With fewer pages in all, figures of voices are noise."""


@dataclass(frozen=True, slots=True)
class Split:
    """The three parts of a book, each in ring order.

    `loci` are the last pages of each section. `learn` (half A) is what a writer may learn from, `judge` (half B)
    what only the judge reads.
    """

    loci: tuple[CanonPage, ...]
    learn: tuple[CanonPage, ...]
    judge: tuple[CanonPage, ...]

    @property
    def edition(self) -> tuple[CanonPage, ...]:
        """The pages that the writer's edition has: all but the judge's, in ring order."""
        return tuple(sorted((*self.loci, *self.learn), key=lambda page: page.page_num))

    @property
    def voices(self) -> frozenset[int]:
        """The characters that the judge has pages of."""
        return frozenset(page.character for page in self.judge)

    def sentence(self) -> str:
        """Return the split in words, to be printed beside every figure that depends on it."""
        rest, kept = len(self.learn) + len(self.judge), len(self.edition)
        whole = kept + len(self.judge)
        return (
            f"Pressed on: the last {HELD_OUT:.0%} of each section ({_counted(len(self.loci), 'page')}). Of the other "
            f"{rest}, in blocks of at most {BLOCK}, half A ({len(self.learn)}) may be learnt from and half B "
            f"({len(self.judge)}) is the judge's. The writer has an edition without half B: {kept} of {whole} pages, "
            "renumbered, on a closed ring."
        )

    def notes(self) -> tuple[str, ...]:
        """Return a sentence on each thing that the book is too small for."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        counts = dict.fromkeys(CHARACTER_NAMES, 0)
        for page in self.judge:
            counts[page.character] += 1
        absent = [character for character, count in counts.items() if not count]
        few = [character for character, count in counts.items() if 0 < count < FEWEST_PAGES]
        if len(self.voices) < 2:
            yield "This book is too small to judge voices: half B has pages of fewer than two. Voices are left out."
        elif len(self.judge) < FEWEST_JUDGED:
            yield (
                f"This book is too small to judge voices well: the judge has {_counted(len(self.judge), 'page')} for "
                f"{len(self.voices)} voices, and should have {FEWEST_JUDGED}. Read its figures as noise."
            )
        if absent and len(self.voices) >= 2:
            yield f"Left out of the voices, because half B has no page of them: {_named(absent)}."
        if few and len(self.judge) >= FEWEST_JUDGED:
            yield f"Hardly known to the judge, by fewer than {FEWEST_PAGES} pages each: {_named(few)}."


def split_book(book: Book) -> Split:
    """Return the split of a book.

    Each section gives its last fifth, at least one page. The rest goes in blocks of five, of fewer where a section is
    short, in turn to half A and half B; so a section of three pages or more is in all three parts.
    """
    loci, learn, judge = list[CanonPage](), list[CanonPage](), list[CanonPage]()
    for section in range(1, len(CHARACTER_NAMES) + 1):
        pages = [page for page in book.pages if page.section == section]
        held = max(1, round(HELD_OUT * len(pages)))
        rest = pages[: len(pages) - held]
        loci += pages[len(pages) - held :]
        block = min(BLOCK, math.ceil(len(rest) / 2))
        for place, page in enumerate(rest):
            (judge if place // block % 2 else learn).append(page)
    return Split(tuple(loci), tuple(learn), tuple(judge))


def _named(characters: Iterable[int]) -> str:
    return ", ".join(CHARACTER_NAMES[character] for character in characters)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
