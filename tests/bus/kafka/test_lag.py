"""Lag from offsets: which offsets hold no record."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.support import factories

from qdpi.bus.kafka.lag import FirstRecords, Unread, rows, unread
from qdpi.bus.port import Lag, Partition, Record, TopicState

HERE = Partition("gibsey.ui.symbol", 0)
AT = factories.at(0)


def record(offset: int) -> Record:
    return Record(HERE, offset, None, b"{}", (), AT)


@pytest.mark.parametrize(
    ("committed", "bounds", "stable", "expected"),
    [
        ({HERE: 4}, (0, 9), 9, Unread(4, 9, 9)),
        ({}, (2, 9), 9, Unread(2, 9, 9)),
        ({HERE: 1}, (3, 9), 9, Unread(3, 9, 9)),
        ({HERE: 9}, (0, 9), None, Unread(9, 9, 9)),
        ({HERE: 12}, (0, 9), 9, Unread(9, 9, 9)),
        ({HERE: 4}, (0, 9), 6, Unread(4, 6, 9)),
        ({HERE: 7}, (0, 9), 6, Unread(7, 7, 9)),
        ({HERE: 4}, (0, 9), 11, Unread(4, 9, 9)),
    ],
)
def test_unread_offsets(committed: dict[Partition, int], bounds: tuple[int, int], stable: int | None, expected: Unread):
    ends = {} if stable is None else {HERE: stable}
    assert unread(committed, [TopicState(HERE, *bounds)], ends) == {HERE: expected}


@pytest.mark.parametrize(
    ("offsets", "first", "expected"),
    [
        (Unread(4, 9, 9), record(4), Lag(HERE, 5, AT)),
        (Unread(4, 9, 9), record(6), Lag(HERE, 3, AT)),
        (Unread(4, 9, 9), None, Lag(HERE, 0, None)),
        (Unread(4, 6, 9), None, Lag(HERE, 3, None)),
        (Unread(9, 9, 9), None, Lag(HERE, 0, None)),
        (Unread(4, 9, 9), record(10), Lag(HERE, 0, None)),
    ],
)
def test_offsets_without_a_record_are_read(offsets: Unread, first: Record | None, expected: Lag):
    """Control records and aborted ones count as read, an open transaction does not."""
    assert rows({HERE: offsets}, {HERE: first} if first else {}) == [expected]


async def test_the_first_record_is_looked_for_once():
    """Also where there was none, until more of the partition is stable."""
    asked: list[dict[Partition, int]] = []
    there: dict[Partition, Record] = {}

    async def first(offsets: Mapping[Partition, int]) -> dict[Partition, Record]:
        asked.append(dict(offsets))
        return {partition: found for partition, found in there.items() if partition in offsets}

    records = FirstRecords(first)
    for _ in range(2):
        assert await records.of({HERE: Unread(4, 6, 9)}) == {}
    there[HERE] = record(7)
    for _ in range(2):
        assert await records.of({HERE: Unread(4, 9, 9)}) == {HERE: record(7)}
    assert await records.of({}) == {}
    await records.of({HERE: Unread(8, 9, 9)})
    assert [offsets for offsets in asked if offsets] == [{HERE: 4}, {HERE: 4}, {HERE: 8}]
