"""Paragraphs of a text, as pages show and exports write them."""

from __future__ import annotations

import pytest

from qdpi.search.text import paragraphs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One.\n\nTwo.", [["One."], ["Two."]]),
        ("One\nline.\n\nTwo.\r\n \r\nThree.\n\n\n", [["One", "line."], ["Two."], ["Three."]]),
        ("\n\n\nOne.\n\t\n\n\nTwo.\rTwo again.", [["One."], ["Two.", "Two again."]]),
        ("", []),
        (" \n\t\n", []),
        ("  indented\n    verse", [["  indented", "    verse"]]),
    ],
)
def test_blank_lines_part_paragraphs(text: str, expected: list[list[str]]):
    assert paragraphs(text) == expected


def test_a_long_text_of_blank_lines_takes_no_time():
    """The time is a multiple of the length: a text may be all white space."""
    assert paragraphs("\n" * 200_000 + "x" + " \n" * 200_000 + "y") == [["x "], ["y"]]
