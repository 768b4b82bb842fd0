"""Hybrid retrieval behind one port: words first, vectors beside them, the canon never overridden."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from qdpi.search.catalogue import Hit, Kind, Passage, Retriever, reserve_canon, standing
from qdpi.search.lexical import LexicalIndex
from qdpi.search.vectors import Embedder, SemanticIndex, cosine_top_k, from_bytes, to_bytes

__all__ = [
    "Embedder",
    "Hit",
    "HybridRetriever",
    "Kind",
    "LexicalIndex",
    "Passage",
    "Retriever",
    "SemanticIndex",
    "cosine_top_k",
    "from_bytes",
    "fuse",
    "to_bytes",
]

RRF_K = 60
DEPTH = 50
"""How deep rankings are read before they are fused, where `k` asks for no more."""


def fuse(rankings: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Reciprocal rank fusion: a page scores the sum of 1 / (60 + its rank, from 1) over the rankings.

    Source: G. Cormack, C. Clarke, S. Büttcher, "Reciprocal rank fusion outperforms Condorcet and
    individual rank learning methods", SIGIR 2009.
    """
    fused: dict[str, Hit] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            before = fused.get(hit.page_id, Hit(hit.page_id, 0.0, hit.kind, ()))
            score = before.score + 1 / (RRF_K + rank)
            fused[hit.page_id] = Hit(hit.page_id, score, hit.kind, before.via + hit.via)
    return sorted(fused.values(), key=standing)


class HybridRetriever:
    """Searches by words, and by words and vectors together where it is asked to."""

    def __init__(self, lexical: LexicalIndex, semantic: SemanticIndex | None = None) -> None:
        self._lexical = lexical
        self._semantic = semantic

    def search(
        self,
        query: str,
        k: int,
        *,
        sections: Collection[int] | None = None,
        exclude: Collection[str] = (),
        semantic: bool = False,
    ) -> list[Hit]:
        """As Retriever.search; a score is that of reciprocal rank fusion, whatever was searched.

        Words alone find a page's neighbours best; `semantic` adds vectors, for asks that put a page
        in other words. Without a semantic index words are all there is, and each hit's `via` says so.
        """
        indexes: list[Retriever] = [self._lexical]
        if semantic and self._semantic is not None:
            indexes.append(self._semantic)
        depth = k if len(indexes) == 1 else max(k, DEPTH)
        rankings = [index.search(query, depth, sections=sections, exclude=exclude) for index in indexes]
        return reserve_canon(fuse(rankings), k)
