"""Readings that end: all that a topic holds now, and the first record from an offset on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from confluent_kafka import Consumer, KafkaError
from confluent_kafka import Message as KafkaMessage

from qdpi.bus.kafka.codec import partition_of_message, placed, record_of
from qdpi.bus.kafka.config import REQUEST_TIMEOUT
from qdpi.bus.kafka.errors import Reach, away, is_passing
from qdpi.bus.kafka.naming import Names
from qdpi.bus.port import Partition, Record, TopicState
from qdpi.errors import BusUnavailable

Open = Callable[[Reach], Consumer]
"""Opens a consumer that is of no group and tells of partitions' ends."""

_BATCH: Final = 500
_SLICE: Final = 0.1


async def read_bounds(bounds: list[TopicState], open_consumer: Open, names: Names) -> AsyncIterator[Record]:
    """Yield the records between the bounds of partitions. Raises `BusUnavailable` where none come any more."""
    full = [state for state in bounds if state.first < state.next]
    ends = {state.partition: state.next for state in full}
    async with _reading({state.partition: state.first for state in full}, open_consumer, names) as messages:
        async for message in messages:
            partition = partition_of_message(message, names)
            if message.error() is None and (record := record_of(message, names)).offset < ends.get(partition, 0):
                yield record
            if message.error() or (message.offset() or 0) >= ends.get(partition, 0) - 1:
                ends.pop(partition, None)
            if not ends:
                return


async def read_first(offsets: Mapping[Partition, int], open_consumer: Open, names: Names) -> dict[Partition, Record]:
    """Return the first record of each partition from an offset on, where there is one. Raises `BusUnavailable`."""
    found: dict[Partition, Record] = {}
    wanted = set(offsets)
    async with _reading(offsets, open_consumer, names) as messages:
        async for message in messages:
            partition = partition_of_message(message, names)
            if message.error() is None and partition in wanted:
                found[partition] = record_of(message, names)
            wanted.discard(partition)
            if not wanted:
                break
    return found


@asynccontextmanager
async def _reading(
    offsets: Mapping[Partition, int], open_consumer: Open, names: Names
) -> AsyncIterator[AsyncIterator[KafkaMessage]]:
    """Read from offsets on: records, and an error `_PARTITION_EOF` wherever a partition's end is reached."""
    if not offsets:
        yield _nothing()
        return
    reach = Reach(names.wire(next(iter(offsets)).topic))
    consumer = open_consumer(reach)
    try:
        consumer.assign(placed(offsets, names))
        yield _messages(consumer, reach)
    finally:
        await asyncio.to_thread(consumer.close)


async def _nothing() -> AsyncIterator[KafkaMessage]:
    messages: tuple[KafkaMessage, ...] = ()
    for message in messages:
        yield message


async def _messages(consumer: Consumer, reach: Reach) -> AsyncIterator[KafkaMessage]:
    heard_at = monotonic()
    while True:
        messages = await asyncio.to_thread(_batch, consumer)
        for message in messages:
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                yield message
            elif not is_passing(error):
                raise away(error, "Kafka refuses this reader")
        if messages:
            heard_at = monotonic()
        elif reach.away or monotonic() > heard_at + REQUEST_TIMEOUT:
            raise reach.away or BusUnavailable(f"Kafka sent no record within {REQUEST_TIMEOUT:g} s.")


def _batch(consumer: Consumer) -> list[KafkaMessage]:
    first = consumer.poll(_SLICE)
    return [] if first is None else [first, *consumer.consume(_BATCH - 1, 0.0)]
