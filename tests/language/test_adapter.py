"""The prompt of a signature for a model that answers in prose."""

from __future__ import annotations

from typing import Any

import dspy
import pytest

from qdpi.errors import InvalidInput
from qdpi.language.prose import ProseAdapter, rendered


class Page(dspy.Signature):  # type: ignore[misc]
    """You are an author."""

    locus_text: str = dspy.InputField(desc="the page the reader stands on.")
    sources: list[str] = dspy.InputField(desc="what may be drawn on")
    plan: dict[str, Any] = dspy.InputField()
    text: str = dspy.OutputField()


class Two(dspy.Signature):  # type: ignore[misc]
    """Two answers."""

    question: str = dspy.InputField()
    a: str = dspy.OutputField()
    b: str = dspy.OutputField()


def turns(demos: list[Any] | None = None, **inputs: Any) -> list[tuple[str, str]]:
    messages = ProseAdapter().format(Page, demos or [], inputs)
    return [(message["role"], message["content"]) for message in messages]


def test_format_of_one_input() -> None:
    """One input with content is the bare last turn."""
    assert turns(locus_text=" The lamp. ", sources=[], plan=None) == [
        ("system", "You are an author."),
        ("user", "The lamp."),
    ]


def test_format_of_several_inputs() -> None:
    """Several inputs are sections headed by name and description."""
    plan = {"trajectory": "T2", "beats": ["leave", "arrive"], "mood": "", "to": {"section": 3}}
    _, (_, said) = turns(locus_text="The lamp.", sources=["A stair.", "A door."], plan=plan)
    assert said == (
        "Locus text (the page the reader stands on):\nThe lamp.\n\n"
        "Sources (what may be drawn on):\n- A stair.\n- A door.\n\n"
        "Plan:\ntrajectory: T2\nbeats: leave, arrive\nto: section: 3"
    )


def test_format_of_demos() -> None:
    """Demos are earlier turns; those without an answer are left out."""
    demos = [
        {"locus_text": "One.", "text": " Two. "},
        dspy.Example(locus_text="Three.", text="Four."),
        {"locus_text": "Five."},
    ]
    assert turns(demos, locus_text="Six.")[1:] == [
        ("user", "One."),
        ("assistant", "Two."),
        ("user", "Three."),
        ("assistant", "Four."),
        ("user", "Six."),
    ]


def test_format_refuses_empty_inputs() -> None:
    with pytest.raises(InvalidInput, match="locus_text"):
        turns(locus_text="  ", sources=[], plan={})


def test_parse_gives_the_output_field() -> None:
    assert ProseAdapter().parse(Page, "```\nThe lamp.\n```") == {"text": "The lamp."}


def test_two_output_fields_are_refused() -> None:
    with pytest.raises(InvalidInput, match="has 2"):
        ProseAdapter().parse(Two, "The lamp.")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0, "0"), ([], ""), (["", "a"], "- a"), ({"a": {"b": [1, 2]}}, "a: b: 1, 2"), (" x ", "x")],
)
def test_rendered_values_are_text(value: Any, text: str) -> None:
    """Values are rendered as text, never as their repr."""
    assert rendered(value) == text
