"""A bus and a membership controlled by the test."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

from qdpi.bus.port import Delivery, EventBus, Lag, Membership, Message, Partition, Record, Start, TopicState
from qdpi.bus.validation import refuse_large
from qdpi.bus.worker import Handler, Worker
from qdpi.errors import BusUnavailable, MembershipOver
from qdpi.events import TopicSpec
from qdpi.retry import Backoff

PATIENCE = 30.0
AT_ONCE = Backoff(first=0.0, most=0.0, chance=lambda: 0.0)
HERE, THERE = Partition("here", 0), Partition("there", 0)


def record(offset: int, key: bytes | None = b"key", partition: Partition = HERE, value: bytes | None = None) -> Record:
    """Return a record; by default its value names its topic and offset."""
    named = value if value is not None else b"%s/%d" % (partition.topic.encode(), offset)
    return Record(partition, offset, key, named, (), datetime(2026, 11, 1, tzinfo=UTC))


class ScriptedMembership:
    """Delivers queued records, at most `limit` and none of a paused partition, and records the calls.

    A revoked partition is released at the fetch after the one that reported it; later commits have no effect.
    A fetch without records returns after one iteration of the loop, so that a test never waits for a timeout.
    """

    def __init__(self) -> None:
        self.waiting: deque[Record] = deque()
        self.revoked: tuple[Partition, ...] = ()
        self.committed: dict[Partition, int] = {}
        self.paused: set[Partition] = set()
        self.unavailable: set[str] = set()
        self.has_left = False
        self.over: MembershipOver | None = None
        """The error raised by the next fetch of this member."""
        self.refused = 0
        self._called = asyncio.Event()
        self._revoking: tuple[Partition, ...] = ()
        self._released = set[Partition]()

    def give(self, *records: Record) -> None:
        """Queue records for the next fetches."""
        self.waiting.extend(records)

    def revoke(self, *partitions: Partition) -> None:
        """Revoke partitions at the next fetch."""
        self.revoked = partitions

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once a condition holds, checked at every call of the worker."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await self._next_call()

    async def calls(self, count: int) -> None:
        """Return after `count` more calls of the worker, at least half of which are fetches."""
        async with asyncio.timeout(PATIENCE):
            for _ in range(count):
                await self._next_call()

    async def _next_call(self) -> None:
        self._called.clear()
        await self._called.wait()

    async def fetch(self, limit: int, timeout: float) -> Delivery:
        await asyncio.sleep(0)
        self._answer("fetch")
        over, self.over = self.over, None
        if over is not None:
            raise over
        self._released |= set(self._revoking)
        self._revoking = revoked = self.revoked
        self.revoked = ()
        self.paused -= set(revoked)
        ready = [r for r in self.waiting if r.partition not in self.paused][:limit]
        self.waiting = deque(r for r in self.waiting if r not in ready)
        self._released -= {r.partition for r in ready}
        return Delivery(ready, revoked)

    async def pause(self, partitions: Collection[Partition]) -> None:
        self._answer("pause")
        self.paused |= set(partitions)

    async def resume(self, partitions: Collection[Partition]) -> None:
        self._answer("resume")
        self.paused -= set(partitions)

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        self._answer("commit")
        self.committed |= {
            partition: offset for partition, offset in offsets.items() if partition not in self._released
        }

    async def leave(self) -> None:
        self.has_left = True
        self._answer("leave")

    def _answer(self, call: str) -> None:
        self._called.set()
        if call in self.unavailable:
            self.refused += 1
            raise BusUnavailable(f"The bus is unavailable at {call}.")


class ScriptedBus:
    """A bus that supports only `join` and `publish`, with values of at most `largest` bytes."""

    def __init__(self, *, refusals: int = 0, largest: int | None = None) -> None:
        self.largest = largest
        self.membership = ScriptedMembership()
        self.joined: list[tuple[str, tuple[str, ...]]] = []
        self.published: list[Message] = []
        self.refusals = refusals
        self.on_refusal: Callable[[], None] = lambda: None

    async def join(self, group: str, topics: Iterable[str]) -> Membership:
        self._answer()
        self.joined.append((group, tuple(topics)))
        return self.membership

    async def publish(self, message: Message) -> None:
        self._answer()
        if self.largest is not None:
            refuse_large(message, self.largest)
        self.published.append(message)

    def _answer(self) -> None:
        if self.refusals:
            self.refusals -= 1
            self.on_refusal()
            raise BusUnavailable("The bus does not answer.")

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def ping(self) -> None: ...
    def tap(
        self, topics: Iterable[str], start: Start, *, limit: int = 10_000
    ) -> AbstractAsyncContextManager[AsyncIterator[Record]]:
        raise NotImplementedError

    def scan(self, topic: str) -> AsyncIterator[Record]:
        raise NotImplementedError

    async def topics(self) -> list[TopicState]:
        raise NotImplementedError

    async def lag(self, group: str) -> list[Lag]:
        raise NotImplementedError

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        raise NotImplementedError

    async def grow_topics(self, names: Iterable[str], partitions: int) -> list[str]:
        raise NotImplementedError

    async def delete_topics(self, names: Iterable[str]) -> list[str]:
        raise NotImplementedError

    async def trim(self, now: datetime) -> int:
        raise NotImplementedError


class Gates:
    """A handler that records each started record, and finishes it when the test allows it."""

    def __init__(self) -> None:
        self.begun: list[Record] = []
        self.ended: list[Record] = []
        self.cancelled: list[Record] = []
        self._gates: dict[bytes | None, asyncio.Event] = {}
        self._open = False
        self._moved = asyncio.Event()

    async def __call__(self, record: Record) -> None:
        self.begun.append(record)
        self._moved.set()
        try:
            if not self._open:
                await self._gates.setdefault(record.value, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(record)
            self._moved.set()
            raise
        self.ended.append(record)
        self._moved.set()

    def let(self, *records: Record) -> None:
        """Let records finish, started already or not."""
        for each in records:
            self._gates.setdefault(each.value, asyncio.Event()).set()

    def let_all(self) -> None:
        """Let all records finish, future ones included."""
        self._open = True
        for gate in self._gates.values():
            gate.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once a condition holds, checked whenever a record starts, finishes or is cancelled."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._moved.clear()
                await self._moved.wait()


def worker_of(bus: EventBus, handler: Handler, *, commit_interval: float = 0.0, **options: Any) -> Worker:
    """Return a worker of the group `readers` on the topics `here` and `there` that commits in every iteration."""
    return Worker(
        bus, "readers", ("here", "there"), handler, backoff=AT_ONCE, commit_interval=commit_interval, **options
    )
