"""The novelty of a page against those read before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdpi.policy import novelty_against

TERMS = st.frozensets(st.sampled_from("abcdefgh"), max_size=8)


@given(TERMS, st.lists(TERMS, max_size=7))
def test_novelty_is_in_0_to_1(terms: frozenset[str], recent: list[frozenset[str]]) -> None:
    assert 0 <= novelty_against(terms, recent) <= 1


def test_novelty_without_recent_pages_is_1() -> None:
    assert novelty_against({"lamp"}, []) == 1


def test_novelty_of_four_equal_pages_is_0() -> None:
    assert novelty_against({"lamp", "bay"}, [{"lamp", "bay"}] * 4) == 0


def test_novelty_counts_missing_entries_as_new() -> None:
    assert novelty_against({"lamp", "bay"}, [{"lamp", "bay"}]) == 0.75


def test_novelty_uses_the_last_four_pages() -> None:
    assert novelty_against({"lamp"}, [{"lamp"}, {"a"}, {"b"}, {"c"}, {"d"}]) == 1


def test_novelty_of_a_partial_overlap() -> None:
    assert novelty_against({"a", "b"}, [{"b", "c"}]) == pytest.approx(1 - (1 / 3) / 4)
