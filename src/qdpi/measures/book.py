"""What a book's own pages teach: its words, its voices, and how alike its neighbours are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qdpi.measures.shape import mean_paragraph, mean_sentence
from qdpi.measures.stems import StemVectors
from qdpi.measures.voices import VoiceModel
from qdpi.page_schema import Page, Reading
from qdpi.search.ngrams import CanonGrams
from qdpi.search.text import COMMON_WORDS, FUNCTION_WORDS, terms_of, words

EVERYWHERE: Final = 0.3
"""A stem on a larger share of the pages of a book that is not English says nothing of what a text is about."""
FEWEST_TELLING: Final = 8
"""So many pages of a book that is not English are needed to say which stems are everywhere."""
ENGLISH: Final = 0.2
"""The least share of English function words in English prose; a novel's pages have from a third to two thirds."""


@dataclass(frozen=True, slots=True, eq=False)
class BookStatistics:
    """The statistics of a book. Pages are numbered in the ring's order; mappings are by character, or as named.

    `neighbours` are the likenesses of each page of a voice to its page before, ascending; `paragraphs` and `sentences`
    the medians, over a voice's pages, of their mean lengths in words.
    """

    numbers: Mapping[str, int]
    characters: Sequence[int]
    grams: CanonGrams
    stems: StemVectors
    voices: VoiceModel
    neighbours: NDArray[np.float64]
    paragraphs: Mapping[int, float]
    sentences: Mapping[int, float]
    is_english: bool

    @classmethod
    def of(cls, pages: Sequence[Page], readings: Mapping[str, Reading]) -> BookStatistics:
        """Learn from every page of a book, in the ring's order, with its reading."""
        said = [words(page.text) for page in pages]
        stems = StemVectors.of(said)
        characters = [page.char_hex for page in pages]
        own = defaultdict[int, list[int]](list)
        for number, character in enumerate(characters):
            own[character].append(number)
        alike = [float(stems.row(a) @ stems.row(b)) for numbers in own.values() for a, b in pairwise(numbers)]
        return cls(
            numbers={page.page_id: number for number, page in enumerate(pages)},
            characters=characters,
            grams=CanonGrams.build([page.text for page in pages]),
            stems=stems,
            voices=VoiceModel.of([(page.text, page.char_hex) for page in pages], names_in(readings.values())),
            neighbours=np.sort(np.round(np.array(alike), 9)),
            paragraphs={c: median(mean_paragraph(pages[n].text) or 0.0 for n in own[c]) for c in own},
            sentences={c: median(mean_sentence(pages[n].text) or 0.0 for n in own[c]) for c in own},
            is_english=bool(said) and median(english_share(page) for page in said) >= ENGLISH,
        )

    def pages_of(self, character: int) -> list[int]:
        """Return the numbers of a voice's pages."""
        return [number for number, each in enumerate(self.characters) if each == character]

    def telling(self, text: str) -> tuple[str, ...] | None:
        """Return the stems of a text that say what it is about, each once; None where a short book cannot tell."""
        stems = dict.fromkeys(terms_of(words(text)))
        if self.is_english:
            return tuple(stems)
        if len(self.numbers) < FEWEST_TELLING:
            return None
        return tuple(stem for stem in stems if self.stems.share_with(stem) <= EVERYWHERE)


def names_in(readings: Iterable[Reading]) -> frozenset[str]:
    """Return every lower-case word that is part of a name on some page, without its possessive ending."""
    named = {word.removesuffix("'s") for reading in readings for name in reading.entities for word in words(name)}
    return frozenset(named - FUNCTION_WORDS - COMMON_WORDS)


def english_share(page: Sequence[str]) -> float:
    """Return the share of English function words among lower-case words."""
    return sum(word in FUNCTION_WORDS for word in page) / len(page) if page else 0.0
