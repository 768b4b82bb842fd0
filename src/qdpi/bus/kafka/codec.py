"""Conversions between Kafka's messages, partitions and names and those of the port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import methodcaller
from typing import Final, NamedTuple

import structlog
from confluent_kafka import Message as KafkaMessage
from confluent_kafka import TopicPartition

from qdpi.bus.port import Headers, Partition, Record
from qdpi.ids import from_milliseconds

log = structlog.get_logger()

_HEADERS: Final = methodcaller("headers")
"""Gets the headers of a message.

If a header's name is not UTF-8, the client returns broken headers and leaves an exception set. Called this way, the
interpreter notices and raises `SystemError`. Called directly from hot code, it does not, and crashes later.
"""


def record_of(message: KafkaMessage, names: Names) -> Record:
    """Return the record of a message that is not an error."""
    return Record(
        Partition(names.plain(message.topic() or ""), _number(message.partition())),
        _number(message.offset()),
        message.key(),
        message.value(),
        _headers(message),
        from_milliseconds(message.timestamp()[1]),
    )


def _headers(message: KafkaMessage) -> Headers:
    try:
        headers = _HEADERS(message) or []
    except SystemError:
        log.warning("kafka.headers_unreadable", topic=message.topic(), offset=message.offset())
        return ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return tuple((name, value.encode() if isinstance(value, str) else value or b"") for name, value in pairs)


def _number(value: int | None) -> int:
    return -1 if value is None else value


def partition_of(partition: TopicPartition, names: Names) -> Partition:
    """Return the partition of the port for one of Kafka's."""
    return Partition(names.plain(partition.topic), partition.partition)


def wire_partitions(partitions: Iterable[Partition], names: Names) -> list[TopicPartition]:
    """Return partitions as Kafka's."""
    return [TopicPartition(names.wire(topic), number) for topic, number in partitions]


def wire_offsets(offsets: Mapping[Partition, int], names: Names) -> list[TopicPartition]:
    """Return partitions with offsets as Kafka's."""
    return [TopicPartition(names.wire(topic), number, offset) for (topic, number), offset in offsets.items()]


def partition_of_message(message: KafkaMessage, names: Names) -> Partition:
    """Return the partition of a message, or of an error about a partition."""
    return Partition(names.plain(message.topic() or ""), _number(message.partition()))


class Names(NamedTuple):
    """Adds a prefix to names of topics and groups, and removes it: several systems may share a cluster."""

    prefix: str

    def wire(self, name: str) -> str:
        """Return the name used by the brokers."""
        return self.prefix + name

    def plain(self, wired: str) -> str:
        """Return a name without the prefix."""
        return wired.removeprefix(self.prefix)

    def is_ours(self, wired: str) -> bool:
        """Return whether a topic belongs to this system. Names of Kafka's internal topics begin with `__`."""
        return wired.startswith(self.prefix) and not wired.startswith("__")
