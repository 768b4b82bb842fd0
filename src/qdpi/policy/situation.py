"""What the policy weighs, gathered from a journey, from where its reader stands, and from the locus."""

from __future__ import annotations

from qdpi.journey import JourneyState
from qdpi.policy import Situation
from qdpi.policy.placement import Standing
from qdpi.search.analysis import Reading
from qdpi.search.signals import novelty_against

MAX_TERMS = 24


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
