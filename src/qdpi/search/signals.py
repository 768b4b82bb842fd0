"""Index signals between pages, from their readings alone."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from qdpi.search.analysis import Reading

NOVELTY_WINDOW = 4
"""How many of the pages read last a page is compared with."""


def novelty_against(reading_terms: Collection[str], recent: Sequence[Collection[str]]) -> float:
    """How little a page repeats what a journey has been reading, 0 (the same again) .. 1 (all new).

    1 - the mean Jaccard overlap with the last four entries of `recent` (oldest first); entries that
    are not there yet count as no overlap, so a journey's first page is all new.
    """
    terms = frozenset(reading_terms)
    window = recent[-NOVELTY_WINDOW:]
    return 1.0 - sum(_jaccard(terms, frozenset(other)) for other in window) / NOVELTY_WINDOW


def coherence_between(a: Reading, b: Reading) -> float:
    """How far two pages hold the same motifs and names, 0..1: the cosine of their sets of terms."""
    if not a.terms or not b.terms:
        return 0.0
    return len(a.terms & b.terms) / math.sqrt(len(a.terms) * len(b.terms))


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    union = len(a | b)
    return len(a & b) / union if union else 0.0
