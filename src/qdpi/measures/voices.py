"""How like a text is to each voice of a book, by its words and marks, with names masked. Learnt by counting.

A multinomial Bayes classifier over words, pairs of words and punctuation (F. Mosteller, D. Wallace, "Inference in an
authorship problem", JASA 58, 1963), every voice alike before the first word. Names are left out: they tell the section,
not the voice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEWEST_PAGES: Final = 3
"""So many pages of a voice are needed to know it."""
SMOOTHING: Final = 0.05
_TOKEN: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[.,;:!?…—–()“”\"«»„]|\n+")
_NAME: Final = "@"
_PARAGRAPH: Final = "¶"

Floats = NDArray[np.float64]


def tokens_of(text: str, names: Collection[str]) -> Counter[str]:
    """Return how often each word, mark and pair of them occurs in a text, with `names` (lower-case) masked."""
    found = (token.lower().replace("’", "'") for token in _TOKEN.findall(text.strip()))
    tokens = [
        _PARAGRAPH if token.isspace() else _NAME if token.removesuffix("'s") in names else token for token in found
    ]
    counts = Counter(tokens)
    counts.update(f"{before} {after}" for before, after in pairwise(tokens))
    del counts[_NAME]
    return counts


@dataclass(frozen=True, slots=True, eq=False)
class VoiceModel:
    """The counts of tokens in the pages of each voice; shape [voices, tokens]. `pages` is by character."""

    characters: tuple[int, ...]
    pages: dict[int, int]
    names: frozenset[str]
    columns_of: dict[str, int]
    counts: Floats

    @classmethod
    def of(cls, pages: Sequence[tuple[str, int]], names: frozenset[str]) -> VoiceModel:
        """Learn the voices from the text and the character of each page; `names` are lower-case words."""
        number = Counter(character for _, character in pages)
        characters = tuple(sorted(c for c, count in number.items() if count >= FEWEST_PAGES))
        spoken = {character: Counter[str]() for character in characters}
        for text, character in pages:
            if character in spoken:
                spoken[character].update(tokens_of(text, names))
        everywhere = Counter[str]()
        for counts in spoken.values():
            everywhere.update(counts)
        columns_of = {token: column for column, token in enumerate(t for t, n in everywhere.items() if n > 1)}
        table = np.zeros((len(characters), len(columns_of)))
        for row, character in enumerate(characters):
            for token, count in spoken[character].items():
                if token in columns_of:
                    table[row, columns_of[token]] = count
        return cls(characters, dict(number), names, columns_of, table)

    def likely(self, text: str, held_out: int | None = None) -> Floats | None:
        """Return how likely each voice is to say a text, as log odds a token; None without a known token.

        With `held_out` the text is itself a page of that character, and its tokens are taken out of the counts.
        """
        said = {self.columns_of[t]: n for t, n in tokens_of(text, self.names).items() if t in self.columns_of}
        if not said:
            return None
        columns, times = np.fromiter(said, np.int64, len(said)), np.fromiter(said.values(), np.float64, len(said))
        spoken, totals = self.counts[:, columns], self.counts.sum(axis=1)
        if held_out is not None and held_out in self.characters:
            row = self.characters.index(held_out)
            spoken[row] -= times
            totals[row] -= times.sum()
        shares = np.log((spoken + SMOOTHING) / (totals + SMOOTHING * len(self.columns_of))[:, None])
        likely: Floats = shares @ times / times.sum()
        return likely
