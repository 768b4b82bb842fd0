"""Pages as vectors of their content stems, weighed by rarity in the book: how alike two texts are in what they tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qdpi.search.text import terms_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_UNPARTED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Letters of scripts that part no words by spaces: Thai, Lao, Burmese, Khmer, kana, Han."""
_MOSTLY: Final = 0.2


def has_countable_words(text: str) -> bool:
    """Return whether a text parts its words by spaces, so that they can be counted."""
    letters = sum(character.isalpha() for character in text)
    return letters == 0 or len(_UNPARTED.findall(text)) <= _MOSTLY * letters


@dataclass(frozen=True, slots=True, eq=False)
class StemVectors:
    """The vectors of a book's pages, each of length 1, in compressed sparse rows; `rarity` is by the stem's column."""

    columns_of: dict[str, int]
    pages_with: Integers
    rarity: Floats
    starts: Integers
    columns: Integers
    weights: Floats

    @classmethod
    def of(cls, pages: Sequence[Sequence[str]]) -> StemVectors:
        """Return the vectors of pages, given as their lower-case words."""
        columns_of: dict[str, int] = {}
        rows = [Counter(terms_of(page)) for page in pages]
        columns = np.array([columns_of.setdefault(stem, len(columns_of)) for row in rows for stem in row], np.int64)
        counts = np.array([count for row in rows for count in row.values()], np.float64)
        starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        pages_with = np.bincount(columns, minlength=len(columns_of))
        rarity = np.log((1 + len(rows)) / (1 + pages_with)) + 1
        weights = (1 + np.log(counts)) * rarity[columns]
        lengths = np.array([np.linalg.norm(weights[a:b]) or 1.0 for a, b in pairwise(starts)])
        return cls(columns_of, pages_with, rarity, starts, columns, weights / np.repeat(lengths, np.diff(starts)))

    def vector(self, page: Sequence[str]) -> Floats:
        """Return a text, given as its lower-case words, as a vector of length 1, or of 0 without a stem of the book."""
        vector = np.zeros(len(self.columns_of))
        for stem, count in Counter(terms_of(page)).items():
            column = self.columns_of.get(stem)
            if column is not None:
                vector[column] = (1 + np.log(count)) * self.rarity[column]
        length = np.linalg.norm(vector)
        return vector / length if length else vector

    def row(self, page: int) -> Floats:
        """Return the vector of a page of the book, by its number in the order given."""
        vector = np.zeros(len(self.columns_of))
        inside = slice(self.starts[page], self.starts[page + 1])
        vector[self.columns[inside]] = self.weights[inside]
        return vector

    def likenesses(self, vector: Floats) -> Floats:
        """Return the cosine of a vector with each page of the book; shape [pages]."""
        products = np.concatenate([[0.0], np.cumsum(self.weights * vector[self.columns])])
        likenesses: Floats = np.round(products[self.starts[1:]] - products[self.starts[:-1]], 9)
        return likenesses

    def share_with(self, stem: str) -> float:
        """Return the share of the book's pages that have a stem."""
        column = self.columns_of.get(stem)
        return float(self.pages_with[column]) / (len(self.starts) - 1) if column is not None else 0.0
