"""Taps read without a group; scans read the existing records and end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tests.contract.bus.rig import PATIENCE, Client, numbered, publish, scan, take, values

from qdpi.bus.port import EventBus, Record, Start


class TapsSuite:
    """Taps and scans."""

    async def test_tap_from_latest_reads_new_records_only(
        self, bus: EventBus, another_client: Client, topic: str
    ) -> None:
        other = await another_client()
        await publish(bus, topic, [b"before"])
        async with bus.tap([topic], Start.LATEST) as tap:
            await publish(bus, topic, numbered(3))
            await publish(other, topic, numbered(3, start=3))
            assert values(await take(tap, 6)) == numbered(6)

    async def test_tap_from_earliest_reads_everything(self, bus: EventBus, another_client: Client, topic: str) -> None:
        await publish(await another_client(), topic, numbered(3))
        async with bus.tap([topic], Start.EARLIEST) as tap:
            await publish(bus, topic, numbered(3, start=3))
            assert values(await take(tap, 6)) == numbered(6)

    async def test_tap_reads_several_topics(self, bus: EventBus, topic: str, other_topic: str) -> None:
        async with bus.tap([topic, other_topic], Start.LATEST) as tap:
            await publish(bus, topic, [b"one"])
            await publish(bus, other_topic, [b"two"])
            records = await take(tap, 2)
        assert {(record.topic, record.value) for record in records} == {
            (topic, b"one"),
            (other_topic, b"two"),
        }

    async def test_slow_tap_loses_nothing(self, bus: EventBus, topic: str) -> None:
        async with bus.tap([topic], Start.LATEST, limit=5) as tap:
            await publish(bus, topic, numbered(50))
            early = await take(tap, 3)
            await publish(bus, topic, numbered(50, start=50))
            late = await take(tap, 97)
        assert values([*early, *late]) == numbered(100)

    async def test_tap_does_not_affect_groups(self, bus: EventBus, topic: str, group: str) -> None:
        await publish(bus, topic, numbered(2))
        await bus.join(group, [topic])
        async with bus.tap([topic], Start.EARLIEST) as tap:
            await take(tap, 2)
        assert sum(lag.records for lag in await bus.lag(group)) == 2

    async def test_tap_ends_with_its_context(self, bus: EventBus, topic: str) -> None:
        async with bus.tap([topic], Start.LATEST) as tap:
            reader = Reader(tap)
            await publish(bus, topic, [b"one"])
            await reader.until(1)
        assert values(await reader.all()) == [b"one"]

    async def test_tap_ends_with_the_bus(self, bus: EventBus, another_client: Client, topic: str) -> None:
        other = await another_client()
        async with other.tap([topic], Start.LATEST) as tap:
            reader = Reader(tap)
            await publish(bus, topic, [b"one"])
            await reader.until(1)
            await other.close()
            assert values(await reader.all()) == [b"one"]

    async def test_scan_reads_existing_records_and_ends(self, bus: EventBus, topic: str) -> None:
        assert await scan(bus, topic) == []
        await publish(bus, topic, numbered(5))
        assert values(await scan(bus, topic)) == numbered(5)
        assert values(await scan(bus, topic)) == numbered(5)

    async def test_scan_ends_while_the_topic_grows(self, bus: EventBus, topic: str) -> None:
        await publish(bus, topic, numbered(5))
        found: list[bytes | None] = []
        async with asyncio.timeout(PATIENCE):
            async for record in bus.scan(topic):
                found.append(record.value)
                await publish(bus, topic, [b"later"])
        assert found[:5] == numbered(5)


class Reader:
    """A task that reads a tap to its end."""

    def __init__(self, tap: AsyncIterator[Record]) -> None:
        self._tap = tap
        self._records: list[Record] = []
        self._came = asyncio.Condition()
        self._task = asyncio.create_task(self._read())

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE), self._came:
            await self._came.wait_for(lambda: len(self._records) >= count)

    async def all(self) -> list[Record]:
        await asyncio.wait_for(self._task, PATIENCE)
        return self._records

    async def _read(self) -> None:
        async for record in self._tap:
            async with self._came:
                self._records.append(record)
                self._came.notify_all()
