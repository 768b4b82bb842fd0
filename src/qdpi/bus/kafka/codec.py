"""Kafka's messages and partitions as ours, and back."""

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
"""Asks a message for its headers. Where a name is not UTF-8 the client gives broken ones and leaves its error lying.

Called in this way the interpreter notices, and raises `SystemError`; called directly from hot code it does not, and
dies of them later.
"""


def record_of(message: KafkaMessage, names: Names) -> Record:
    """Return a message that is no error as a record."""
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
        told = _HEADERS(message) or []
    except SystemError:
        log.warning("kafka.headers_unreadable", topic=message.topic(), offset=message.offset())
        return ()
    pairs = told.items() if isinstance(told, dict) else told
    return tuple((name, value.encode() if isinstance(value, str) else value or b"") for name, value in pairs)


def _number(value: int | None) -> int:
    return -1 if value is None else value


def partition_of(place: TopicPartition, names: Names) -> Partition:
    """Return a partition as we call it."""
    return Partition(names.plain(place.topic), place.partition)


def places(partitions: Iterable[Partition], names: Names) -> list[TopicPartition]:
    """Return partitions as brokers call them."""
    return [TopicPartition(names.wire(topic), number) for topic, number in partitions]


def placed(offsets: Mapping[Partition, int], names: Names) -> list[TopicPartition]:
    """Return offsets of partitions as brokers take them."""
    return [TopicPartition(names.wire(topic), number, offset) for (topic, number), offset in offsets.items()]


def partition_of_message(message: KafkaMessage, names: Names) -> Partition:
    """Return the partition that a message, or an error about a partition, is of."""
    return Partition(names.plain(message.topic() or ""), _number(message.partition()))


class Names(NamedTuple):
    """Puts a prefix before names, and takes it off."""

    prefix: str

    def wire(self, name: str) -> str:
        """Return the name that brokers know."""
        return self.prefix + name

    def plain(self, wired: str) -> str:
        """Return our name of a topic that is ours."""
        return wired.removeprefix(self.prefix)

    def is_ours(self, wired: str) -> bool:
        """Tell whether a topic of the cluster is ours: brokers keep their own under two underscores."""
        return wired.startswith(self.prefix) and not wired.startswith("__")
