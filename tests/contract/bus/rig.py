"""The rig that an adapter provides to the suite, and the suite's helpers for the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol
from uuid import uuid4

from qdpi.bus.port import Delivery, EventBus, Membership, Message, Partition, Record
from qdpi.errors import BusUnavailable
from qdpi.events import Press, TopicSpec
from qdpi.retry import Backoff

PATIENCE: Final = 60.0
"""Seconds after which a test that waits for something gives up. No test waits for time to pass."""


OFTEN: Final = Backoff(first=0.05, most=0.2)


class BusRig(Protocol):
    """One log with several clients, each like a separate process."""

    async def client(self) -> EventBus:
        """Open one more client on the log; the rig closes it."""
        ...

    async def cut_off(self, bus: EventBus) -> None:
        """Make the other clients declare a client dead, without its leaving and without its knowledge.

        A crash, where the test does not use the client again; a zombie, where it does.
        """
        ...

    def child(self) -> tuple[str, str]:
        """Return the `module:function` that opens a client in another process, and its one argument."""
        ...


Client = Callable[[], Awaitable[EventBus]]


async def make_topic(bus: EventBus, **terms: Any) -> str:
    name = f"test.{uuid4().hex[:12]}"
    await bus.create_topics([TopicSpec(name, Press, "session_id", 3_600, **terms)])
    return name


async def publish(bus: EventBus, topic: str, values: Iterable[bytes | None], key: bytes | None = b"key") -> None:
    for value in values:
        await bus.publish(Message(topic, key, value))


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % n for n in range(start, start + count)]


def values(records: Iterable[Record]) -> list[bytes | None]:
    return [record.value for record in records]


def after(records: Sequence[Record]) -> dict[Partition, int]:
    """Return the offsets to commit after records."""
    return {record.partition: record.offset + 1 for record in records}


async def until_unavailable(call: Callable[[], Awaitable[object]]) -> BusUnavailable:
    """Call until `BusUnavailable` is raised, and return it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await call()
                await asyncio.sleep(0)
            except BusUnavailable as error:
                return error


async def fetch(member: Membership, count: int, limit: int = 100) -> list[Record]:
    """Fetch until at least `count` records have arrived."""
    records: list[Record] = []
    async with asyncio.timeout(PATIENCE):
        while len(records) < count:
            records += (await member.fetch(limit, 1.0)).records
    return records


async def fetch_until(member: Membership, last: bytes) -> list[bytes | None]:
    """Fetch until a value arrives, and return the values before it."""
    found: list[bytes | None] = []
    async with asyncio.timeout(PATIENCE):
        while last not in found:
            found += values((await member.fetch(100, 1.0)).records)
    return found[: found.index(last)]


async def fetch_revocation(member: Membership) -> Delivery:
    async with asyncio.timeout(PATIENCE):
        while not (delivery := await member.fetch(100, 1.0)).revoked:
            pass
    return delivery


async def take(tap: AsyncIterator[Record], count: int) -> list[Record]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(tap) for _ in range(count)]


async def scan(bus: EventBus, topic: str) -> list[Record]:
    async with asyncio.timeout(PATIENCE):
        return [record async for record in bus.scan(topic)]
