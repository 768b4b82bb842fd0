"""The event bus on Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient

from qdpi.bus.kafka import config, lag
from qdpi.bus.kafka.codec import Names
from qdpi.bus.kafka.consumer_thread import Pulse
from qdpi.bus.kafka.errors import Reach, error_of
from qdpi.bus.kafka.membership import KafkaMembership
from qdpi.bus.kafka.producer import Producing, Publishing
from qdpi.bus.kafka.readers import Tap, read_bounds, read_first
from qdpi.bus.kafka.topic_monitor import Watch
from qdpi.bus.kafka.topics import Administration
from qdpi.bus.port import Lag, Membership, Message, Partition, Record, Start, TopicState
from qdpi.bus.validation import check_limit, check_name, page_topic
from qdpi.errors import BusUnavailable, InvalidSetting
from qdpi.events import TopicSpec
from qdpi.health import Remark
from qdpi.settings import Settings


class _Parts(NamedTuple):
    """What there is while the bus is open."""

    producing: Producing
    publishing: Publishing
    administration: Administration
    commits: lag.Commits
    watch: Watch


class KafkaBus:
    """The event bus on the brokers that the settings name (see `EventBus`).

    Raises `InvalidSetting` where the client refuses a setting. `pulse` makes the sign of life of the event
    loop: a member polls only while it beats.
    """

    def __init__(
        self, settings: Settings, *, pulse: Callable[[asyncio.AbstractEventLoop, float], Pulse] = Pulse
    ) -> None:
        self._settings, self._pulse = settings, pulse
        self._names = Names(settings.kafka_prefix)
        self._parts: _Parts | None = None
        self._members: list[KafkaMembership] = []
        self._taps: list[Tap] = []
        self._joined: dict[str, set[str]] = {}
        self._since: dict[str, lag.Since] = {}
        config.client(settings)

    async def open(self) -> None:
        """Connect, and have the producer ready."""
        if self._parts is None:
            self._parts = self._connect()
        await self.ping()

    async def close(self) -> None:
        """Leave all groups, end all taps, and wait, a bounded time, for what is being published."""
        parts, self._parts = self._parts, None
        if parts is None:
            return
        await parts.watch.close()
        await parts.commits.close()
        leaving = [member.leave() for member in self._members] + [tap.close() for tap in self._taps]
        await asyncio.gather(*leaving, return_exceptions=True)
        self._members.clear()
        await parts.producing.close()

    async def ping(self) -> None:
        """Return when the cluster answers. A topic of ours that somebody here reads, and that went, is an outage."""
        parts = self._open()
        await parts.producing.ping()
        if gone := min(parts.watch.gone, default=None):
            raise BusUnavailable(f"Kafka has {gone} no more.", next_step="Create it with `qdpi kafka-topics`.")

    async def publish(self, message: Message) -> None:
        """Publish and await all in-sync copies' acknowledgement.

        Raises `InvalidInput` for a topic that is not there and a value too large; pages' own topics are made.
        """
        await self._open().publishing.publish(message)

    async def join(self, group: str, topics: Iterable[str]) -> Membership:
        """Join a group as one more member."""
        parts, named = self._open(), tuple(dict.fromkeys(topics))
        check_name("group", group)
        shapes = await parts.administration.shapes(named)
        properties = config.member(self._settings, self._names.wire(group))
        timeout = self._settings.kafka_session_timeout
        member = KafkaMembership(
            group, named, partial(_consumer, properties), self._names, self._new_pulse(), patience=timeout / 2
        )
        self._joined.setdefault(group, set()).update(named)
        for left in [member for member in self._members if member.has_left]:
            self._members.remove(left)
            parts.watch.remove(left)
        self._members.append(member)
        parts.watch.add(member, shapes)
        return member

    @asynccontextmanager
    async def tap(
        self, topics: Iterable[str], start: Start, *, limit: int = 10_000
    ) -> AsyncIterator[AsyncIterator[Record]]:
        """Read all partitions of topics, those to come too. Brokers that go away are waited for, without loss."""
        parts, named = self._open(), tuple(dict.fromkeys(topics))
        check_limit(limit)
        # A topic that is left out now would be taken for new, and read from its first record, when it is back.
        shapes = await parts.administration.shapes(named, led=True)
        partitions = [Partition(name, number) for name, shape in shapes.items() for number in range(shape.partitions)]
        bounds = await parts.administration.bounds(partitions)
        positions = {state.partition: state.first if start is Start.EARLIEST else state.next for state in bounds}
        opened = partial(_consumer, config.reader(self._settings))
        tap = Tap(named, positions, opened, self._names, self._new_pulse(), limit=limit)
        self._taps.append(tap)
        parts.watch.add(tap, shapes)
        try:
            yield tap
        finally:
            parts.watch.remove(tap)
            self._taps.remove(tap)
            with suppress(BusUnavailable):  # its thread ends as soon as it can
                await tap.close()

    async def scan(self, topic: str) -> AsyncIterator[Record]:
        """Read what a topic holds now, partition by partition as they come; nothing where it is not there."""
        administration = self._open().administration
        shape = await administration.shape(topic)
        partitions = [Partition(topic, number) for number in range(shape.partitions if shape else 0)]
        bounds = await administration.bounds(partitions)
        async for record in read_bounds(bounds, self._ending(), self._names):
            yield record

    async def topics(self) -> list[TopicState]:
        """Return the bounds of every partition of our topics."""
        administration = self._open().administration
        return await administration.bounds(await administration.all_topics())

    async def lag(self, group: str) -> list[Lag]:
        """Return how far a group is behind on every partition of the topics of which it has committed or was joined."""
        parts = self._open()
        there = [place for place in await parts.administration.all_topics() if page_topic(place.topic) is None]
        committed = await parts.commits.of(group, there)
        read = {partition.topic for partition in committed} | self._joined.get(group, set())
        bounds = await parts.administration.bounds([place for place in there if place.topic in read])
        unread = lag.unread(committed, bounds)
        since = self._since.setdefault(group, lag.Since(self._first))
        return lag.rows(unread, await since.of({place: first for place, (first, count) in unread.items() if count}))

    async def examine(self) -> list[Remark]:
        """Return how the cluster is: its brokers, the copies and properties of topics, the session timeout."""
        return await self._open().administration.examine(self._settings)

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Make the topics that are not there, with KAFKA_PARTITIONS and KAFKA_REPLICATION."""
        wanted = tuple(specs)
        for spec in wanted:
            check_name("topic", spec.name)
        return await self._open().administration.create(wanted)

    async def grow_topics(self, names: Iterable[str], partitions: int) -> list[str]:
        """Raise topics' partition counts."""
        return await self._open().administration.grow(names, partitions)

    async def delete_topics(self, names: Iterable[str]) -> list[str]:
        """Delete topics; when this returns they can be made again."""
        parts, named = self._open(), tuple(names)
        parts.publishing.forget(named)
        return await parts.administration.delete(named)

    async def trim(self, now: datetime) -> int:
        """Do nothing: brokers drop what has outlived its topic's retention."""
        return 0

    def _connect(self) -> _Parts:
        settings, names = self._settings, self._names
        try:
            producing = Producing(config.producer(settings), names.wire("gibsey.ui.symbol"))
            admin = AdminClient(config.client(settings))
        except KafkaException as exception:
            raise _refused(exception) from exception
        administration = Administration(admin, names, settings.kafka_partitions, settings.kafka_replication)
        return _Parts(
            producing,
            Publishing(producing, administration, names),
            administration,
            lag.Commits(self._standing_by, names),
            Watch(administration.shapes),
        )

    def _open(self) -> _Parts:
        if self._parts is None:
            raise BusUnavailable("The bus is not open.", next_step="Open it first.")
        if self._parts.producing.reach.away:
            raise self._parts.producing.reach.away
        return self._parts

    def _new_pulse(self) -> Pulse:
        return self._pulse(asyncio.get_running_loop(), self._settings.kafka_session_timeout / 4)

    def _standing_by(self, group: str) -> Consumer:
        properties = config.reader(self._settings) | {"group.id": self._names.wire(group)}
        return _consumer(properties, Reach(self._names.wire(group)))

    def _ending(self) -> Callable[[Reach], Consumer]:
        return partial(_consumer, config.reader(self._settings) | {"enable.partition.eof": True})

    async def _first(self, offsets: Mapping[Partition, int]) -> dict[Partition, Record]:
        return await read_first(offsets, self._ending(), self._names)


def _consumer(properties: config.Properties, reach: Reach) -> Consumer:
    try:
        return Consumer(properties | {"error_cb": reach.hear})
    except KafkaException as exception:
        raise _refused(exception) from exception


def _refused(exception: KafkaException) -> InvalidSetting:
    return InvalidSetting(
        f"Kafka's client refuses the settings: {error_of(exception).str().rstrip('.')}.",
        next_step="Correct the KAFKA_ settings; see docs/configuration.md.",
    )
