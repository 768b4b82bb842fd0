"""The consumer backlog: committed offsets per group, and the records not processed yet."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

from qdpi.bus.port import EventBus, Partition, Record
from qdpi.events import TOPICS, DeadLetter, PageDone, PageFailed, VaultChange, body_of
from qdpi.services.enricher import PressName, press_named
from qdpi.topology import ENRICHER, GROUPS, INDEXER, PAGE_GENERATOR, RECORDER

_RETENTION_MARGIN: Final = timedelta(hours=1)
"""A record this close to the end of its topic's retention may be deleted at any moment."""


class IdSet:
    """A set of ids at eight bytes each: two different ids are equal with a probability of 2**-64."""

    def __init__(self) -> None:
        self._digests = array("Q")
        self._sorted = True

    def add(self, name: str) -> None:
        """Add an id."""
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


async def committed_offsets(bus: EventBus, group: str, topics: Collection[str]) -> dict[Partition, int]:
    """Return a group's committed offset in each partition of topics, never one that is too high.

    Where the group has never committed, that is the first offset kept, or the next one if the topic holds no record.
    """
    states = [state for state in await bus.topics() if state.partition.topic in topics]
    # The bounds are read before the lag: records that arrive in between count as not processed.
    behind = {lag.partition: lag.records for lag in await bus.lag(group)}
    unknown = {state.partition.topic for state in states if state.partition not in behind and state.first < state.next}
    empty = {topic for topic in unknown if not await _has_record(bus, topic)}
    return {
        state.partition: state.next - behind.get(state.partition, 0)
        if state.partition in behind or state.partition.topic in empty
        else state.first
        for state in states
    }


async def _has_record(bus: EventBus, topic: str) -> bool:
    """Return whether a topic holds a record: on Kafka, its offsets may be those of transactions without any."""
    records = bus.scan(topic)
    try:
        return await anext(records, None) is not None
    finally:
        if isinstance(records, AsyncGenerator):
            await records.aclose()


async def unprocessed(bus: EventBus, group: str) -> AsyncIterator[Record]:
    """Yield the records that a group has not processed."""
    topics = GROUPS[group]
    committed = await committed_offsets(bus, group, topics)
    for topic in topics:
        async for record in bus.scan(topic):
            if record.offset >= committed.get(record.partition, 0):
                yield record


async def consumer_lag(bus: EventBus, topics: Collection[str]) -> dict[str, int]:
    """Return how many records of topics each group has not processed; groups without any are left out."""
    behind: dict[str, int] = {}
    for group, read in GROUPS.items():
        committed = await committed_offsets(bus, group, set(read) & set(topics))
        ends = {state.partition: state.next for state in await bus.topics()}
        records = sum(max(0, ends[partition] - offset) for partition, offset in committed.items() if partition in ends)
        if records:
            behind[group] = records
    return behind


def event_of(record: Record) -> str | None:
    """Return the id of a record's event: the body's `event_id`, which workers read, or else the header's."""
    event_id = body_of(record.value).get("event_id") or record.header("x-event-id")
    return event_id if isinstance(event_id, str) else None


def journey_of(record: Record) -> str | None:
    """Return the `session_id` of a record's body, None where there is none."""
    session_id = body_of(record.value).get("session_id")
    return session_id if isinstance(session_id, str) else None


@dataclass
class Backlog:
    """The unprocessed work of some journeys, and which of some events are on the bus.

    `presses`, `requests` and `records` are the ids of events that the enricher, the generator and the recorder have
    not processed, `updates` the pages that the indexer still has to index, `vaults` the journeys whose vaults will
    change. `pressed` are the records of the presses asked for, `published` the events asked for that were found.
    """

    presses: set[str] = field(default_factory=set)
    requests: set[str] = field(default_factory=set)
    updates: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    vaults: set[str] = field(default_factory=set)
    pressed: dict[PressName, Record] = field(default_factory=dict)
    published: set[str] = field(default_factory=set)


async def read_backlog(
    bus: EventBus, journeys: Collection[str], *, presses: Collection[PressName], events: Collection[str]
) -> Backlog:
    """Read the backlog of journeys, group by group in the order of the flow; look for `presses` and `events` too."""
    backlog = Backlog()
    backlog.presses = {event async for event, _ in _unprocessed_of(bus, ENRICHER.group, journeys)}
    backlog.requests = {event async for event, _ in _unprocessed_of(bus, PAGE_GENERATOR.group, journeys)}
    async for _, record in _unprocessed_of(bus, INDEXER.group, journeys):
        backlog.updates.add((record.key or b"").decode(errors="replace"))
    async for event, record in _unprocessed_of(bus, RECORDER.group, journeys):
        backlog.records.add(event)
        if record.topic == VaultChange.topic:
            backlog.vaults.add(journey_of(record) or "")
    for topic in ENRICHER.topics if presses else ():
        async for record in bus.scan(topic):
            named = press_named(record)
            if named is not None and named in presses:
                backlog.pressed.setdefault(named, record)
    for topic in (PageDone.topic, PageFailed.topic, DeadLetter.topic) if events else ():
        backlog.published |= {event async for record in bus.scan(topic) if (event := event_of(record) or "") in events}
    return backlog


async def _unprocessed_of(bus: EventBus, group: str, journeys: Collection[str]) -> AsyncIterator[tuple[str, Record]]:
    async for record in unprocessed(bus, group):
        event = event_of(record)
        if event is not None and journey_of(record) in journeys:
            yield event, record


class PublishedEvents:
    """The events on topics, and for each topic the time since which none has been deleted."""

    def __init__(self, now: datetime) -> None:
        self._ids = IdSet()
        self._since = {
            topic: now - timedelta(seconds=spec.retention) + _RETENTION_MARGIN for topic, spec in TOPICS.items()
        }

    async def read(self, bus: EventBus, topics: Iterable[str]) -> None:
        """Add every event that is on topics now."""
        trimmed = {state.partition for state in await bus.topics() if state.first > 0}
        for topic in topics:
            async for record in bus.scan(topic):
                if record.partition in trimmed:
                    # A bus may keep records for less than their retention: older ones than its oldest may be gone.
                    self._since[topic] = max(self._since[topic], record.taken_at)
                    trimmed.remove(record.partition)
                event = event_of(record)
                if event is not None:
                    self._ids.add(event)

    def lacks(self, topic: str, event_id: str, at: datetime) -> bool:
        """Return whether an event of a time is not on its topic although it would still be kept."""
        return at >= self._since[topic] and event_id not in self._ids
