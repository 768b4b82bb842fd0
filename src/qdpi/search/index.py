"""An index of documents: which hold a word, how often, and how well a document answers a query.

A score is a function of the document, the query and the words' weights alone, so that pages which come later move
none that were found before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qdpi.search.document import KINDS, Document
from qdpi.search.query import Filters, Query, spaced
from qdpi.search.text import spellings

K1: Final = 1.2
B: Final = 0.75
USUAL_LENGTH: Final = 200
"""Words of a page of usual length. BM25's average would change with every page that is added."""
TITLE_WEIGHT: Final = 2
"""A word of the title counts as so many more of the text."""
PLACES: Final = 6
"""Decimal places of a score, so that a cursor says it exactly."""

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


class Found(NamedTuple):
    """The rows of an index that answer a query, ascending, and their scores."""

    rows: Rows
    scores: Scores


class InvertedIndex:
    """Postings of stems over documents, in compressed sparse rows. Read-only once built: any thread may search it."""

    def __init__(self, documents: Sequence[Document]) -> None:
        """Index documents, in time linear in their words."""
        self.documents = tuple(documents)
        self._stems: dict[str, int] = {}
        self._spelt: list[str] = []
        self._lengths = np.zeros(len(self.documents))
        self.kinds = np.array([KINDS.index(document.kind) for document in self.documents], np.int64)
        self.orders = np.array([document.order for document in self.documents], np.int64)
        terms, rows, counts = self._count()
        order = np.argsort(terms, kind="stable")
        self._rows, self._counts = rows[order], counts[order]
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(terms, minlength=len(self._stems)))]).astype(np.int64)

    def __len__(self) -> int:
        return len(self.documents)

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """The row of each page id."""
        return {document.page_id: row for row, document in enumerate(self.documents)}

    def _count(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        terms, rows, counts = list[int](), list[int](), list[int]()
        for row, document in enumerate(self.documents):
            titled, text = spellings(document.title), spellings(document.text)
            self._spelt.append(spaced([word for word, _ in titled]) + "\n" + spaced([word for word, _ in text]))
            self._lengths[row] = len(text)
            held = Counter(stem for _, stem in text)
            for _, stem in titled:
                held[stem] += TITLE_WEIGHT
            terms += [self._stems.setdefault(each, len(self._stems)) for each in held]
            rows += [row] * len(held)
            counts += held.values()
        return np.array(terms, np.int64), np.array(rows, np.int32), np.array(counts, np.int32)

    def weigh(self, query: Query) -> dict[str, float]:
        """Return how much each stem of a query weighs: the rarer here, the more (BM25's inverse frequency)."""
        return {stem: math.log(1 + (len(self) + 0.5) / (self._frequency(stem) + 0.5)) for stem in query.stems}

    def _frequency(self, stem: str) -> int:
        term = self._stems.get(stem)
        return 0 if term is None else int(self._starts[term + 1] - self._starts[term])

    def find(self, query: Query, weights: Mapping[str, float]) -> Found:
        """Return the documents that hold every stem and phrase of a query, each with its BM25 score."""
        if query.everything:
            return Found(np.arange(len(self), dtype=np.int64), np.zeros(len(self)))
        if not query.stems <= self._stems.keys():
            return Found(np.zeros(0, np.int64), np.zeros(0))
        postings = sorted((self._frequency(stem), stem) for stem in query.stems)
        rows = self._rows_of(postings[0][1])
        for _, stem in postings[1:]:
            rows = rows[_positions(self._rows_of(stem), rows) >= 0]
        rows = self._with_phrases(rows, query.phrases)
        scores = np.zeros(len(rows))
        for stem, weight in sorted(weights.items()):
            scores += weight * self._saturated(stem, rows)
        return Found(rows.astype(np.int64), np.round(scores, PLACES))

    def _slice(self, stem: str) -> slice:
        term = self._stems[stem]
        return slice(int(self._starts[term]), int(self._starts[term + 1]))

    def _rows_of(self, stem: str) -> NDArray[Any]:
        return self._rows[self._slice(stem)]

    def _with_phrases(self, rows: NDArray[Any], phrases: Sequence[str]) -> NDArray[Any]:
        for phrase in phrases:
            rows = rows[[phrase in self._spelt[row] for row in rows]] if len(rows) else rows
        return rows

    def _saturated(self, stem: str, rows: NDArray[Any]) -> Scores:
        counts = self._counts[self._slice(stem)][_positions(self._rows_of(stem), rows)]
        norms = K1 * (1 - B + B * self._lengths[rows] / USUAL_LENGTH)
        saturated: Scores = counts * (K1 + 1) / (counts + norms)
        return saturated

    def admitted(self, rows: Rows, filters: Filters) -> NDArray[np.bool_]:
        """Tell of each row whether filters admit its document."""
        if filters == Filters():
            return np.ones(len(rows), np.bool_)
        return np.fromiter((filters.admits(self.documents[row]) for row in rows), np.bool_, len(rows))


def _positions(among: NDArray[Any], wanted: NDArray[Any]) -> NDArray[Any]:
    """Return where each of `wanted` stands in `among`, both ascending; -1 where it does not."""
    places = np.searchsorted(among, wanted)
    places[places == len(among)] = 0
    return np.where(among[places] == wanted, places, -1) if len(among) else np.full(len(wanted), -1)


def extended(indexes: Sequence[InvertedIndex], documents: Sequence[Document]) -> tuple[InvertedIndex, ...]:
    """Return indexes that hold some documents more.

    The last ones are merged while they are of a size, as log-structured merges do, so that adding pages one by one
    indexes each of n about log n times.
    """
    if not documents:
        return tuple(indexes)
    kept, last = list(indexes), list(documents)
    while kept and len(kept[-1]) <= 2 * len(last):
        last = [*kept.pop().documents, *last]
    return (*kept, InvertedIndex(last))
