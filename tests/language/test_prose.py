"""The prose of a completion, whole and in pieces."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qdpi.language.prose import ProseStream, tidy

WRAPPING = ["```", "```text", "`", "[[ ## ", "page_text", " ## ]]", "[[", "<think>", "</think>", "<"]
AWKWARD = st.lists(
    st.sampled_from([*WRAPPING, "word", " ", "\n", "\0", "\r\n", "\t", "a [door] b", "é", "\ud800", "."])
    | st.text(max_size=5),
    max_size=30,
).map("".join)


def streamed(pieces: list[str]) -> list[str]:
    stream = ProseStream()
    return [*map(stream.feed, pieces), stream.finish()]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("  The lamp.\n\nThe stair. \n", "The lamp.\n\nThe stair."),
        ("```\nThe lamp.\n```", "The lamp."),
        ("```markdown\nThe lamp.\n```\n", "The lamp."),
        ("[[ ## page_text ## ]]\nThe lamp.\n\n[[ ## completed ## ]]", "The lamp."),
        ("<think>A lamp?\nYes.</think>\n\nThe lamp.", "The lamp."),
        ("<think>cut off in thou", ""),
        ("The\0 lamp\x07.\r\nThe\tstair.\ufeff\x85", "The lamp.\nThe stair."),
        ("half a \ud83d pair", "half a  pair"),
        ("A `word` in [[brackets]] < three", "A `word` in [[brackets]] < three"),
    ],
)
def test_tidy_removes_wrapping_and_control_characters(said: str, meant: str) -> None:
    assert tidy(said) == meant


@settings(deadline=None)
@given(AWKWARD, st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=40))
@example("a\n```", [1])
@example("```[[ ## ", [1])
@example("x ``` y\n```py \n z", [3])
def test_stream_equals_tidy_for_any_cut(said: str, cuts: list[int]) -> None:
    pieces, rest, turn = [], said, 0
    while rest:
        cut = cuts[turn % len(cuts)]
        pieces.append(rest[:cut])
        rest, turn = rest[cut:], turn + 1
    assert "".join(streamed(pieces)) == tidy(said)


def test_stream_passes_plain_prose_at_once() -> None:
    assert streamed(["The ", "lamp ", "went out."]) == ["The", " lamp", " went out.", ""]
