"""Lookup of a page by its number, title or id, misspelt or not."""

from __future__ import annotations

import pytest
from tests.search.test_find import document, own

from qdpi.search.index import InvertedIndex
from qdpi.search.lookup import PageLookup

LOOKUP = PageLookup(
    InvertedIndex(
        [
            document(1, title="A Pamphlet on the Patience"),
            document(2, title="A Pamphlet on the Patience"),
            document(7, title="What the Nose Says"),
            document(381, title="Princhetta Crosses", page_id="S08-P0381", section=8),
        ]
    )
)


def first(text: str) -> str | None:
    matches = LOOKUP.match(text)
    return matches[0].document.page_id if matches else None


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("S08-P0381", "S08-P0381"), ("s8p381", "S08-P0381"), ("S8-381", "S08-P0381"), ("P381", "S08-P0381"),
        ("381", "S08-P0381"), ("page 381", "S08-P0381"), ("0381", "S08-P0381"), ("S08-P0318", "S08-P0381"),
        ("S08P0381", "S08-P0381"),
        ("What the Nose Says", "S01-P0007"), ("what the nose", "S01-P0007"), ("wat teh nose sais", "S01-P0007"),
        ("princheta", "S08-P0381"), ("pamphlet patience", "S01-P0001"), ("  PRINCHETTA  ", "S08-P0381"),
    ],
)  # fmt: skip
def test_lookup_by_number_id_and_misspelt_title(text: str, page: str):
    """A page is found by number, by id and by title, misspelt or not."""
    assert first(text) == page


@pytest.mark.parametrize("text", ["", " ", "zzzzqqq", "9999", "S99-P9999", "x" * 101, "(.*)+" * 15, "🜏"])
def test_lookup_of_unlike_text_is_empty(text: str):
    """A text unlike any title or id has no match."""
    assert first(text) is None


def test_lookup_by_number_respects_the_section():
    """A page number with another section does not match."""
    assert "S08-P0381" not in [match.document.page_id for match in LOOKUP.match("S01-P0382") if match.similarity == 100]
    assert all(match.similarity < 100 for match in LOOKUP.match("s1p381"))


def test_lookup_of_own_pages_by_id_prefix():
    """Pages of the journey are found by the beginning of their id."""
    shelf = InvertedIndex([own(1, "x", page_id="89f4fced-3afd-5747-9d64-f1f013fb12f6")])
    assert [match.document.order for match in LOOKUP.match("89f4", [shelf])] == [1]
    assert [match.document.order for match in LOOKUP.match("89F4FCED-3afd-5747-9d64-f1f013fb12f6", [shelf])] == [1]
    assert LOOKUP.match("89f", [shelf]) == []
    assert LOOKUP.match("89f5", [shelf]) == []


def test_lookup_matches_are_distinct_and_sorted():
    """A page comes once and the likeliest first."""
    matches = LOOKUP.match("Pamphlet on the Patience")
    assert len({match.document.page_id for match in matches}) == len(matches) <= 5
    assert [match.similarity for match in matches] == sorted((match.similarity for match in matches), reverse=True)
