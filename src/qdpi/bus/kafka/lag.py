"""How far a group is behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime

from confluent_kafka import Consumer, KafkaException

from qdpi.bus.kafka.codec import Names, partition_of, places
from qdpi.bus.kafka.config import REQUEST_TIMEOUT
from qdpi.bus.kafka.errors import error_of, unavailable
from qdpi.bus.port import Lag, Partition, Record, TopicState

ReadFirst = Callable[[Mapping[Partition, int]], Awaitable[dict[Partition, Record]]]
"""Reads the first record of partitions from an offset on."""


class CommittedOffsets:
    """What groups have committed, read through a consumer for each that never joins.

    The admin client would tell this too, and which partitions members own; but in librdkafka 2.16 a request to
    a group's coordinator that timed out aborts the process when the coordinator comes back.
    """

    def __init__(self, open_consumer: Callable[[str], Consumer], names: Names) -> None:
        self._open, self._names = open_consumer, names
        self._consumers: dict[str, Consumer] = {}
        self._asking = asyncio.Lock()

    async def of(self, group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the next offset to read of those partitions of which a group has committed one."""
        if group not in self._consumers:
            self._consumers[group] = self._open(group)
        asked = places(partitions, self._names)
        try:
            async with self._asking:
                told = await asyncio.to_thread(self._consumers[group].committed, asked, REQUEST_TIMEOUT)
        except KafkaException as exception:
            raise unavailable(error_of(exception), f"Kafka does not tell the offsets of {group}") from exception
        return {partition_of(place, self._names): place.offset for place in told if place.offset >= 0}

    async def close(self) -> None:
        """Let go of the consumers."""
        for consumer in self._consumers.values():
            await asyncio.to_thread(consumer.close)
        self._consumers.clear()


class LagTimes:
    """Since when partitions are behind: the times of records, read once each."""

    def __init__(self, first: ReadFirst) -> None:
        self._first = first
        self._known: dict[tuple[Partition, int], datetime] = {}

    async def of(self, offsets: Mapping[Partition, int]) -> dict[Partition, datetime]:
        """Return the time of the first record of each partition from an offset on, where there is one."""
        places = {(partition, offset): partition for partition, offset in offsets.items()}
        unknown = {partition: offset for partition, offset in places if (partition, offset) not in self._known}
        found = await self._first(unknown)
        self._known = {place: at for place, at in self._known.items() if place in places} | {
            (partition, unknown[partition]): record.taken_at for partition, record in found.items()
        }
        return {places[place]: at for place, at in self._known.items()}


def unread(committed: Mapping[Partition, int], bounds: Iterable[TopicState]) -> dict[Partition, tuple[int, int]]:
    """Return from which offset on each partition is unread, and how many offsets there are from there on."""
    found = {}
    for partition, first, following in bounds:
        start = min(max(committed.get(partition, 0), first), following)
        found[partition] = (start, following - start)
    return found


def rows(unread: Mapping[Partition, tuple[int, int]], since: Mapping[Partition, datetime]) -> list[Lag]:
    """Return a row for each partition, in order."""
    return [Lag(partition, unread[partition][1], since.get(partition)) for partition in sorted(unread)]
