"""The words that a voice uses more, or less, than the others: for a model that is led by words. Pure.

Source of the measure: smoothed log-odds of a class against all classes alike, as in B. L. Monroe, M. P. Colaresi and
K. M. Quinn, "Fightin' Words", Political Analysis 16 (2008), without its variance.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from qdpi.page_schema import Page, Reading
from qdpi.symbols import CHARACTER_NAMES

SMOOTHING: Final = 2
MOST_WORDS: Final = 400
CLIPPED: Final = 2.0
"""The largest log-odds, either way: more breaks a small model's sentences."""
_TERM: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|[.,;:?!…—–“”\"()]|\n\n")
"""A word, a mark, or the end of a paragraph: each is a habit of a voice."""


class VoiceWords:
    """The log-odds of the words of each voice of a book, counted when they are first asked for."""

    def __init__(self, pages: Mapping[str, Page], readings: Mapping[str, Reading]) -> None:
        self._pages, self._readings = pages, readings
        self._known: tuple[Mapping[int, Mapping[str, float]], Mapping[int, Sequence[str]]] | None = None

    def __getitem__(self, character: int) -> Mapping[str, float]:
        """Return a voice's strongest words, in lower case, with their log-odds within ±2; empty without a page."""
        return self.learn()[0].get(character, {})

    def typical_pages(self, character: int) -> Sequence[str]:
        """Return the ids of a voice's pages, those first that have most of its own words for their length."""
        return self.learn()[1].get(character, ())

    @property
    def is_learnt(self) -> bool:
        """Whether `learn` returns at once."""
        return self._known is not None

    def learn(self) -> tuple[Mapping[int, Mapping[str, float]], Mapping[int, Sequence[str]]]:
        """Count the words of all voices, once: half a second for 700 pages, which no event loop has."""
        if self._known is None:
            names = names_of(reading.entities for reading in self._readings.values())
            texts = {character: dict[str, str]() for character in CHARACTER_NAMES}
            for page_id, page in self._pages.items():
                texts[page.char_hex][page_id] = page.text
            odds = log_odds({character: own.values() for character, own in texts.items()}, names)
            self._known = odds, {character: _by_own_words(texts[character], own) for character, own in odds.items()}
        return self._known


def _by_own_words(texts: Mapping[str, str], odds: Mapping[str, float]) -> list[str]:
    def share(page_id: str) -> float:
        terms = list(_terms([texts[page_id]], frozenset()))
        return sum(odds.get(term, 0.0) for term in terms) / max(1, len(terms))

    shares = {page_id: share(page_id) for page_id in texts}
    return sorted(texts, key=lambda page_id: -shares[page_id])


def names_of(entities: Iterable[Iterable[str]]) -> frozenset[str]:
    """Return the words of all names, in lower case: a voice is not the people it tells of."""
    named = {word for each in entities for name in each for word in _TERM.findall(name)}
    told = {word for name in CHARACTER_NAMES.values() for word in _TERM.findall(name)}
    return frozenset(word.lower() for word in named | told if word[:1].isupper())


def log_odds(texts: Mapping[int, Iterable[str]], names: frozenset[str]) -> Mapping[int, Mapping[str, float]]:
    """Return, for each voice with a text, the log-odds of its strongest terms against all voices alike."""
    counts = {character: Counter(_terms(own, names)) for character, own in texts.items()}
    counts = {character: own for character, own in counts.items() if own}
    vocabulary = {term for own in counts.values() for term in own}
    totals = {character: sum(own.values()) + SMOOTHING * len(vocabulary) for character, own in counts.items()}
    alike = {
        term: sum((own[term] + SMOOTHING) / totals[c] for c, own in counts.items()) / len(counts) for term in vocabulary
    }
    return {
        character: _strongest(
            {term: math.log((own[term] + SMOOTHING) / totals[character] / alike[term]) for term in vocabulary}
        )
        for character, own in counts.items()
    }


def _terms(texts: Iterable[str], names: frozenset[str]) -> Iterable[str]:
    for text in texts:
        for term in _TERM.findall(text):
            lower = term.lower().replace("’", "'")
            if lower not in names:
                yield lower


def _strongest(odds: Mapping[str, float]) -> Mapping[str, float]:
    chosen = sorted(odds, key=lambda term: (-abs(odds[term]), term))[:MOST_WORDS]
    return {term: round(max(-CLIPPED, min(CLIPPED, odds[term])), 3) for term in chosen}
