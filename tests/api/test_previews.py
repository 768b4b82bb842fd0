"""Lean previews stand for the full ones, in any situation."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from qdpi.api.previews import expanded, full_preview, lean_preview
from qdpi.api.responses import LeanPreview, PreviewedSituation
from qdpi.policy import MAX_DEPARTURES, Situation
from qdpi.policy.preview import preview_behaviours

MOST_BYTES = 8_000

SITUATIONS = st.builds(
    Situation,
    depth=st.integers(0, 4),
    in_branch=st.booleans(),
    open_branches=st.integers(0, 3),
    return_debt=st.integers(0, 4),
    departures=st.sampled_from([0, 1, MAX_DEPARTURES - 1, MAX_DEPARTURES]),
    unresolved=st.integers(0, 4),
    novelty=st.sampled_from([0.0, 0.34, 0.35, 0.5, 1.0]),
)


def previewed(situation: Situation) -> PreviewedSituation:
    return PreviewedSituation(
        page_id="S01-P0001",
        locus="S01-P0001",
        section=1,
        anchor="S01-P0001",
        return_to="S01-P0002",
        seq=3,
        ttl=1,
        **{name: getattr(situation, name) for name in Situation.__slots__},
    )


@given(SITUATIONS)
def test_lean_preview_expands_to_the_full_one(situation: Situation):
    """Through JSON, as it is sent: nothing is lost, and nothing is there twice."""
    behaviours = preview_behaviours(situation, 1)
    sent = lean_preview(previewed(situation), behaviours).model_dump_json()
    lean = LeanPreview.model_validate_json(sent)
    assert expanded(lean) == full_preview(previewed(situation), behaviours)
    assert len(set(lean.reasons)) == len(lean.reasons)
    assert len({json.dumps(closing.model_dump()) for closing in lean.closings}) == len(lean.closings)
    assert len(sent) < MOST_BYTES


def test_each_symbol_does_what_its_behaviour_says():
    """The symbol of code c is `behaviours[c % 16]`."""
    behaviours = preview_behaviours(Situation(open_branches=2), 1)
    lean = lean_preview(previewed(Situation(open_branches=2)), behaviours)
    full = expanded(lean)
    for symbol in full.symbols:
        said = lean.behaviours[symbol.code % 16]
        assert (symbol.given, symbol.open) == (said.given, said.open)
        closed = {lean.closings[place].trajectory for place in said.closed}
        assert closed.isdisjoint(said.open)
        assert closed | set(said.open) == {"T0", "T1", "T2", "T3"}
