"""The lexical index: BM25 over stemmed words."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from qdpi.search.catalogue import Catalogue, Hit, Passage
from qdpi.search.text import stem, words

K1 = 1.5
B = 0.75
MAX_QUERY_TERMS = 2_000
"""Terms of a query that are scored; a page has some 200, and each costs a few microseconds."""


class LexicalIndex:
    """BM25 (Lucene's form, Robertson and Zaragoza 2009) through bm25s, on numpy.

    Read-only once built, so any number of threads may search it.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        from bm25s.stopwords import STOPWORDS_EN

        self._catalogue = catalogue
        self._stopwords = frozenset(STOPWORDS_EN)
        self._vocabulary: dict[str, int] = {}
        stems: dict[str, str] = {}
        rows = [self._ids(words(passage.text), stems) for passage in catalogue.passages]
        self._scorer = _score_all(rows, self._vocabulary) if self._vocabulary else None

    @classmethod
    def build(cls, passages: Iterable[Passage]) -> LexicalIndex:
        """Index passages, in time linear in their words. Raises InvalidInput as Catalogue does."""
        return cls(Catalogue(passages))

    def __len__(self) -> int:
        return len(self._catalogue)

    def search(
        self, query: str, k: int, *, sections: Collection[int] | None = None, exclude: Collection[str] = ()
    ) -> list[Hit]:
        """The passages that share words with the query; a score is BM25's. See Retriever.search."""
        known = [term for term in map(self._term, words(query)) if term in self._vocabulary]
        if self._scorer is None or not known:
            return []
        ids = np.array([self._vocabulary[term] for term in known[:MAX_QUERY_TERMS]], dtype=np.int32)
        scores = self._scorer.get_scores_from_ids(ids)
        return self._catalogue.hits(scores, k, "lexical", sections=sections, exclude=exclude)

    def _term(self, word: str) -> str | None:
        return None if word in self._stopwords else stem(word)

    def _ids(self, page: Sequence[str], stems: dict[str, str]) -> list[int]:
        ids = []
        for word in page:
            if word in self._stopwords:
                continue
            term = stems.get(word) or stems.setdefault(word, stem(word))
            ids.append(self._vocabulary.setdefault(term, len(self._vocabulary)))
        return ids


def _score_all(rows: list[list[int]], vocabulary: dict[str, int]) -> Any:
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG when imported
    scorer = bm25s.BM25(method="lucene", k1=K1, b=B, backend="numpy", csc_backend="numpy")
    scorer.index((rows, vocabulary), create_empty_token=False, show_progress=False)
    return scorer
