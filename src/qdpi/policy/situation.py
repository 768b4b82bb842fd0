"""What the policy weighs, gathered from a journey, from where its reader stands, and from the locus."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from qdpi.journey import JourneyState
from qdpi.page_schema import Reading
from qdpi.policy import Situation
from qdpi.policy.placement import Standing

MAX_TERMS = 24
NOVELTY_WINDOW = 4
"""How many of the pages read last a page is compared with."""


def terms_of(reading: Reading) -> tuple[str, ...]:
    """Return what a page is remembered by: its entities and motifs, in a stable order, at most 24."""
    return tuple(sorted(reading.terms))[:MAX_TERMS]


def situation_of(state: JourneyState, standing: Standing, reading: Reading) -> Situation:
    """Return the situation of a press at a locus."""
    return Situation(
        depth=standing.depth,
        in_branch=standing.branch_id is not None,
        open_branches=state.open_branches(standing.anchor_section),
        return_debt=state.return_debt(standing.anchor_section),
        departures=state.departures,
        unresolved=len(reading.anchors),
        novelty=novelty_against(terms_of(reading), [locus.terms for locus in state.recent]),
    )


def novelty_against(terms: Collection[str], recent: Sequence[Collection[str]]) -> float:
    """Return how little a page repeats what a journey has been reading, 0 (the same again) .. 1 (all new).

    It is 1 minus the mean Jaccard overlap with the last four entries of `recent` (oldest first). Missing
    entries count as no overlap, so the first page of a journey is all new.
    """
    held = frozenset(terms)
    window = recent[-NOVELTY_WINDOW:]
    return 1.0 - sum(_jaccard(held, frozenset(other)) for other in window) / NOVELTY_WINDOW


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    union = len(a | b)
    return len(a & b) / union if union else 0.0
