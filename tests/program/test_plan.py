"""The plan of a page, read from whatever a model says."""

from __future__ import annotations

import pytest

from qdpi.program.plan import MOST_BEATS, MOST_CHARACTERS, PagePlan, read_plan

SOURCES = ("S01-P0001", "S02-P0004", "S03-P0007")


@pytest.mark.parametrize(
    ("said", "plan"),
    [
        ("", PagePlan()),
        ("She waits.\nHe comes.", PagePlan(beats=("She waits.", "He comes."))),
        ("1. She waits.\n2) He comes.\n- They go.", PagePlan(beats=("She waits.", "He comes.", "They go."))),
        ("**Intent:** a door opens\n\n* Beat 1: She waits.", PagePlan("a door opens", ("She waits.",))),
        ("INTENT - a door\nMood: hushed\nMood: loud", PagePlan("a door", mood="hushed")),
        ("Answers: Who pumps?\nUses: 1, 3 and 1", PagePlan(answers="Who pumps?", uses=("S01-P0001", "S03-P0007"))),
        ("Edge: the gate of the pump house\nEdges: a boat", PagePlan(edges=("the gate of the pump house", "a boat"))),
        ("Uses: 0, 4, 99, none", PagePlan()),
        ("Beats:\n- She waits.\n---\n***", PagePlan(beats=("She waits.",))),
        ("Moody skies hang over the pier.", PagePlan(beats=("Moody skies hang over the pier.",))),
    ],
)
def test_plan_is_read_from_lines(said: str, plan: PagePlan) -> None:
    """Labels may be dressed; a line without one is a beat; a number without a passage is nothing."""
    assert read_plan(said, SOURCES) == plan


def test_plan_is_bounded() -> None:
    """A model that writes the page instead fills no receipt."""
    plan = read_plan("\n".join(["word " * 500] * 50), ())
    assert len(plan.beats) == MOST_BEATS
    assert max(map(len, plan.beats)) <= MOST_CHARACTERS
