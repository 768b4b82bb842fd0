"""Going to a page by its title or its id, however they are spelt."""

from __future__ import annotations

import pytest
from tests.search.test_find import leaf, own

from qdpi.search.index import SearchIndex
from qdpi.search.lookup import Signposts

SIGNS = Signposts(
    SearchIndex(
        [
            leaf(1, title="A Pamphlet on the Patience"),
            leaf(2, title="A Pamphlet on the Patience"),
            leaf(7, title="What the Nose Says"),
            leaf(381, title="Princhetta Crosses", page_id="S08-P0381", section=8),
        ]
    )
)


def first(text: str) -> str | None:
    ways = SIGNS.go(text)
    return ways[0].leaf.page_id if ways else None


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
def test_a_page_is_found_by_number_by_id_and_by_title_misspelt_or_not(text: str, page: str):
    assert first(text) == page


@pytest.mark.parametrize("text", ["", " ", "zzzzqqq", "9999", "S99-P9999", "x" * 101, "(.*)+" * 15, "🜏"])
def test_what_is_like_no_page_leads_nowhere(text: str):
    assert first(text) is None


def test_a_number_of_another_section_is_not_meant():
    assert "S08-P0381" not in [way.leaf.page_id for way in SIGNS.go("S01-P0382") if way.alike == 100]
    assert all(way.alike < 100 for way in SIGNS.go("s1p381"))


def test_ones_own_pages_are_gone_to_by_the_beginning_of_their_id():
    shelf = SearchIndex([own(1, "x", page_id="89f4fced-3afd-5747-9d64-f1f013fb12f6")])
    assert [way.leaf.order for way in SIGNS.go("89f4", [shelf])] == [1]
    assert [way.leaf.order for way in SIGNS.go("89F4FCED-3afd-5747-9d64-f1f013fb12f6", [shelf])] == [1]
    assert SIGNS.go("89f", [shelf]) == []
    assert SIGNS.go("89f5", [shelf]) == []


def test_a_page_comes_once_and_the_likeliest_first():
    ways = SIGNS.go("Pamphlet on the Patience")
    assert len({way.leaf.page_id for way in ways}) == len(ways) <= 5
    assert [way.alike for way in ways] == sorted((way.alike for way in ways), reverse=True)
