"""Hybrid retrieval: the inverted index, with the vectors beside it where a query asks for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from qdpi.search.index import InvertedIndex
from qdpi.search.ranking import Hit, Retriever, reserve_canon, total_order
from qdpi.search.vectors import SemanticIndex

RRF_K = 60
DEPTH = 50
"""Hits of each ranking that are fused, where `k` is smaller."""


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

    def __init__(self, lexical: InvertedIndex, semantic: SemanticIndex | None = None) -> None:
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
