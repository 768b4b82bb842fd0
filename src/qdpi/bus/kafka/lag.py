"""Consumer lag: committed offsets, unread records, and the time of the oldest one. Control records count as read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException

from qdpi.bus.kafka.codec import Names, partition_of, wire_partitions
from qdpi.bus.kafka.config import REQUEST_TIMEOUT
from qdpi.bus.kafka.errors import error_of, unavailable
from qdpi.bus.port import Lag, Partition, Record, TopicState

ReadFirst = Callable[[Mapping[Partition, int]], Awaitable[dict[Partition, Record]]]
"""Reads the first record of each partition at or after an offset."""


class CommittedOffsets:
    """The committed offsets of groups, read through one consumer per group that never joins.

    The admin client offers the same. But in librdkafka 2.16, after a request to a group's coordinator has timed out,
    the process aborts when the coordinator comes back.
    """

    def __init__(self, open_consumer: Callable[[str], Consumer], names: Names) -> None:
        self._open, self._names = open_consumer, names
        self._consumers: dict[str, Consumer] = {}
        self._lock = asyncio.Lock()

    async def of(self, group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the committed offsets of a group; partitions without one are left out."""
        if group not in self._consumers:
            self._consumers[group] = self._open(group)
        requested = wire_partitions(partitions, self._names)
        try:
            async with self._lock:
                committed = await asyncio.to_thread(self._consumers[group].committed, requested, REQUEST_TIMEOUT)
        except KafkaException as exception:
            raise unavailable(error_of(exception), f"The offsets of {group} could not be read") from exception
        return {partition_of(each, self._names): each.offset for each in committed if each.offset >= 0}

    async def close(self) -> None:
        """Close the consumers."""
        for consumer in self._consumers.values():
            await asyncio.to_thread(consumer.close)
        self._consumers.clear()


class Unread(NamedTuple):
    """The offsets of a partition that a group has not committed: from `start` to before `end`.

    Before `stable` no transaction is open. From there on readers get nothing until its transaction ends.
    """

    start: int
    stable: int
    end: int


class FirstRecords:
    """The first unread record of each partition, looked for once.

    Not every offset has a record: a transaction ends with a control record, and the records of an aborted one are
    never delivered.
    """

    def __init__(self, first: ReadFirst) -> None:
        self._first = first
        self._found: dict[tuple[Partition, int], Record] = {}
        self._empty: dict[tuple[Partition, int], int] = {}

    async def of(self, unread: Mapping[Partition, Unread]) -> dict[Partition, Record]:
        """Return the first record of each partition at or after its start, if there is one."""
        keys = {partition: (partition, each.start) for partition, each in unread.items()}
        unknown = {
            partition: each.start
            for partition, each in unread.items()
            if keys[partition] not in self._found and self._empty.get(keys[partition], -1) < each.stable
        }
        found = await self._first(unknown)
        self._found = {key: record for key, record in self._found.items() if key in keys.values()}
        self._found |= {keys[partition]: record for partition, record in found.items()}
        self._empty = {key: unread[partition].stable for partition, key in keys.items() if key not in self._found}
        return {partition: self._found[key] for partition, key in keys.items() if key in self._found}


def unread(
    committed: Mapping[Partition, int], bounds: Iterable[TopicState], stable: Mapping[Partition, int]
) -> dict[Partition, Unread]:
    """Return the unread offsets of each partition, from its bounds and the end of what is stable in it."""
    found = {}
    for partition, first, following in bounds:
        start = min(max(committed.get(partition, 0), first), following)
        found[partition] = Unread(start, min(max(stable.get(partition, following), start), following), following)
    return found


def rows(unread: Mapping[Partition, Unread], first: Mapping[Partition, Record]) -> list[Lag]:
    """Return a row for each partition, in order. Offsets that have no record, and will have none, count as read."""
    return [_row(partition, unread[partition], first.get(partition)) for partition in sorted(unread)]


def _row(partition: Partition, unread: Unread, first: Record | None) -> Lag:
    records = unread.end - (first.offset if first else unread.stable)
    return Lag(partition, records, first.taken_at if first else None) if records > 0 else Lag(partition, 0, None)
