"""The shipped test vectors for a second implementation agree with this one."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from tests.journey import regenerate

from qdpi.events import TOPICS, PageDone, PageFailed
from qdpi.journey import FOLD_VERSION, JourneyState, SequenceGap, fold

SHIPPED: dict[str, Any] = json.loads((files("qdpi") / "journey_vectors.json").read_text(encoding="utf-8"))


def test_vectors_are_current():
    """The shipped vectors are those that the program writes now."""
    assert regenerate.VECTORS.read_text(encoding="utf-8") == regenerate.text()


@pytest.mark.parametrize("journey", SHIPPED["journeys"], ids=lambda j: j["name"])
def test_vectors_fold_to_their_states(journey):
    state = JourneyState.model_validate(SHIPPED["start"])
    assert state == JourneyState()
    for step in journey["steps"]:
        event = TOPICS[step["type"]].model.model_validate(step["event"])
        assert isinstance(event, PageDone | PageFailed)
        if step["gap"]:
            with pytest.raises(SequenceGap):
                fold(state, event)
        else:
            state = fold(state, event)
        assert state.model_dump(mode="json") == step["state"]
        for section, figures in step["sections"].items():
            assert state.open_branches(int(section)) == figures["open_branches"]
            assert state.return_debt(int(section)) == figures["return_debt"]


def test_vectors_cover_every_case():
    """Together they have every trajectory, failures, repeats, a gap and an overflow of loci."""
    steps = [step for journey in SHIPPED["journeys"] for step in journey["steps"]]
    done = [step["event"] for step in steps if step["type"] == PageDone.topic]
    assert SHIPPED["fold_version"] == FOLD_VERSION
    assert {event["trajectory"] for event in done} == {"T0", "T1", "T2", "T3"}
    assert {event["anchor_section"] for event in done} == {1, 2}
    assert any(event["trajectory"] == "T2" and event["branch_id"] not in {None, event["page_id"]} for event in done)
    assert any(step["type"] == PageFailed.topic for step in steps)
    assert any(step["gap"] for step in steps)
    assert any(step["event"]["seq"] < step["state"]["seq"] for step in steps)
    assert any(step["state"]["pages"] > len(step["state"]["recent"]) == 4 for step in steps)
    assert any(step["sections"]["1"]["return_debt"] == 3 for step in steps)
    assert any(step["sections"]["1"]["open_branches"] and step["sections"]["2"]["open_branches"] for step in steps)
