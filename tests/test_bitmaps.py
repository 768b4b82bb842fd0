from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdpi.ids import bitmap_count, bitmap_has, bitmap_highest, bitmap_of, bitmap_union, check_bitmap

NUMBERS = st.sets(st.integers(1, 3_000), max_size=40)


@given(NUMBERS, NUMBERS)
def test_bitmaps_are_sets_of_numbers(first: set[int], second: set[int]):
    both = bitmap_union(bitmap_of(first), bitmap_of(second))
    assert both == bitmap_of(first | second)
    assert (bitmap_count(both), bitmap_highest(both)) == (len(first | second), max(first | second, default=0))
    assert all(bitmap_has(both, number) == (number in first | second) for number in (1, 2, 7, 8, 9, 2_999, *first))


def test_layout():
    """Number 1 is the lowest bit of the first byte."""
    assert [bitmap_of(numbers) for numbers in ([], [1], [8], [9], [1, 2, 710])] == [
        "",
        "AQ==",
        "gA==",
        "AAE=",
        base64.b64encode(bytes([3, *[0] * 87, 32])).decode(),
    ]


@pytest.mark.parametrize("text", ["?", "AQ", "AQ==\n", "é"])
def test_malformed_bitmaps_are_refused(text: str):
    with pytest.raises(ValueError, match="is not a bitmap"):
        check_bitmap(text)


def test_numbers_begin_at_1():
    with pytest.raises(ValueError, match="not a number from 1"):
        bitmap_of([0])
