"""The inverted index: stems to documents, asked for all words (a search) or for any (retrieval), ranked by BM25.

A score depends on the document, the query and the words' weights alone, and not on an average length. So pages
added later change no score of those found before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qdpi.search.document import Document
from qdpi.search.query import Filters, Query, spaced
from qdpi.search.ranking import Documents, Hit, Rows
from qdpi.search.text import STOP_WORDS, spellings

K1: Final = 1.5
B: Final = 0.75
USUAL_LENGTH: Final = 110
"""Words, without stop words, of a page of 200. BM25's average would change with every page that is added."""
TITLE_WEIGHT: Final = 2
"""A word of the title counts as this many of the text."""
PLACES: Final = 6
"""Decimal places of a score: equal texts tie, and a cursor holds a score exactly."""
MAX_QUERY_TERMS: Final = 2_000
"""Words of a text that are searched for; a page has about 200."""

Scores = NDArray[np.float64]


class Matches(NamedTuple):
    """The rows of an index that match a query, ascending, and their scores."""

    rows: Rows
    scores: Scores


class InvertedIndex(Documents):
    """Postings of stems, in compressed sparse rows. Read-only once built, so any thread may search it."""

    def __init__(self, documents: Sequence[Document]) -> None:
        """Index documents, in time linear in their words. Raises `InvalidInput` as `Documents` does."""
        super().__init__(documents)
        self._stems: dict[str, int] = {}
        self._spelt: list[str] = []
        lengths = np.zeros(len(self))
        terms, rows, counts = self._count(lengths)
        by_term = np.argsort(terms, kind="stable")
        self._rows, counts = rows[by_term], counts[by_term]
        ends = np.cumsum(np.bincount(terms, minlength=len(self._stems)))
        self._starts = np.concatenate([[0], ends]).astype(np.int64)
        norms = K1 * (1 - B + B * lengths / USUAL_LENGTH)
        self._saturated: Scores = counts * (K1 + 1) / (counts + norms[self._rows])

    def _count(self, lengths: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return the postings' terms, rows and counts, by row; fill in `lengths`."""
        terms, rows, counts = list[int](), list[int](), list[int]()
        for row, document in enumerate(self.documents):
            title, text = spellings(document.title), spellings(document.text)
            self._spelt.append(spaced([word for word, _ in title]) + "\n" + spaced([word for word, _ in text]))
            lengths[row] = sum(word not in STOP_WORDS for word, _ in text)
            held = Counter(stem for _, stem in text)
            for _, stem in title:
                held[stem] += TITLE_WEIGHT
            terms += [self._stems.setdefault(stem, len(self._stems)) for stem in held]
            rows += [row] * len(held)
            counts += held.values()
        return np.array(terms, np.int64), np.array(rows, np.int32), np.array(counts, np.int32)

    def search(self, query: str, k: int, *, sections: Collection[int] | None = None) -> list[Hit]:
        """Return the documents that hold any word of the query but stop words. See `Retriever.search`."""
        asked = [stem for word, stem in spellings(query) if word not in STOP_WORDS and stem in self._stems]
        scores = np.zeros(len(self))
        for stem, times in Counter(asked[:MAX_QUERY_TERMS]).items():
            postings = self._postings(stem)
            scores[self._rows[postings]] += times * self._weight(stem) * self._saturated[postings]
        return self.best(np.round(scores, PLACES), k, "lexical", sections)

    def find(self, query: Query, weights: Mapping[str, float]) -> Matches:
        """Return the documents that hold every stem and phrase of a query, each with its score."""
        if query.everything:
            return Matches(np.arange(len(self), dtype=np.int64), np.zeros(len(self)))
        if not query.stems <= self._stems.keys():
            return Matches(np.zeros(0, np.int64), np.zeros(0))
        rarest, *others = sorted(query.stems, key=lambda stem: (self._frequency(stem), stem))
        rows = self._rows_of(rarest)
        for stem in others:
            rows = rows[_positions(self._rows_of(stem), rows) >= 0]
        rows = self._with_phrases(rows, query.phrases)
        scores = np.zeros(len(rows))
        for stem, weight in sorted(weights.items()):
            postings = self._postings(stem)
            scores += weight * self._saturated[postings][_positions(self._rows[postings], rows)]
        return Matches(rows.astype(np.int64), np.round(scores, PLACES))

    def weigh(self, query: Query) -> dict[str, float]:
        """Return the weight of each stem of a query: the rarer here, the higher (BM25's inverse frequency)."""
        return {stem: self._weight(stem) for stem in query.stems}

    def _weight(self, stem: str) -> float:
        return math.log(1 + (len(self) + 0.5) / (self._frequency(stem) + 0.5))

    def admitted(self, rows: Rows, filters: Filters) -> NDArray[np.bool_]:
        """Return for each row whether filters admit its document."""
        if filters == Filters():
            return np.ones(len(rows), np.bool_)
        return np.fromiter((filters.admits(self.documents[row]) for row in rows), np.bool_, len(rows))

    def _postings(self, stem: str) -> slice:
        term = self._stems[stem]
        return slice(int(self._starts[term]), int(self._starts[term + 1]))

    def _frequency(self, stem: str) -> int:
        return len(self._rows_of(stem)) if stem in self._stems else 0

    def _rows_of(self, stem: str) -> NDArray[Any]:
        return self._rows[self._postings(stem)]

    def _with_phrases(self, rows: NDArray[Any], phrases: Sequence[str]) -> NDArray[Any]:
        for phrase in phrases:
            rows = rows[[phrase in self._spelt[row] for row in rows]] if len(rows) else rows
        return rows


def _positions(among: NDArray[Any], wanted: NDArray[Any]) -> NDArray[Any]:
    """Return the position of each of `wanted` in `among`, both ascending; -1 where it is absent."""
    places = np.searchsorted(among, wanted)
    places[places == len(among)] = 0
    return np.where(among[places] == wanted, places, -1) if len(among) else np.full(len(wanted), -1)


def extended(indexes: Sequence[InvertedIndex], documents: Sequence[Document]) -> tuple[InvertedIndex, ...]:
    """Return indexes that also hold `documents`.

    The last indexes are merged while they are of a size, as log-structured merges do, so that adding n pages one
    by one indexes each of them about log n times.
    """
    if not documents:
        return tuple(indexes)
    kept, last = list(indexes), list(documents)
    while kept and len(kept[-1]) <= 2 * len(last):
        last = [*kept.pop().documents, *last]
    return (*kept, InvertedIndex(last))
