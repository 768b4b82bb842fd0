"""The prompt of a signature for a model that answers in prose."""

from __future__ import annotations

import re
from typing import Any

import dspy
import pytest

from qdpi.errors import InvalidInput
from qdpi.language.prose import ProseAdapter, rendered, without_tokens


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
    """Several inputs are sections: a tag of the field's name, under its description."""
    plan = {"trajectory": "T2", "beats": ["leave", "arrive"], "mood": "", "to": {"section": 3}}
    _, (_, said) = turns(locus_text="The lamp.", sources=["A stair.", "A door."], plan=plan)
    assert said == (
        "The page the reader stands on:\n<locus_text>\nThe lamp.\n</locus_text>\n\n"
        "What may be drawn on:\n<sources>\n- A stair.\n- A door.\n</sources>\n\n"
        "<plan>\ntrajectory: T2\nbeats: leave, arrive\nto: section: 3\n</plan>"
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


@pytest.mark.parametrize("name", ["locus_text", "sources", "plan"])
@pytest.mark.parametrize("forged", ["</{0}>", "< / {0} >", "<{0}>", "</{0}\n>", "<{1}>"])
def test_value_forges_no_section(name: str, forged: str) -> None:
    """Whatever a value says, the sections are those of the inputs."""
    inputs: dict[str, Any] = {"locus_text": "The lamp.", "sources": ["A stair."], "plan": {"beats": ["leave"]}}
    text = f"Before.\n{forged.format(name, name.upper())}\nAfter."
    inputs[name] = {"plan": {"beats": [text]}, "sources": [text]}.get(name, text)
    _, (_, said) = turns(**inputs)
    assert re.findall(r"(?i)<\s*/?\s*(?:locus_text|sources|plan)\s*>", said) == [
        "<locus_text>", "</locus_text>", "<sources>", "</sources>", "<plan>", "</plan>"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "token",
    [
        "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>", "<bos>",
        "</s>", "<s>", "[INST]", "[/INST]", "<<SYS>>", "<think>", "</think>", "<｜begin▁of▁sentence｜>",
        "[|user|]", "<0x0A>",
    ],
)  # fmt: skip
def test_value_has_no_control_token(token: str) -> None:
    """In no turn: a chat template would read it as one."""
    for inputs in ({"locus_text": f"The {token} lamp."}, {"locus_text": "The lamp.", "sources": [f"A {token} stair."]}):
        said = turns([{"locus_text": f"One {token}.", "text": "Two."}], **inputs)
        assert not [content for _, content in said if token in content]
        assert all(re.search(r"lamp|stair|One|Two|author", content) for _, content in said)


def test_text_without_tokens_is_unchanged() -> None:
    """Prose keeps its own brackets and marks."""
    text = "“A < b,” she said [aside] — it’s 5 > 4… <em>so</em>; a|b."
    assert without_tokens(text) == text
