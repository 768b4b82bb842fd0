"""Excerpts of a text: in whole sentences where they fit, with its paragraphs."""

from __future__ import annotations

import pytest

from qdpi.search.text import ending, first_words, last_words, opening

TEXT = "One came in.\n\nTwo sat down. Three said nothing at all.\n\n\n  Four left, and five"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (99, "One came in.\n\nTwo sat down. Three said nothing at all.\n\nFour left, and five"),
        (9, "One came in.\n\nTwo sat down."),
        (5, "One came in."),
        (2, "One came"),
    ],
)
def test_opening_ends_with_a_sentence_where_half_is_left(count: int, text: str) -> None:
    assert opening(TEXT, count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (99, "One came in.\n\nTwo sat down. Three said nothing at all.\n\nFour left, and five"),
        (11, "Three said nothing at all.\n\nFour left, and five"),
        (3, "left, and five"),
    ],
)
def test_ending_begins_with_a_sentence_where_half_is_left(count: int, text: str) -> None:
    assert ending(TEXT, count) == text


def test_words_are_one_line() -> None:
    assert first_words(TEXT, 9) == "One came in. Two sat down."
    assert last_words(TEXT, 11) == "Three said nothing at all. Four left, and five"
