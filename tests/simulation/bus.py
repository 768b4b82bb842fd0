"""An event bus on a simulated Kafka, with the delays, lost answers and revocations of a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from tests.simulation.coordinator import Group, Member
from tests.simulation.log import Log
from tests.simulation.network import Caller, Fate, Line, Network

from qdpi.bus.port import Delivery, Lag, Membership, Message, Partition, Record, Start, TopicState
from qdpi.errors import BusUnavailable, PublishUnknown
from qdpi.events import TopicSpec

SERVER = "kafka"


@dataclass
class Kafka:
    """The servers: a log and its groups. A member that does not poll for `session_timeout` is expelled."""

    log: Log
    network: Network
    session_timeout: float = 0.6
    groups: dict[str, Group] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.log.on_change = self._rebalance_all

    def group(self, name: str) -> Group:
        """Return a group, created at its first use."""
        if name not in self.groups:
            self.groups[name] = Group(self.log, self.network.chance, self.session_timeout)
        return self.groups[name]

    def _rebalance_all(self) -> None:
        for group in self.groups.values():
            group.rebalance()

    async def watch(self) -> None:
        """Expel members after their session timeout, forever."""
        while True:
            await asyncio.sleep(self.session_timeout / 4)
            for group in self.groups.values():
                group.expire(_now())

    def client(self, caller: Caller | None = None) -> SimulatedBus:
        """Return the client of a process, or one without faults."""
        return SimulatedBus(self, Line(self.network, SERVER, caller))


class SimulatedBus:
    """An `EventBus` on simulated servers."""

    def __init__(self, kafka: Kafka, line: Line) -> None:
        self._kafka, self._line = kafka, line
        self._members: list[SimulatedMembership] = []
        self._taps: list[Tap] = []
        self._is_closed = False

    async def open(self) -> None:
        self._is_closed = False

    async def close(self) -> None:
        self._is_closed = True
        for tap in list(self._taps):
            tap.close()
        for member in self._members:
            member.drop()

    async def ping(self) -> None:
        self._check_open()
        await self._line.ask("ping", lambda: None, _away)

    async def publish(self, message: Message) -> None:
        self._check_open()
        await self._line.ask(f"publish {message.topic}", lambda: self._kafka.log.append(message), _unknown)

    async def join(self, group: str, topics: Iterable[str]) -> Membership:
        self._check_open()
        named, joined = tuple(topics), self._kafka.group(group)
        member = await self._line.ask("join", lambda: joined.join(named, self._line.caller, _now()), _away)
        self._members.append(SimulatedMembership(joined, member, self._kafka.log, self._line))
        return self._members[-1]

    def cut_off(self) -> None:
        """Expel all members of this client."""
        for member in self._members:
            member.expel()

    @asynccontextmanager
    async def tap(
        self, topics: Iterable[str], start: Start, *, limit: int = 10_000
    ) -> AsyncIterator[AsyncIterator[Record]]:
        self._check_open()
        tap = await self._line.ask("tap", lambda: Tap(self._kafka.log, self._line, tuple(topics), start), _away)
        self._taps.append(tap)
        try:
            yield tap
        finally:
            tap.close()
            self._taps.remove(tap)

    async def scan(self, topic: str) -> AsyncIterator[Record]:
        log = self._kafka.log
        found = await self._line.ask(
            "scan", lambda: [record for p in log.partitions_of([topic]) for record in log.records(p)], _away
        )
        for record in found:
            yield record

    async def topics(self) -> list[TopicState]:
        self._check_open()
        return await self._line.ask("topics", self._kafka.log.bounds, _away)

    async def lag(self, group: str) -> list[Lag]:
        self._check_open()
        return await self._line.ask("lag", lambda: self._kafka.group(group).lag(), _away)

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        wanted = tuple(specs)
        return await self._line.ask("create_topics", lambda: self._kafka.log.create(wanted), _away)

    async def grow_topics(self, names: Iterable[str], partitions: int) -> list[str]:
        wanted = tuple(names)
        return await self._line.ask("grow_topics", lambda: self._kafka.log.grow(wanted, partitions), _away)

    async def delete_topics(self, names: Iterable[str]) -> list[str]:
        wanted = tuple(names)
        return await self._line.ask("delete_topics", lambda: self._kafka.log.delete(wanted), _away)

    async def trim(self, now: datetime) -> int:
        """Do nothing: Kafka deletes old records by itself."""
        return 0

    def _check_open(self) -> None:
        if self._is_closed:
            raise BusUnavailable("This client of the simulated bus is closed.")


class SimulatedMembership:
    """A member of a group on simulated servers."""

    def __init__(self, group: Group, member: Member, log: Log, line: Line) -> None:
        self._group, self._member, self._log, self._line = group, member, log, line
        self._paused: set[Partition] = set()
        self._untaken: Delivery | None = None
        self._has_left = False

    async def fetch(self, limit: int, timeout: float) -> Delivery:
        if self._has_left:
            raise BusUnavailable("This member has left.")
        deadline, first = _now() + timeout, True
        while True:
            news = self._log.news(self._member.topics)
            delivery = await self._poll(limit, first=first)
            if delivery.records or delivery.revoked or not await self._wait_for_news(news, deadline):
                news.cancel()
                self._paused.difference_update(delivery.revoked)
                return delivery
            first = False

    async def _wait_for_news(self, news: asyncio.Future[bool], deadline: float) -> bool:
        """Wait for news until a deadline; return whether there are any."""
        if self._has_left or _now() >= deadline:
            return False
        timer = asyncio.get_running_loop().call_at(deadline, _end, news)
        has_news = await news
        timer.cancel()
        return has_news

    async def _poll(self, limit: int, *, first: bool) -> Delivery:
        # A delivery that a cancelled fetch did not return is kept.
        if self._untaken is None and not self._has_left:
            if self._line.is_cut or self._group.has_news_for(self._member, self._paused):
                await self._line.ask("fetch", lambda: self._take(limit, first=first), _away, may_lose_answer=False)
            else:
                # A poll without news only renews the session. These are half of all calls, so no faults are drawn.
                self._line.check_alive()
                self._member.polled_at = _now()
        delivery, self._untaken = self._untaken or Delivery(), None
        return delivery

    def _take(self, limit: int, *, first: bool) -> None:
        self._untaken = self._group.poll(self._member, limit, self._paused, _now(), first=first)

    async def pause(self, partitions: Collection[Partition]) -> None:
        self._paused |= set(partitions)

    async def resume(self, partitions: Collection[Partition]) -> None:
        self._paused -= set(partitions)
        self._log.wake()

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        if not self._has_left:
            given = dict(offsets)
            await self._line.ask("commit", lambda: self._group.commit(self._member, given), _away)

    async def leave(self) -> None:
        if not self._has_left:
            self._has_left = True
            await self._line.ask("leave", self.drop, _away)

    def drop(self) -> None:
        """Leave the group without a call."""
        self._has_left = True
        self._group.leave(self._member)

    def expel(self) -> None:
        """Expel this member from its group."""
        self._group.expel(self._member)


class Tap:
    """Reads topics without a group: each partition in order, the partitions in random order."""

    def __init__(self, log: Log, line: Line, topics: tuple[str, ...], start: Start) -> None:
        self._log, self._line, self._topics = log, line, topics
        latest = start is Start.LATEST
        self._positions = {p: len(log.records(p)) if latest else 0 for p in log.partitions_of(topics)}
        self._is_closed = False

    def close(self) -> None:
        """End the tap."""
        self._is_closed = True
        self._log.wake()

    def __aiter__(self) -> Tap:
        return self

    async def __anext__(self) -> Record:
        while not self._is_closed:
            news = self._log.news(self._topics)
            if self._ready() or self._line.is_cut:
                record = await self._line.ask("tap", self._read, _away, may_lose_answer=False)
                news.cancel()
                if record is not None and not self._is_closed:
                    return record
            else:
                self._line.check_alive()
                await news
        raise StopAsyncIteration

    def _ready(self) -> list[Partition]:
        there = self._log.partitions_of(self._topics)
        return [p for p in there if len(self._log.records(p)) > self._positions.setdefault(p, 0)]

    def _read(self) -> Record | None:
        ready = self._ready()
        if not ready:
            return None
        partition = self._line.network.chance.choice(ready)
        self._positions[partition] += 1
        return self._log.records(partition)[self._positions[partition] - 1]


def _end(news: asyncio.Future[bool]) -> None:
    if not news.done():
        news.set_result(False)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _away(fate: Fate, name: str) -> BusUnavailable:
    return BusUnavailable(f"The bus does not answer to {name}: {fate}.")


def _unknown(fate: Fate, name: str) -> BusUnavailable:
    kind = BusUnavailable if fate in {Fate.REFUSED, Fate.CUT} else PublishUnknown
    return kind(f"The bus does not answer to {name}: {fate}.")
