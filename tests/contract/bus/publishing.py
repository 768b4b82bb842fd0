"""Publishing: records are returned unchanged, in the order of their key."""

from __future__ import annotations

import asyncio
from datetime import UTC
from uuid import uuid4

import pytest
from tests.contract.bus.rig import Client, fetch, make_topic, numbered, publish, scan, take, values

from qdpi.bus.port import EventBus, Headers, Message, Start
from qdpi.errors import BusUnavailable, InvalidInput
from qdpi.events import TOPICS, DeadLetter

NOT_TEXT = bytes(range(256))
CASES: dict[str, tuple[bytes | None, bytes | None, Headers]] = {
    "plain": (b"session", b'{"a": 1}', (("x-event-id", b"1"),)),
    "binary": (NOT_TEXT, NOT_TEXT, (("x-any", NOT_TEXT), ("traceparent", b"\xff\xfe\x00"))),
    "repeated headers": (b"key", b"value", (("again", b"1"), ("other", b""), ("again", b"2"))),
    "tombstone": (b"key", None, ()),
    "empty value": (b"key", b"", ()),
    "no key": (None, b"value", ()),
    "empty key": (b"", b"value", ()),
}


class PublishingSuite:
    """Publishing, and the contents of a record."""

    @pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
    async def test_record_round_trip(
        self, bus: EventBus, topic: str, group: str, case: tuple[bytes | None, bytes | None, Headers]
    ) -> None:
        await bus.publish(Message(topic, *case))
        (record,) = await fetch(await bus.join(group, [topic]), 1)
        assert (record.key, record.value, record.headers) == case
        assert record.topic == topic

    async def test_record_has_its_time(self, bus: EventBus, topic: str) -> None:
        await publish(bus, topic, numbered(3))
        times = [record.taken_at for record in await scan(bus, topic)]
        assert times == sorted(times)
        assert all(time.utcoffset() == UTC.utcoffset(None) for time in times)

    async def test_concurrent_publishers_keep_key_order(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        """A key keeps its order and its partition with concurrent publishers."""
        keys = [b"key-%d" % n for n in range(8)]
        clients = [bus, await another_client()]
        await asyncio.gather(*(publish(clients[n % 2], topic, numbered(25), key) for n, key in enumerate(keys)))
        records = await fetch(await bus.join(group, [topic]), 8 * 25)
        for key in keys:
            own = [record for record in records if record.key == key]
            assert values(own) == numbered(25)
            assert len({record.partition for record in own}) == 1
            assert [record.offset for record in own] == sorted(record.offset for record in own)

    async def test_missing_topic_is_refused_by_name(self, bus: EventBus) -> None:
        with pytest.raises(InvalidInput, match=r"test\.nowhere"):
            await bus.publish(Message("test.nowhere", b"key", b"value"))

    async def test_publishing_creates_page_topics(self, bus: EventBus) -> None:
        name = f"gibsey.page.S01.{uuid4()}.events"
        await publish(bus, name, [b"before"])
        assert values(await scan(bus, name)) == [b"before"]
        assert await bus.delete_topics([name]) == [name]
        await publish(bus, name, [b"again"])
        assert values(await scan(bus, name)) == [b"again"]

    async def test_large_dead_letter_is_published(self, bus: EventBus) -> None:
        await bus.create_topics([TOPICS[DeadLetter.topic]])
        value = NOT_TEXT * (5_000_000 // 256)
        async with bus.tap([DeadLetter.topic], Start.LATEST) as tap:
            await bus.publish(Message(DeadLetter.topic, b"key", value))
            (record,) = await take(tap, 1)
        assert record.value == value

    async def test_oversized_value_is_refused(self, bus: EventBus) -> None:
        topic = await make_topic(bus, max_bytes=10_000)
        with pytest.raises(InvalidInput, match=r"10,001 bytes is too large .* 10,000"):
            await bus.publish(Message(topic, b"key", bytes(10_001)))
        await bus.publish(Message(topic, b"key", bytes(10_000)))
        assert values(await scan(bus, topic)) == [bytes(10_000)]

    async def test_closed_bus_is_unavailable(self, another_client: Client, topic: str) -> None:
        bus = await another_client()
        await bus.ping()
        await bus.close()
        await bus.close()
        for call in (bus.ping, bus.topics, lambda: bus.publish(Message(topic, b"key", b"value"))):
            with pytest.raises(BusUnavailable):
                await call()

    async def test_open_is_idempotent(self, bus: EventBus, topic: str) -> None:
        await publish(bus, topic, [b"before"])
        await bus.open()
        await publish(bus, topic, [b"after"])
        assert values(await scan(bus, topic)) == [b"before", b"after"]
