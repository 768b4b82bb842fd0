"""Wrappers of the ports that count every call and may make it fail.

A plan is called before and after each call. It may raise (before: the call has no effect; after: it has its
effect and the answer is lost), wait, or kill the process.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from enum import StrEnum
from inspect import iscoroutinefunction
from typing import Any, Final, NamedTuple, TypeVar, cast

from qdpi.bus.port import Delivery, EventBus, Membership, Message, Record, Start
from qdpi.errors import StoreUnavailable
from qdpi.events import PageDelta, PageDone
from qdpi.store.ports import PageStore

T = TypeVar("T")


class Call(NamedTuple):
    """A call of a port: its number among all calls, its name, and its number among those of its name, from 1.

    Both numbers are 0 for a call that handles no event: open, a fetch without records, lag.
    """

    number: int
    name: str
    occurrence: int

    @property
    def label(self) -> str:
        """Name and occurrence, as tests use them."""
        return f"{self.name}#{self.occurrence}"


class Moment(StrEnum):
    """When a plan is called."""

    BEFORE = "before"
    AFTER = "after"


Plan = Callable[[Call, Moment], Awaitable[None]]

IDLE: Final = frozenset({"open", "close", "ping", "join", "leave", "pause", "resume", "lag", "topics", "trim"})
"""The methods that handle no event."""


async def nothing(call: Call, moment: Moment) -> None:
    """Change no call."""


def die_after(label: str) -> Plan:
    """Return the plan that kills the process right after the call of this label."""

    async def plan(call: Call, moment: Moment) -> None:
        if moment is Moment.AFTER and call.label == label:
            _die()

    return plan


class KillPoint(StrEnum):
    """Where a generator is killed while it answers a press, in the order of the calls."""

    BEFORE_THE_MODEL = "before the model call"
    MID_STREAM = "in mid-stream"
    AFTER_COMMIT = "after the commit point"
    AFTER_EDGES = "after the edges"
    AFTER_PAGE = "after the page"
    AFTER_LOG = "after the log row"
    UNACKNOWLEDGED = "after done was sent and before it was acknowledged"
    BEFORE_OFFSET = "before the offset"


_AFTER_CALL: Final = {
    KillPoint.BEFORE_THE_MODEL: "store.begin_attempt",
    KillPoint.MID_STREAM: f"bus.publish {PageDelta.topic}",
    KillPoint.AFTER_COMMIT: "store.commit_outcome",
    KillPoint.AFTER_EDGES: "store.link_page",
    KillPoint.AFTER_PAGE: "store.put_page",
    KillPoint.AFTER_LOG: "store.append_log",
}
_BEFORE_CALL: Final = {
    KillPoint.UNACKNOWLEDGED: f"bus.publish {PageDone.topic}",
    KillPoint.BEFORE_OFFSET: "qdpi.page_generator.commit",
}
MOST_OCCURRENCE: Final = 6
"""The kill is at one of the first so many times that the point is reached."""
ACKNOWLEDGED_WITHIN: Final = 0.003
"""About how many seconds an acknowledgement takes."""
LOST_ANSWERS: Final = "after answers of the conditional write got lost"
LOST_SHARE: Final = 0.5


def die_at(point: KillPoint, chance: random.Random) -> Plan:
    """Return the plan that kills the process at a point, at one of the first times that it is reached.

    A call that fails does not reach the point.
    """
    wanted = chance.randint(1, MOST_OCCURRENCE)
    delay = chance.random() * ACKNOWLEDGED_WITHIN
    moment = Moment.AFTER if point in _AFTER_CALL else Moment.BEFORE
    name = (_AFTER_CALL | _BEFORE_CALL)[point]

    async def plan(call: Call, when: Moment) -> None:
        if (call.name, when) != (name, moment) or call.occurrence < wanted:
            return
        if point is KillPoint.UNACKNOWLEDGED:
            asyncio.get_running_loop().call_later(delay, _die)
        else:
            _die()

    return plan


def lose_answers(chance: random.Random) -> Plan:
    """Return the plan that loses answers of conditional writes after their effect, and kills at the last one."""
    left = chance.randint(2, MOST_OCCURRENCE)

    async def plan(call: Call, when: Moment) -> None:
        nonlocal left
        if call.name == "store.commit_outcome" and when is Moment.AFTER and chance.random() < LOST_SHARE:
            left -= 1
            if not left:
                _die()
            raise StoreUnavailable("The answer to a conditional write got lost.", next_step="Ask again.")

    return plan


def plan_of(fault: str | None, chance: random.Random) -> Plan:
    """Return the plan of a name: a `KillPoint`, lost answers, the label of a call to die after, or none."""
    if fault is None:
        return nothing
    if fault == LOST_ANSWERS:
        return lose_answers(chance)
    if fault in set(KillPoint):
        return die_at(KillPoint(fault), chance)
    return die_after(fault)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Witness:
    """Counts the calls of all ports of a process from `begin` on, and calls the plan for each.

    `on_polled` is called with the name of each fetch that returned.
    """

    def __init__(self, plan: Plan = nothing, on_polled: Callable[[str], None] = lambda name: None) -> None:
        self.calls: list[Call] = []
        self._plan, self._on_polled = plan, on_polled
        self._counts: Counter[str] = Counter()
        self._counting = False

    def begin(self) -> None:
        """Count calls, and call the plan, from now on."""
        self._counting = True

    async def see(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """Make a counted call."""
        call = self._count(name)
        await self._ask(call, Moment.BEFORE)
        result = await work()
        await self._ask(call, Moment.AFTER)
        return result

    async def see_idle(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """Make a call that is not counted; the plan is called only before it."""
        await self._ask(Call(0, name, 0), Moment.BEFORE)
        return await work()

    async def see_fetch(self, name: str, work: Callable[[], Awaitable[Delivery]]) -> Delivery:
        """Make a fetch, which is counted only if it returns records."""
        delivery = await self.see_idle(name, work)
        self._on_polled(name)
        if delivery.records:
            await self._ask(self._count(name), Moment.AFTER)
        return delivery

    def _count(self, name: str) -> Call:
        if not self._counting:
            return Call(0, name, 0)
        self._counts[name] += 1
        call = Call(len(self.calls) + 1, name, self._counts[name])
        self.calls.append(call)
        return call

    async def _ask(self, call: Call, moment: Moment) -> None:
        if self._counting:
            await self._plan(call, moment)


class _Witnessed:
    """Forwards every method of a port, coroutines through the witness."""

    def __init__(self, inner: Any, part: str, witness: Witness) -> None:
        self._inner, self._part, self._witness = inner, part, witness

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not iscoroutinefunction(attribute):
            return attribute
        see = self._witness.see_idle if name in IDLE else self._witness.see

        async def witnessed(*args: Any, **kwargs: Any) -> Any:
            return await see(f"{self._part}.{name}", lambda: attribute(*args, **kwargs))

        return witnessed


class _WitnessedMembership(_Witnessed):
    async def fetch(self, limit: int, timeout: float) -> Delivery:
        return await self._witness.see_fetch(f"{self._part}.fetch", lambda: self._inner.fetch(limit, timeout))


class _WitnessedBus(_Witnessed):
    async def publish(self, message: Message) -> None:
        await self._witness.see(f"bus.publish {message.topic}", lambda: self._inner.publish(message))

    async def join(self, group: str, topics: Iterable[str]) -> Membership:
        member = await self._witness.see_idle("bus.join", lambda: self._inner.join(group, topics))
        return cast("Membership", _WitnessedMembership(member, group, self._witness))

    @asynccontextmanager
    async def tap(
        self, topics: Iterable[str], start: Start, *, limit: int = 10_000
    ) -> AsyncIterator[AsyncIterator[Record]]:
        await self._witness.see_idle("bus.tap", _no_work)
        async with self._inner.tap(topics, start, limit=limit) as records:
            yield self._tapped(records)

    async def scan(self, topic: str) -> AsyncIterator[Record]:
        async for record in self._tapped(self._inner.scan(topic)):
            yield record

    async def _tapped(self, records: AsyncIterator[Record]) -> AsyncIterator[Record]:
        async for record in records:
            await self._witness.see_idle("bus.read_on", _no_work)
            yield record


async def _no_work() -> None:
    pass


def witnessed_store(store: PageStore, witness: Witness) -> PageStore:
    """Return a store whose calls go through the witness."""
    return cast("PageStore", _Witnessed(store, "store", witness))


def witnessed_bus(bus: EventBus, witness: Witness) -> EventBus:
    """Return a bus whose calls, and those of its memberships, go through the witness."""
    return cast("EventBus", _WitnessedBus(bus, "bus", witness))
