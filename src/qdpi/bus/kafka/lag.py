"""Consumer lag: committed offsets, unread records, and the time of the oldest one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime

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


class LagTimes:
    """The times of the oldest unread records, each read once."""

    def __init__(self, first: ReadFirst) -> None:
        self._first = first
        self._known: dict[tuple[Partition, int], datetime] = {}

    async def of(self, offsets: Mapping[Partition, int]) -> dict[Partition, datetime]:
        """Return the time of the first record of each partition at or after an offset, if there is one."""
        wanted = set(offsets.items())
        unknown = {partition: offset for partition, offset in wanted if (partition, offset) not in self._known}
        found = await self._first(unknown)
        self._known = {key: at for key, at in self._known.items() if key in wanted} | {
            (partition, unknown[partition]): record.taken_at for partition, record in found.items()
        }
        return {partition: at for (partition, _), at in self._known.items()}


def unread(committed: Mapping[Partition, int], bounds: Iterable[TopicState]) -> dict[Partition, tuple[int, int]]:
    """Return the first unread offset of each partition, and the number of offsets from there on."""
    found = {}
    for partition, first, following in bounds:
        start = min(max(committed.get(partition, 0), first), following)
        found[partition] = (start, following - start)
    return found


def rows(unread: Mapping[Partition, tuple[int, int]], since: Mapping[Partition, datetime]) -> list[Lag]:
    """Return a row for each partition, in order."""
    return [Lag(partition, unread[partition][1], since.get(partition)) for partition in sorted(unread)]
