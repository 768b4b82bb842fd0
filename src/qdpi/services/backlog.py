"""What stands in line: how far each group has read, and what it has not finished yet."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from qdpi.bus.port import EventBus, Partition, Record
from qdpi.events import TOPICS, DeadLetter, PageDone, PageFailed, VaultChange, body_of
from qdpi.services.enricher import PressName, press_named
from qdpi.topology import ENRICHER, GROUPS, INDEXER, PAGE_GENERATOR, RECORDER

_MARGIN: Final = timedelta(hours=1)
"""What is this near to its topic's retention may go at any moment."""


class Seen:
    """A set of ids that takes eight bytes each: two ids are taken for one in 1 of 2**64 cases."""

    def __init__(self) -> None:
        self._digests = array("Q")
        self._sorted = True

    def add(self, name: str) -> None:
        """Take an id."""
        self._digests.append(_digest(name))
        self._sorted = False

    def __contains__(self, name: str) -> bool:
        if not self._sorted:
            self._digests = array("Q", sorted(self._digests))
            self._sorted = True
        digest = _digest(name)
        place = bisect_left(self._digests, digest)
        return place < len(self._digests) and self._digests[place] == digest


def _digest(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest())


async def finished(bus: EventBus, group: str, topics: Collection[str]) -> dict[Partition, int]:
    """Return the next offset that a group has to finish, of each partition of topics: never too high a one.

    Where a group never committed that is the first one kept.
    """
    states = [state for state in await bus.topics() if state.partition.topic in topics]
    # The bounds are older than the lag, so that what comes between them counts as not finished.
    behind = {lag.partition: lag.records for lag in await bus.lag(group)}
    return {
        state.partition: state.next - behind[state.partition] if state.partition in behind else state.first
        for state in states
    }


async def waiting(bus: EventBus, group: str) -> AsyncIterator[Record]:
    """Give the records that a group has not finished."""
    topics = GROUPS[group]
    reached = await finished(bus, group, topics)
    for topic in topics:
        async for record in bus.scan(topic):
            if record.offset >= reached.get(record.partition, 0):
                yield record


async def lagging(bus: EventBus, topics: Collection[str]) -> dict[str, int]:
    """Return how many records of topics each group has not finished; groups that have none are left out."""
    behind: dict[str, int] = {}
    for group, read in GROUPS.items():
        wanted = set(read) & set(topics)
        reached = await finished(bus, group, wanted)
        ends = {state.partition: state.next for state in await bus.topics()}
        records = sum(max(0, ends[partition] - offset) for partition, offset in reached.items() if partition in ends)
        if records:
            behind[group] = records
    return behind


def event_of(record: Record) -> str | None:
    """Return the id of the event that a record carries: its body's, as workers read it, or its header's."""
    named = body_of(record.value).get("event_id") or record.header("x-event-id")
    return named if isinstance(named, str) else None


def journey_of(record: Record) -> str | None:
    """Return the journey that a record says it is of, None where it does not say."""
    named = body_of(record.value).get("session_id")
    return named if isinstance(named, str) else None


@dataclass
class Line:
    """What stands in line of some journeys, and what was told.

    `presses`, `requests` and `records` are the events that the enricher, the generator and the recorder have
    not finished, `updates` the pages that the indexer has to index, `vaults` the journeys whose vaults are to
    change. `pressed` are presses that were asked for, as the bus has them, `told` such events.
    """

    presses: set[str] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    updates: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    vaults: set[str] = field(default_factory=set)
    pressed: dict[PressName, Record] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)


async def read_line(
    bus: EventBus, journeys: Collection[str], *, presses: Collection[PressName], told: Collection[str]
) -> Line:
    """Read what stands in line of journeys, in the order in which work flows, and which of some events are told."""
    line = Line()
    line.presses = {event async for event, _ in _waiting_of(bus, ENRICHER.group, journeys)}
    line.requests = {event async for event, _ in _waiting_of(bus, PAGE_GENERATOR.group, journeys)}
    async for _, record in _waiting_of(bus, INDEXER.group, journeys):
        line.updates.add((record.key or b"").decode(errors="replace"))
    async for event, record in _waiting_of(bus, RECORDER.group, journeys):
        line.records.add(event)
        if record.topic == VaultChange.topic:
            line.vaults.add(journey_of(record) or "")
    for topic in ENRICHER.topics if presses else ():
        async for record in bus.scan(topic):
            named = press_named(record)
            if named is not None and named in presses:
                line.pressed.setdefault(named, record)
    for topic in (PageDone.topic, PageFailed.topic, DeadLetter.topic) if told else ():
        line.told |= {event async for record in bus.scan(topic) if (event := event_of(record) or "") in told}
    return line


async def _waiting_of(bus: EventBus, group: str, journeys: Collection[str]) -> AsyncIterator[tuple[str, Record]]:
    async for record in waiting(bus, group):
        event = event_of(record)
        if event is not None and journey_of(record) in journeys:
            yield event, record


class Told:
    """What was published on topics: the events that they hold, and from which time on none of them is gone."""

    def __init__(self, now: datetime) -> None:
        self._seen = Seen()
        self._since = {topic: now - timedelta(seconds=spec.retention) + _MARGIN for topic, spec in TOPICS.items()}

    async def read(self, bus: EventBus, topics: Iterable[str]) -> None:
        """Take all that topics hold."""
        trimmed = {state.partition for state in await bus.topics() if state.first > 0}
        for topic in topics:
            async for record in bus.scan(topic):
                if record.partition in trimmed:
                    # A bus may keep less than it was asked to: what is older than its oldest may be gone.
                    self._since[topic] = max(self._since[topic], record.taken_at)
                    trimmed.remove(record.partition)
                event = event_of(record)
                if event is not None:
                    self._seen.add(event)

    def lacks(self, topic: str, event_id: str, at: datetime) -> bool:
        """Tell whether an event of a time is not on its topic and would still be, had it been published."""
        return at >= self._since[topic] and event_id not in self._seen
