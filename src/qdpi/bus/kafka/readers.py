"""Reading without a group: scans of existing records, the first record at an offset, and taps."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError
from confluent_kafka import Message as KafkaMessage

from qdpi.bus.kafka.codec import Names, partition_of_message, record_of, wire_offsets, wire_partitions
from qdpi.bus.kafka.config import REQUEST_TIMEOUT
from qdpi.bus.kafka.consumer_thread import ConsumerThread, Heartbeat, Poller
from qdpi.bus.kafka.errors import Reachability, is_transient, unavailable
from qdpi.bus.port import Partition, Record, TopicState
from qdpi.errors import BusUnavailable

Open = Callable[[Reachability], Consumer]
"""Opens a consumer outside any group that reports the ends of partitions."""

_BATCH: Final = 500
"""The largest number of records fetched at once."""
_POLL_TIMEOUT: Final = 0.1
_FETCH_TIMEOUT: Final = 1.0
_RETRY_INTERVAL: Final = 0.2
"""Seconds between a tap's fetches during an outage."""


async def read_bounds(bounds: list[TopicState], open_consumer: Open, names: Names) -> AsyncIterator[Record]:
    """Yield the records between the bounds of partitions. Raises `BusUnavailable` if the brokers stop answering."""
    full = [state for state in bounds if state.first < state.next]
    ends = {state.partition: state.next for state in full}
    async with _open_messages({state.partition: state.first for state in full}, open_consumer, names) as messages:
        async for message in messages:
            partition = partition_of_message(message, names)
            if message.error() is None and (record := record_of(message, names)).offset < ends.get(partition, 0):
                yield record
            if message.error() or (message.offset() or 0) >= ends.get(partition, 0) - 1:
                ends.pop(partition, None)
            if not ends:
                return


async def read_first(offsets: Mapping[Partition, int], open_consumer: Open, names: Names) -> dict[Partition, Record]:
    """Return the first record of each partition at or after an offset, if there is one. Raises `BusUnavailable`."""
    found: dict[Partition, Record] = {}
    wanted = set(offsets)
    async with _open_messages(offsets, open_consumer, names) as messages:
        async for message in messages:
            partition = partition_of_message(message, names)
            if message.error() is None and partition in wanted:
                found[partition] = record_of(message, names)
            wanted.discard(partition)
            if not wanted:
                break
    return found


@asynccontextmanager
async def _open_messages(
    offsets: Mapping[Partition, int], open_consumer: Open, names: Names
) -> AsyncIterator[AsyncIterator[KafkaMessage]]:
    """Read from offsets on: records, and an error `_PARTITION_EOF` at the end of each partition."""
    if not offsets:
        yield _nothing()
        return
    reachability = Reachability(names.wire(next(iter(offsets)).topic))
    consumer = open_consumer(reachability)
    try:
        consumer.assign(wire_offsets(offsets, names))
        yield _messages(consumer, reachability)
    finally:
        await asyncio.to_thread(consumer.close)


async def _nothing() -> AsyncIterator[KafkaMessage]:
    messages: tuple[KafkaMessage, ...] = ()
    for message in messages:
        yield message


async def _messages(consumer: Consumer, reachability: Reachability) -> AsyncIterator[KafkaMessage]:
    received_at = monotonic()
    while True:
        messages = await asyncio.to_thread(_batch, consumer)
        for message in messages:
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                yield message
            elif not is_transient(error):
                raise unavailable(error, "Kafka refuses this reader")
        if messages:
            received_at = monotonic()
        elif reachability.outage or monotonic() > received_at + REQUEST_TIMEOUT:
            raise reachability.outage or BusUnavailable(f"Kafka sent no record within {REQUEST_TIMEOUT:g} s.")


def _batch(consumer: Consumer) -> list[KafkaMessage]:
    first = consumer.poll(_POLL_TIMEOUT)
    return [] if first is None else [first, *consumer.consume(_BATCH - 1, 0.0)]


class _TapSubscription:
    """The partitions of a tap. Records that its reader has not taken stay in Kafka."""

    def __init__(self) -> None:
        self.positions: dict[Partition, int] = {}

    def owns(self, partition: Partition) -> bool:
        """Return whether the tap reads a partition."""
        return partition in self.positions

    def is_fetchable(self, partition: Partition) -> bool:
        """Return whether the tap reads a partition: it never pauses one."""
        return partition in self.positions

    def prepare(self, *, requested: bool) -> bool:
        """Return whether a fetch is waiting: outside a group, no heartbeat is needed."""
        return requested

    def revocations_delivered(self) -> None:
        """Do nothing: a tap has no revocations."""


class Tap(AsyncIterator[Record]):
    """Yields records from given positions on until it is closed. It resumes after broker outages."""

    def __init__(
        self,
        topics: Collection[str],
        positions: Mapping[Partition, int],
        open_consumer: Callable[[Reachability], Consumer],
        names: Names,
        heartbeat: Heartbeat,
        *,
        limit: int,
    ) -> None:
        self.topics = frozenset(topics)
        self._names, self._limit = names, min(limit, _BATCH)
        self._read: deque[Record] = deque()
        self._subscription = _TapSubscription()
        reachability = Reachability(names.wire(min(topics)))
        self._consumer = open_consumer(reachability)
        self._assign(positions)
        poller = Poller(self._consumer, self._subscription, names, reachability, heartbeat)
        self._thread = ConsumerThread(poller, heartbeat, name="kafka-tap")

    async def __anext__(self) -> Record:
        while not self._read:
            if self._thread.has_closed:
                raise StopAsyncIteration
            try:
                self._read.extend((await self._thread.fetch(self._limit, _FETCH_TIMEOUT)).records)
            except BusUnavailable:
                await asyncio.sleep(_RETRY_INTERVAL)
        return self._read.popleft()

    async def close(self) -> None:
        """End the iteration, also for a reader that is waiting."""
        await self._thread.close()

    async def topics_recreated(self, topics: Collection[str]) -> None:
        """Read recreated topics from their first record."""
        again = [partition for partition in self._subscription.positions if partition.topic in topics]
        await self.partitions_added(again)

    async def partitions_added(self, partitions: Collection[Partition]) -> None:
        """Read partitions that were added after the tap started, from their first record."""
        if not self._thread.has_closed:
            await self._thread.call(partial(self._assign, dict.fromkeys(partitions, OFFSET_BEGINNING)))

    def _assign(self, positions: Mapping[Partition, int]) -> None:
        again = self._subscription.positions.keys() & positions
        if again:
            self._consumer.incremental_unassign(wire_partitions(again, self._names))
        self._consumer.incremental_assign(wire_offsets(positions, self._names))
        self._subscription.positions.update(positions)
