"""What an index holds and how its scores become hits: filters, ties, and the canon's place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from qdpi.errors import InvalidInput

Kind = Literal["canon", "vault", "generated"]
Scores = NDArray[np.float32]

KIND_RANK: dict[str, int] = {"canon": 0, "vault": 1, "generated": 2}
"""Which kind stands first where scores are equal."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A page's text as an index takes it."""

    page_id: str
    section: int
    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Hit:
    """A page that a search found; `via` names the rankings that found it."""

    page_id: str
    score: float
    kind: str
    via: tuple[str, ...]


class Retriever(Protocol):
    """Finds pages for words."""

    def search(
        self, query: str, k: int, *, sections: Collection[int] | None = None, exclude: Collection[str] = ()
    ) -> list[Hit]:
        """At most `k` pages, the best first, from `sections` (None: from all), without those in `exclude`.

        The order is total: score, then canon before vault before generated, then page id. At least
        k // 2 of the hits are canon pages as long as so many match.
        """


def standing(hit: Hit) -> tuple[float, int, str]:
    """The sort key of a hit: the best first."""
    return -hit.score, KIND_RANK[hit.kind], hit.page_id


def reserve_canon(ranked: Sequence[Hit], k: int) -> list[Hit]:
    """The first `k` of `ranked`, of which the best k // 2 canon hits are kept whatever outranks them."""
    kept = {hit.page_id for hit in [hit for hit in ranked if hit.kind == "canon"][: k // 2]}
    others = [hit.page_id for hit in ranked if hit.page_id not in kept]
    chosen = kept.union(others[: max(0, k - len(kept))])
    return [hit for hit in ranked if hit.page_id in chosen]


def top_k(scores: NDArray[np.floating], k: int) -> list[int]:
    """The positions of the `k` highest scores, the highest first, the lower position first among equals."""
    if k <= 0 or not len(scores):
        return []
    if k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero(scores >= least)
    else:
        places = np.arange(len(scores))
    order = np.argsort(-scores[places], kind="stable")[:k]
    return [int(place) for place in places[order]]


class Catalogue:
    """The passages of an index in the order that settles ties. Read-only once built."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        """Raises InvalidInput where a page id comes twice or a kind is none of the three."""
        given = list(passages)
        unknown = sorted({passage.kind for passage in given} - KIND_RANK.keys())
        if unknown:
            raise InvalidInput(f"Passages are of kind canon, vault or generated, not {unknown}.")
        self.passages = sorted(given, key=lambda passage: (KIND_RANK[passage.kind], passage.page_id))
        self.row = {passage.page_id: row for row, passage in enumerate(self.passages)}
        if len(self.row) < len(self.passages):
            raise InvalidInput(f"{len(self.passages) - len(self.row)} of the passages repeat a page id.")
        self._sections = np.array([passage.section for passage in self.passages], dtype=np.int64)
        self._canon = sum(passage.kind == "canon" for passage in self.passages)

    def __len__(self) -> int:
        return len(self.passages)

    def hits(
        self, scores: Scores, k: int, via: str, *, sections: Collection[int] | None, exclude: Collection[str]
    ) -> list[Hit]:
        """The hits for one score a passage (shape [len(self)]); a score of 0 or less is no match."""
        open_to = self._filtered(scores, sections, exclude)
        canon = top_k(open_to[: self._canon], k // 2)
        rows = dict.fromkeys([*top_k(open_to, k), *canon])
        found = [self._hit(row, float(open_to[row]), via) for row in rows if open_to[row] > 0]
        return reserve_canon(sorted(found, key=standing), k)

    def _filtered(self, scores: Scores, sections: Collection[int] | None, exclude: Collection[str]) -> Scores:
        left = scores.copy()
        if sections is not None:
            left[~np.isin(self._sections, np.array(sorted(sections), dtype=np.int64))] = 0
        left[[self.row[page_id] for page_id in exclude if page_id in self.row]] = 0
        return left

    def _hit(self, row: int, score: float, via: str) -> Hit:
        passage = self.passages[row]
        return Hit(passage.page_id, score, passage.kind, (via,))
