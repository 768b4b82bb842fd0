"""How far a group is behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from qdpi.bus.kafka.config import REQUEST_TIMEOUT
from qdpi.bus.kafka.faults import answered, away, error_of
from qdpi.bus.kafka.naming import Names
from qdpi.bus.kafka.records import partition_of
from qdpi.bus.port import Lag, Partition, Record, TopicState

First = Callable[[Mapping[Partition, int]], Awaitable[dict[Partition, Record]]]
"""Reads the first record of partitions from an offset on."""


class Groups:
    """What the cluster knows of our groups: their commits and what their members own."""

    def __init__(self, admin: AdminClient, names: Names) -> None:
        self._admin, self._names = admin, names

    async def committed(self, group: str) -> dict[Partition, int]:
        """Return the next offsets to read that a group has committed."""
        name = self._names.wire(group)
        asked = [ConsumerGroupTopicPartitions(name)]
        answer = self._admin.list_consumer_group_offsets(asked, request_timeout=REQUEST_TIMEOUT)[name]
        try:
            told = await answered(answer, f"Kafka does not tell the offsets of {group}")
        except KafkaException as exception:
            if error_of(exception).code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise away(error_of(exception)) from exception
        return {partition_of(place, self._names): place.offset for place in told.topic_partitions if place.offset >= 0}

    async def owned(self, group: str) -> set[Partition]:
        """Return the partitions that a group's members own."""
        name = self._names.wire(group)
        answer = self._admin.describe_consumer_groups([name], request_timeout=REQUEST_TIMEOUT)[name]
        try:
            told: ConsumerGroupDescription = await answered(answer, f"Kafka does not describe {group}")
        except KafkaException as exception:
            if error_of(exception).code() == KafkaError.GROUP_ID_NOT_FOUND:
                return set()
            raise away(error_of(exception)) from exception
        return {
            partition_of(place, self._names) for member in told.members for place in member.assignment.topic_partitions
        }


class Since:
    """Since when partitions are behind: the times of records, read once each."""

    def __init__(self, first: First) -> None:
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
