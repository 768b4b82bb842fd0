"""Producers of others that use transactions: control records, and records of aborted transactions, leave no lag."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from confluent_kafka import IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from tests.contract.bus.kafka import KafkaRig, RigBus
from tests.contract.bus.rig import PATIENCE, fetch, make_topic, scan

from qdpi.bus.port import Start
from qdpi.events import TOPICS, Press
from qdpi.services.backlog import committed_offsets, consumer_lag
from qdpi.services.partitions import add_partitions
from qdpi.topology import ENRICHER, RECORDER

pytestmark = pytest.mark.kafka
Transact = Callable[..., None]


@pytest.fixture
async def rig(kafka_environment: dict[str, str]) -> AsyncIterator[KafkaRig]:
    rig = KafkaRig(kafka_environment, KAFKA_PARTITIONS="1")
    yield rig
    await rig.close()


@pytest.fixture
async def bus(rig: KafkaRig) -> RigBus:
    return await rig.client()


class Transactions:
    """A producer of another program: it writes the values of each transaction, which ends as its caller says."""

    def __init__(self, rig: KafkaRig) -> None:
        properties = {"bootstrap.servers": rig.environment["KAFKA_BROKERS"], "transactional.id": f"other-{uuid4().hex}"}
        self._producer, self._prefix = Producer(properties), rig.environment["KAFKA_PREFIX"]
        self._admin = AdminClient({"bootstrap.servers": rig.environment["KAFKA_BROKERS"]})
        self._producer.init_transactions(PATIENCE)

    @contextmanager
    def open(self, topic: str, *values: bytes, commit: bool = True) -> Iterator[None]:
        """Write the values, and end the transaction with the block."""
        self._producer.begin_transaction()
        for value in values:
            self._producer.produce(self._prefix + topic, value, key=b"s")
        self._producer.flush(PATIENCE)
        yield
        end = self._producer.commit_transaction if commit else self._producer.abort_transaction
        end(PATIENCE)
        self._await_end(topic)

    def _await_end(self, topic: str) -> None:
        """Wait for the control record: the coordinator writes it after it has answered the producer (KIP-98)."""
        partition, pause = TopicPartition(self._prefix + topic, 0), threading.Event()
        while len({self._end_of(partition, level) for level in IsolationLevel}) > 1:
            pause.wait(0.01)

    def _end_of(self, partition: TopicPartition, level: IsolationLevel) -> int:
        asked = self._admin.list_offsets({partition: OffsetSpec.latest()}, isolation_level=level)
        return int(asked[partition].result(PATIENCE).offset)

    def write(self, topic: str, *values: bytes, commit: bool = True) -> None:
        """Write the values as one whole transaction."""
        with self.open(topic, *values, commit=commit):
            pass


@pytest.fixture
async def transactions(rig: KafkaRig, bus: RigBus) -> Transactions:
    return await asyncio.to_thread(Transactions, rig)


async def lag_of(bus: RigBus, group: str) -> list[int]:
    return [lag.records for lag in await bus.lag(group)]


async def read_all(bus: RigBus, group: str, topic: str, count: int) -> None:
    """Read and commit so many records as a member that then leaves."""
    member = await bus.join(group, [topic])
    records = await fetch(member, count)
    await member.commit({records[-1].partition: records[-1].offset + 1})
    await member.leave()


async def test_a_read_transaction_leaves_no_lag(bus: RigBus, transactions: Transactions):
    """Committed, aborted, and one after the other."""
    topic = await make_topic(bus)
    group = f"readers-{uuid4().hex[:8]}"
    await asyncio.to_thread(transactions.write, topic, b"1", b"2")
    await read_all(bus, group, topic, 2)
    assert await lag_of(bus, group) == [0]

    await asyncio.to_thread(transactions.write, topic, b"never", commit=False)
    await asyncio.to_thread(transactions.write, topic, b"never", b"ever", commit=False)
    assert await lag_of(bus, group) == [0]
    assert [lag.since for lag in await bus.lag(group)] == [None]

    await asyncio.to_thread(transactions.write, topic, b"3")
    # The record, and the control record after it, which may come into the log a moment later.
    assert await lag_of(bus, group) in ([1], [2])
    await read_all(bus, group, topic, 1)
    assert await lag_of(bus, group) == [0]
    assert [record.value for record in await scan(bus, topic)] == [b"1", b"2", b"3"]


async def test_an_open_transaction_counts_as_unread(bus: RigBus, transactions: Transactions):
    """Its records may still come, in the partition in which they are: a topic must not grow meanwhile."""
    topic = await make_topic(bus)
    group = f"readers-{uuid4().hex[:8]}"
    await asyncio.to_thread(transactions.write, topic, b"1")
    await read_all(bus, group, topic, 1)

    open_one = transactions.open(topic, b"2", b"3")
    await asyncio.to_thread(open_one.__enter__)
    assert await lag_of(bus, group) == [2]
    await asyncio.to_thread(open_one.__exit__, None, None, None)
    assert await lag_of(bus, group) == [3]


async def test_a_tap_gets_a_transaction_that_was_open_when_it_began(bus: RigBus, transactions: Transactions):
    topic = await make_topic(bus)
    await asyncio.to_thread(transactions.write, topic, b"before")
    open_one = transactions.open(topic, b"open")
    await asyncio.to_thread(open_one.__enter__)
    async with bus.tap([topic], Start.LATEST) as records, asyncio.timeout(PATIENCE):
        await asyncio.to_thread(open_one.__exit__, None, None, None)
        assert (await anext(records)).value == b"open"


async def test_topics_grow_after_transactions(bus: RigBus, transactions: Transactions):
    """`qdpi doctor` and `qdpi kafka-topics --grow` take control records for read, also before any commit of a group."""
    await bus.create_topics(TOPICS.values())
    await asyncio.to_thread(transactions.write, Press.topic, b"{}", commit=False)
    assert await consumer_lag(bus, TOPICS) == {}
    (offset,) = (await committed_offsets(bus, ENRICHER.group, {Press.topic})).values()
    assert offset == 2

    await asyncio.to_thread(transactions.write, Press.topic, b"{}")
    assert await consumer_lag(bus, TOPICS) == {ENRICHER.group: 4, RECORDER.group: 4}
    for group in (ENRICHER.group, RECORDER.group):
        await read_all(bus, group, Press.topic, 1)
    assert await consumer_lag(bus, TOPICS) == {}

    grown = await add_partitions(bus, 2, wait=0, progress=lambda left: pytest.fail(f"it waited for {left}"))
    assert Press.topic in grown
