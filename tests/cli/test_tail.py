from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tests.support import factories

from qdpi.bus.port import Partition, Record
from qdpi.cli.tail import nearly_in_order


def record(partition: int, offset: int, seconds: float) -> Record:
    return Record(Partition("t", partition), offset, b"k", b"{}", (), factories.at(seconds))


async def given(*records: Record) -> AsyncIterator[Record]:
    for each in records:
        yield each


async def test_nearly_in_order_sorts_records_by_time():
    first, second = [record(0, n, n * 2) for n in range(3)], [record(1, n, n * 2 + 1) for n in range(3)]

    result = [each async for each in nearly_in_order(given(*first, *second))]

    assert result == sorted([*first, *second], key=lambda each: each.taken_at)


async def test_nearly_in_order_holds_at_most_the_limit():
    """No more records than the limit are held back."""
    late, early = [record(0, n, 10 + n) for n in range(2)], [record(1, n, n) for n in range(2)]

    result = [each async for each in nearly_in_order(given(*late, *early), limit=2)]

    assert result == [*late, *early]


async def test_nearly_in_order_does_not_wait_for_a_next_record():
    went_on = asyncio.Event()

    async def one_and_then_nothing() -> AsyncIterator[Record]:
        yield record(0, 0, 0)
        await went_on.wait()

    result = nearly_in_order(one_and_then_nothing(), quiet=0)

    assert await anext(result) == record(0, 0, 0)
    went_on.set()
    assert [each async for each in result] == []
