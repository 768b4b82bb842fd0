"""Parsing of queries and filters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdpi.errors import InvalidInput
from qdpi.page_schema import EdgeType
from qdpi.search.query import Filters, Query, read_filters, read_query
from qdpi.symbols import Trajectory


@pytest.mark.parametrize(
    ("text", "stems", "phrases"),
    [
        ("door", {"door"}, ()),
        ("Doors, DOOR; door’s", {"door"}, ()),
        ('the "Red Door" opens', {"the", "red", "door", "open"}, (" red door ",)),
        ("“red door” „blue key”", {"red", "door", "blue", "key"}, (" red door ", " blue key ")),
        ('an "unclosed phrase', {"an", "unclosed", "phrase"}, ()),
        ('"" "…" door', {"door"}, ()),
        ("café", {"cafe"}, ()),
        ("cafe\u0301", {"cafe"}, ()),
        ("*", set(), ()),
        (".*(door)+?$", {"door"}, ()),
    ],
)
def test_query_has_words_and_phrases(text: str, stems: set[str], phrases: tuple[str, ...]):
    """A query has words and phrases; all other characters separate them."""
    assert read_query(text) == Query(frozenset(stems), phrases)


@pytest.mark.parametrize("text", ["", "   ", "...", "()[]{}", "_", '""', "\x00", "🜏"])
def test_query_without_a_word_is_refused(text: str):
    """A query without a word is refused with a next step."""
    with pytest.raises(InvalidInput, match=r"\* for every page"):
        read_query(text)


def test_query_over_4000_characters_is_refused():
    """More than 4000 characters are refused."""
    assert read_query("a" * 4_000).stems
    with pytest.raises(InvalidInput, match="4,001"):
        read_query("a" * 4_001)


@given(st.text(max_size=300))
def test_any_text_is_a_query_or_is_refused(text: str):
    try:
        read_query(text)
    except InvalidInput as error:
        assert error.next_step  # noqa: PT017 (either is right, and this is what a refusal must say)


def test_filters_take_numbers_names_and_lists():
    read = read_filters("0, an-author,London Fox", "1,16", "13,xc", "t0,T3", "FORK, S01-P0002")
    assert read == Filters(
        characters=frozenset({0, 1}),
        sections=frozenset({1, 16}),
        behaviors=frozenset({13, 0}),
        trajectories=frozenset({Trajectory.CONTINUE, Trajectory.DRIFT}),
        edge_types=frozenset({EdgeType.FORK}),
        edge_targets=frozenset({"S01-P0002"}),
    )
    assert read_filters() == read_filters("", " , ", None) == Filters()


@pytest.mark.parametrize(
    "given",
    [{"character": "16"}, {"character": "nobody"}, {"section": "0"}, {"section": "17"}, {"section": "x"},
     {"behavior": "QQ"}, {"trajectory": "T4"}, {"section": "1,99"}, {"section": "-1"}],
)  # fmt: skip
def test_filter_of_unknown_value_is_refused(given: dict[str, str]):
    """A value that no page has is refused."""
    ((name, value),) = given.items()
    with pytest.raises(InvalidInput, match=name) as refused:
        read_filters(**given)
    assert value.rpartition(",")[2] in refused.value.detail
