"""Kafka's partitions: rebalancing, added partitions, recreated topics, and the partitioning of keys."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from tests.contract.bus.kafka import KafkaRig
from tests.contract.bus.processes import child, line, tell
from tests.contract.bus.rig import (
    OFTEN,
    PATIENCE,
    after,
    fetch,
    fetch_revocation,
    fetch_until,
    make_topic,
    numbered,
    publish,
    scan,
    take,
    until_unavailable,
    values,
)

from qdpi.bus.kafka.topics import OVERHEAD
from qdpi.bus.port import Delivery, EventBus, Membership, Message, Partition, Start
from qdpi.errors import BusUnavailable, InvalidInput
from qdpi.events import TOPICS, DeadLetter, PageEvent, Press, ReaderPlace, TopicSpec
from qdpi.retry import retry_while_unavailable

pytestmark = pytest.mark.kafka

PARTITIONS = 4


@pytest.fixture(params=["classic", "consumer"])
async def rig(kafka_environment: dict[str, str], request: pytest.FixtureRequest) -> AsyncIterator[KafkaRig]:
    rig = KafkaRig(
        kafka_environment, KAFKA_GROUPS=request.param, KAFKA_PARTITIONS=str(PARTITIONS), KAFKA_SESSION_TIMEOUT="2"
    )
    yield rig
    await rig.close()


@pytest.fixture
async def bus(rig: KafkaRig) -> EventBus:
    return await rig.client()


@pytest.fixture
async def topic(bus: EventBus) -> str:
    return await make_topic(bus)


async def fill(bus: EventBus, topic: str, value: bytes) -> None:
    """Publish a value to every partition of a topic."""
    for number in range(64):
        await bus.publish(Message(topic, b"key-%d" % number, value))


class Reader:
    """A task that fetches from a member and records the deliveries."""

    def __init__(self, member: Membership) -> None:
        self.seen = set[Partition]()
        self.revoked: list[Partition] = []
        self.values = set[bytes | None]()
        self._came = asyncio.Condition()
        self._task = asyncio.create_task(self._read(member))

    async def until(self, holds) -> None:
        async with asyncio.timeout(PATIENCE), self._came:
            await self._came.wait_for(lambda: holds(self))

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, member: Membership) -> None:
        while True:
            records, revoked = await member.fetch(100, 0.2)
            async with self._came:
                self.seen |= {record.partition for record in records}
                self.values |= set(values(records))
                self.revoked += revoked
                self._came.notify_all()
            await member.commit(after(records))


async def test_second_member_takes_half_of_the_partitions(rig, bus, topic):
    await fill(bus, topic, b"early")
    first = Reader(await bus.join("group", [topic]))
    await first.until(lambda reader: len(reader.seen) == PARTITIONS)
    second = Reader(await (await rig.client()).join("group", [topic]))
    await first.until(lambda reader: len(reader.revoked) == PARTITIONS // 2)
    await fill(bus, topic, b"late")
    await second.until(lambda reader: len(reader.seen) == PARTITIONS // 2)
    assert second.seen == set(first.revoked)
    await first.until(lambda reader: b"late" in reader.values)
    assert len(first.revoked) == PARTITIONS // 2
    await first.stop()
    await second.stop()


async def test_commit_after_revocation_counts(rig, bus, topic):
    """Records committed between a revocation and the next fetch are not redelivered."""
    await fill(bus, topic, b"early")
    first = await bus.join("group", [topic])
    held = after(await fetch(first, 64))
    second = await (await rig.client()).join("group", [topic])
    delivery = await fetch_revocation(first)
    assert not delivery.records
    await first.commit({partition: held[partition] for partition in delivery.revoked})
    polling = Reader(first)
    await fill(bus, topic, b"late")
    found = await fetch(second, sum(1 for r in await scan(bus, topic) if r.partition in delivery.revoked) // 2)
    assert {record.partition for record in found} <= set(delivery.revoked)
    assert set(values(found)) == {b"late"}
    await polling.stop()


async def test_revoked_partition_does_not_wait_for_ever(rig, bus, topic):
    """A revoked partition goes to its new owner even if the old one never fetches again."""
    await fill(bus, topic, b"early")
    first = await bus.join("group", [topic])
    await fetch(first, 64)
    second = await (await rig.client()).join("group", [topic])
    revoked = set((await fetch_revocation(first)).revoked)
    records = await fetch(second, 1)
    assert {record.partition for record in records} <= revoked


async def test_leaving_member_is_replaced_at_once(kafka_environment):
    rig = KafkaRig(kafka_environment, KAFKA_SESSION_TIMEOUT="300")
    bus = await rig.client()
    topic = await make_topic(bus)
    await publish(bus, topic, numbered(3))
    holder = await bus.join("group", [topic])
    await fetch(holder, 3)
    successor = await (await rig.client()).join("group", [topic])
    await holder.leave()
    assert values(await fetch(successor, 3)) == numbered(3)
    await rig.close()


async def test_resumed_process_commits_without_effect(rig, bus, topic):
    """A process that was paused past its session timeout commits without effect."""
    await publish(bus, topic, numbered(5))
    async with child(rig, "zombie", "group", topic, "5") as zombie:
        assert await line(zombie) == "holds 5"
        zombie.send_signal(signal.SIGSTOP)
        successor = await bus.join("group", [topic])
        again = await fetch(successor, 5)
        await successor.commit(after(again[:2]))
        zombie.send_signal(signal.SIGCONT)
        await tell(zombie, "commit")
        assert await line(zombie) == "committed"
        reading = asyncio.create_task(fetch_until(successor, b"last"))
        assert await line(zombie) == "lost"
        await publish(bus, topic, [b"last"])
        lag = {lag.partition: lag.records for lag in await bus.lag("group")}
        assert lag[again[0].partition] == 4
        zombie.kill()
        await zombie.wait()
        reading.cancel()


async def test_recreated_topic_is_read_from_its_first_record(bus, topic):
    await publish(bus, topic, numbered(5))
    member = await bus.join("group", [topic])
    await member.commit(after(await fetch(member, 5)))
    async with bus.tap([topic], Start.LATEST) as tap:
        await publish(bus, topic, [b"old"])
        assert values(await take(tap, 1)) == [b"old"]
        await bus.delete_topics([topic])
        await bus.create_topics([TopicSpec(topic, Press, "session_id", 3_600)])
        await publish(bus, topic, numbered(9, start=10))
        await until_all(member, set(numbered(9, start=10)))
        seen = set[bytes | None]()
        while not seen >= set(numbered(9, start=10)):
            seen |= set(values(await take(tap, 1)))
    await publish(bus, topic, [b"last"])
    records = await fetch_until(member, b"last")
    assert set(records) <= set(numbered(9, start=10))


async def until_all(member: Membership, wanted: set[bytes]) -> None:
    """Fetch and commit, as a worker does, until all values have arrived."""
    seen = set[bytes | None]()
    async with asyncio.timeout(PATIENCE):
        while not seen >= wanted:
            delivery: Delivery = await member.fetch(100, 0.2)
            seen |= set(values(delivery.records))
            await member.commit(after(delivery.records))


async def test_added_partitions_are_read_from_their_first_record(bus, topic):
    member = await bus.join("group", [topic])
    async with bus.tap([topic], Start.LATEST) as tap:
        assert await bus.grow_topics([topic], 2 * PARTITIONS) == [topic]
        assert await bus.grow_topics([topic], 2 * PARTITIONS) == []
        await fill(bus, topic, b"more")
        places = {record.partition for record in await take(tap, 64)}
        assert len(places) == 2 * PARTITIONS
        assert {record.partition for record in await fetch(member, 64)} == places


async def test_growing_a_missing_topic_is_refused(bus):
    with pytest.raises(InvalidInput, match=r"test\.nowhere"):
        await bus.grow_topics(["test.nowhere"], 8)


async def test_partitions_of_page_topics(bus):
    """A section's topic has as many partitions as other topics, a page's topic has one."""
    section, page = "gibsey.page.S02", f"gibsey.page.S02.{uuid4()}.events"
    await publish(bus, section, [b"linked"])
    await publish(bus, page, [b"linked"])
    counts = [partition.topic for partition, *_ in await bus.topics()]
    assert (counts.count(section), counts.count(page)) == (PARTITIONS, 1)


async def test_tap_reads_a_topic_created_later(bus):
    name = f"gibsey.page.S03.{uuid4()}.events"
    async with bus.tap([name], Start.LATEST) as tap:
        await publish(bus, name, [b"first"])
        assert values(await take(tap, 1)) == [b"first"]


async def test_topics_are_configured_by_their_specs(rig, bus):
    await bus.create_topics(TOPICS.values())
    admin = AdminClient({"bootstrap.servers": rig.environment["KAFKA_BROKERS"]})
    for name, spec in TOPICS.items():
        resource = ConfigResource(ResourceType.TOPIC, rig.environment["KAFKA_PREFIX"] + name)
        result = await asyncio.wrap_future(admin.describe_configs([resource])[resource])
        assert int(result["retention.ms"].value) == spec.retention * 1_000
        assert int(result["max.message.bytes"].value) == spec.max_bytes + OVERHEAD
        assert result["cleanup.policy"].value == ("compact,delete" if spec.compact else "delete")
    assert {name for name, spec in TOPICS.items() if spec.compact} == {PageEvent.topic, ReaderPlace.topic}


@pytest.mark.parametrize(
    ("key", "murmur2"),
    # the hashes that Kafka's own tests hold its Java client against (org.apache.kafka.common.utils.UtilsTest)
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
async def test_key_partition_matches_the_java_client(bus, topic, key, murmur2):
    await publish(bus, topic, [b"value"], key=key)
    (record,) = await scan(bus, topic)
    assert record.partition.number == (murmur2 & 0x7FFFFFFF) % PARTITIONS


async def test_prefixes_separate_systems(rig, bus, kafka_environment):
    other = KafkaRig(kafka_environment)
    stranger = await other.client()
    for each in (bus, stranger):
        await each.create_topics([TOPICS[Press.topic]])
    await publish(bus, Press.topic, [b"ours"])
    assert await scan(stranger, Press.topic) == []
    assert {state.partition.topic for state in await stranger.topics()} == {Press.topic}
    member = await stranger.join("group", [Press.topic])
    await publish(stranger, Press.topic, [b"theirs"])
    assert values(await fetch(member, 1)) == [b"theirs"]
    await other.close()


async def test_missing_core_topic_is_an_outage(bus):
    with pytest.raises(BusUnavailable, match=r"no topic gibsey\.ui\.symbol") as refused:
        await publish(bus, Press.topic, [b"press"])
    assert "kafka-topics" in refused.value.next_step
    await bus.create_topics([TOPICS[Press.topic]])
    await publish(bus, Press.topic, [b"press"])
    await bus.delete_topics([Press.topic])
    with pytest.raises(BusUnavailable):
        await publish(bus, Press.topic, [b"press"])
    await bus.create_topics([TOPICS[Press.topic]])
    await publish(bus, Press.topic, [b"again"])
    assert values(await scan(bus, Press.topic)) == [b"again"]


async def test_deleted_core_topic_with_a_reader_is_an_outage(bus):
    """A deleted core topic that a reader in this process uses is an outage until it is recreated."""
    await bus.create_topics([TOPICS[Press.topic]])
    async with bus.tap([Press.topic], Start.LATEST):
        await bus.ping()
        await bus.delete_topics([Press.topic])
        error = await until_unavailable(bus.ping)
        assert (Press.topic in error.detail, "kafka-topics" in error.next_step) == (True, True)
        await bus.create_topics([TOPICS[Press.topic]])
        async with asyncio.timeout(PATIENCE):
            await retry_while_unavailable(bus.ping, OFTEN)


async def test_record_above_the_topics_own_limit_is_bad_input(rig, bus):
    """A record larger than a topic created by others accepts is bad input, and not an outage."""
    admin = AdminClient({"bootstrap.servers": rig.environment["KAFKA_BROKERS"]})
    name = rig.environment["KAFKA_PREFIX"] + DeadLetter.topic
    small = NewTopic(name, 1, config={"max.message.bytes": "1000"})
    await asyncio.wrap_future(admin.create_topics([small])[name])
    with pytest.raises(InvalidInput, match=r"gibsey\.dlq does not accept a record") as refused:
        # The broker answers before it knows the topic itself: until then the topic is absent, which is an outage.
        await retry_while_unavailable(lambda: publish(bus, DeadLetter.topic, [b"x" * 2_000]), OFTEN)
    assert "max.message.bytes" in refused.value.next_step
    await publish(bus, DeadLetter.topic, [b"x"])
    assert values(await scan(bus, DeadLetter.topic)) == [b"x"]
