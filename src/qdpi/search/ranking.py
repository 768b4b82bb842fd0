"""Hits and their order: by score, then the canon before a journey, then in reading order; the canon keeps its share.

Rankings by words and by vectors are fused into one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from qdpi.errors import InvalidInput
from qdpi.search.document import KINDS, Document

Rows = NDArray[np.int64]
Scores = NDArray[np.floating]
RRF_K = 60
DEPTH = 50
"""Hits of each ranking that are fused, where `k` is smaller."""


class SortKey(NamedTuple):
    """The sort key of a hit: higher scores first, then the canon before a journey, then reading order."""

    negated_score: float
    kind: int
    order: int


class Hit(NamedTuple):
    """A document that a search found; `via` names the rankings that found it: lexical, semantic or notes."""

    document: Document
    score: float
    via: tuple[str, ...] = ()

    @property
    def page_id(self) -> str:
        """The page that was found."""
        return self.document.page_id

    @property
    def noted(self) -> bool:
        """Whether only the reader's label or notes on the page match."""
        return "notes" in self.via

    @property
    def sort_key(self) -> SortKey:
        """The position of the hit in the order of hits."""
        return SortKey(-self.score, KINDS.index(self.document.kind), self.document.order)


class Retriever(Protocol):
    """Finds documents for a text."""

    def search(self, query: str, k: int, *, sections: Collection[int] | None = None) -> list[Hit]:
        """Return at most `k` hits, the best first, from `sections` (None: from all).

        The order is total: the sort key, then the page id. At least k // 2 of the hits are of the canon as
        long as so many match.
        """
        ...


def total_order(hit: Hit) -> tuple[SortKey, str]:
    """Return the key that sorts hits and leaves no ties: the sort key, then the page id."""
    return hit.sort_key, hit.page_id


def reserve_canon(ranked: Sequence[Hit], k: int) -> list[Hit]:
    """Return the first `k` of `ranked`, among them the best k // 2 hits of the canon, whatever outranks them."""
    canon = [hit.page_id for hit in ranked if hit.document.kind == "canon"]
    kept = set(canon[: k // 2])
    others = [hit.page_id for hit in ranked if hit.page_id not in kept]
    chosen = kept.union(others[: max(0, k - len(kept))])
    return [hit for hit in ranked if hit.page_id in chosen]


def top_k(scores: Scores, k: int) -> list[int]:
    """Return the positions of the `k` highest scores, the highest first, the lower position first among equals."""
    if k <= 0 or not len(scores):
        return []
    if k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero(scores >= least)
    else:
        places = np.arange(len(scores))
    order = np.argsort(-scores[places], kind="stable")[:k]
    return [int(place) for place in places[order]]


class Documents:
    """Documents in rows, as an index scores them. Read-only once built."""

    def __init__(self, documents: Sequence[Document]) -> None:
        """Raises `InvalidInput` where a page id is repeated or a kind is unknown."""
        self.documents = tuple(documents)
        if unknown := sorted({document.kind for document in self.documents} - set(KINDS)):
            raise InvalidInput(f"The kind of a document is {' or '.join(KINDS)}, not {unknown}.")
        if repeated := len(self.documents) - len({document.page_id for document in self.documents}):
            raise InvalidInput(f"{repeated} of the documents repeat a page id.")
        self.kinds = np.array([KINDS.index(document.kind) for document in self.documents], np.int64)
        self.orders = np.array([document.order for document in self.documents], np.int64)

    def __len__(self) -> int:
        return len(self.documents)

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """The row of each page id."""
        return {document.page_id: row for row, document in enumerate(self.documents)}

    @cached_property
    def _by_tie(self) -> Rows:
        """The rows in the order that settles ties: the canon first."""
        hits = [Hit(document, 0.0) for document in self.documents]
        return np.array(sorted(range(len(self)), key=lambda row: total_order(hits[row])), np.int64)

    @cached_property
    def _sections(self) -> NDArray[Any]:
        return np.array([document.section for document in self.documents], np.int64)

    def best(self, scores: Scores, k: int, via: str, sections: Collection[int] | None) -> list[Hit]:
        """Return the hits for one score a row (shape [len(self)]), as `Retriever.search`; 0 or less is no match."""
        rows = self._by_tie
        admitted = scores[rows]
        if sections is not None:
            admitted[~np.isin(self._sections[rows], np.array(sorted(sections), np.int64))] = 0
        canon = top_k(admitted[: int(np.count_nonzero(self.kinds == 0))], k // 2)
        places = dict.fromkeys([*top_k(admitted, k), *canon])
        hits = [
            Hit(self.documents[rows[place]], float(admitted[place]), (via,)) for place in places if admitted[place] > 0
        ]
        return reserve_canon(sorted(hits, key=total_order), k)


def fuse(rankings: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Reciprocal rank fusion: a page scores the sum of 1 / (60 + its rank, from 1) over the rankings.

    Source: G. Cormack, C. Clarke, S. Büttcher, "Reciprocal rank fusion outperforms Condorcet and
    individual rank learning methods", SIGIR 2009.
    """
    fused: dict[str, Hit] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            before = fused.get(hit.page_id, Hit(hit.document, 0.0))
            fused[hit.page_id] = Hit(hit.document, before.score + 1 / (RRF_K + rank), before.via + hit.via)
    return sorted(fused.values(), key=total_order)


class HybridRetriever:
    """Searches by words, or by words and vectors together."""

    def __init__(self, lexical: Retriever, semantic: Retriever | None = None) -> None:
        self._lexical = lexical
        self._semantic = semantic

    def search(
        self, query: str, k: int, *, sections: Collection[int] | None = None, semantic: bool = False
    ) -> list[Hit]:
        """Return hits as `Retriever.search` does; a score is that of reciprocal rank fusion in either case.

        Words alone find the neighbours of a page best. `semantic` adds vectors, for queries that put a page in
        other words. Without a semantic index only words are searched, and each hit's `via` says so.
        """
        indexes: list[Retriever] = [self._lexical]
        if semantic and self._semantic is not None:
            indexes.append(self._semantic)
        depth = k if len(indexes) == 1 else max(k, DEPTH)
        rankings = [index.search(query, depth, sections=sections) for index in indexes]
        return reserve_canon(fuse(rankings), k)
