"""The novelty of a page against those read before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdpi.policy import novelty_against

TERMS = st.frozensets(st.sampled_from("abcdefgh"), max_size=8)


@given(TERMS, st.lists(TERMS, max_size=7))
def test_novelty_lies_between_nothing_new_and_all_new(terms: frozenset[str], recent: list[frozenset[str]]) -> None:
    assert 0 <= novelty_against(terms, recent) <= 1


def test_a_page_after_nothing_is_all_new() -> None:
    assert novelty_against({"lamp"}, []) == 1


def test_the_same_page_four_times_over_is_nothing_new() -> None:
    assert novelty_against({"lamp", "bay"}, [{"lamp", "bay"}] * 4) == 0


def test_entries_that_are_missing_count_as_no_overlap() -> None:
    assert novelty_against({"lamp", "bay"}, [{"lamp", "bay"}]) == 0.75


def test_only_the_four_pages_read_last_count() -> None:
    assert novelty_against({"lamp"}, [{"lamp"}, {"a"}, {"b"}, {"c"}, {"d"}]) == 1


def test_half_an_overlap_takes_half_of_an_entry() -> None:
    assert novelty_against({"a", "b"}, [{"b", "c"}]) == pytest.approx(1 - (1 / 3) / 4)
