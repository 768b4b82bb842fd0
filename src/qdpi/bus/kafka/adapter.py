"""The event bus port on Kafka."""

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
from qdpi.bus.kafka.consumer_thread import Heartbeat
from qdpi.bus.kafka.errors import Reachability, error_of
from qdpi.bus.kafka.membership import KafkaMembership
from qdpi.bus.kafka.producer import ProducerThread, TopicPublisher
from qdpi.bus.kafka.readers import Tap, read_bounds, read_first
from qdpi.bus.kafka.topic_monitor import TopicMonitor
from qdpi.bus.kafka.topics import TopicAdmin
from qdpi.bus.port import Lag, Membership, Message, Partition, Record, Start, TopicState
from qdpi.bus.validation import check_limit, check_name, page_topic
from qdpi.errors import BusUnavailable, InvalidSetting
from qdpi.events import TopicSpec
from qdpi.health import HealthCheck
from qdpi.settings import Settings


class _Connection(NamedTuple):
    """The parts of an open bus."""

    producer: ProducerThread
    publisher: TopicPublisher
    topics: TopicAdmin
    commits: lag.CommittedOffsets
    monitor: TopicMonitor


class KafkaBus:
    """The event bus on the brokers named in the settings (see `EventBus`).

    Raises `InvalidSetting` if the Kafka client rejects a setting. `heartbeat` creates the event-loop heartbeat of a
    member or tap: its thread polls only while the heartbeat is alive.
    """

    def __init__(
        self, settings: Settings, *, heartbeat: Callable[[asyncio.AbstractEventLoop, float], Heartbeat] = Heartbeat
    ) -> None:
        self._settings, self._heartbeat = settings, heartbeat
        self._names = Names(settings.kafka_prefix)
        self._connection: _Connection | None = None
        self._members: list[KafkaMembership] = []
        self._taps: list[Tap] = []
        self._joined: dict[str, set[str]] = {}
        self._first_unread: dict[str, lag.FirstRecords] = {}
        config.client(settings)

    async def open(self) -> None:
        """Connect, and return once the brokers answer."""
        if self._connection is None:
            self._connection = self._connect()
        await self.ping()

    async def close(self) -> None:
        """Leave all groups, end all taps, and wait a bounded time for pending publishes."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        await connection.monitor.close()
        await connection.commits.close()
        leaving = [member.leave() for member in self._members] + [tap.close() for tap in self._taps]
        await asyncio.gather(*leaving, return_exceptions=True)
        self._members.clear()
        await connection.producer.close()

    async def ping(self) -> None:
        """Return when the cluster answers. A missing core topic with a reader in this process counts as an outage."""
        connection = self._open()
        await connection.producer.ping()
        if topic := min(connection.monitor.missing, default=None):
            raise BusUnavailable(f"Kafka no longer has {topic}.", next_step="Create it with `qdpi kafka-topics`.")

    async def publish(self, message: Message) -> None:
        """Publish and await the acknowledgement of all in-sync replicas.

        Creates missing page topics. Raises `InvalidInput` for any other missing topic and for a value too large.
        """
        await self._open().publisher.publish(message)

    async def join(self, group: str, topics: Iterable[str]) -> Membership:
        """Join a group as a new member."""
        connection, named = self._open(), tuple(dict.fromkeys(topics))
        check_name("group", group)
        shapes = await connection.topics.shapes(named)
        properties = config.member(self._settings, self._names.wire(group))
        timeout = self._settings.kafka_session_timeout
        member = KafkaMembership(
            group,
            named,
            partial(_consumer, properties),
            self._names,
            self._new_heartbeat(),
            revocation_timeout=timeout / 2,
        )
        self._joined.setdefault(group, set()).update(named)
        for left in [member for member in self._members if member.has_left]:
            self._members.remove(left)
            connection.monitor.remove(left)
        self._members.append(member)
        connection.monitor.add(member, shapes)
        return member

    @asynccontextmanager
    async def tap(
        self, topics: Iterable[str], start: Start, *, limit: int = 10_000
    ) -> AsyncIterator[AsyncIterator[Record]]:
        """Read all partitions of topics, future ones included. The tap resumes after an outage without loss."""
        connection, named = self._open(), tuple(dict.fromkeys(topics))
        check_limit(limit)
        # A topic left out now would count as new once it is back, and be read from its first record.
        shapes = await connection.topics.shapes(named, require_leaders=True)
        partitions = [Partition(name, number) for name, shape in shapes.items() for number in range(shape.partitions)]
        if start is Start.EARLIEST:
            positions = {state.partition: state.first for state in await connection.topics.bounds(partitions)}
        else:  # records of a transaction that is open now arrive when it ends
            positions = await connection.topics.stable_ends(partitions)
        opened = partial(_consumer, config.reader(self._settings))
        tap = Tap(named, positions, opened, self._names, self._new_heartbeat(), limit=limit)
        self._taps.append(tap)
        connection.monitor.add(tap, shapes)
        try:
            yield tap
        finally:
            connection.monitor.remove(tap)
            self._taps.remove(tap)
            with suppress(BusUnavailable):  # the thread ends later by itself
                await tap.close()

    async def scan(self, topic: str) -> AsyncIterator[Record]:
        """Read the current records of a topic in order of arrival; none if it does not exist."""
        topics = self._open().topics
        shape = await topics.shape(topic)
        partitions = [Partition(topic, number) for number in range(shape.partitions if shape else 0)]
        bounds = await topics.bounds(partitions)
        async for record in read_bounds(bounds, self._open_scanner(), self._names):
            yield record

    async def topics(self) -> list[TopicState]:
        """Return the bounds of every partition of our topics."""
        topics = self._open().topics
        return await topics.bounds(await topics.all_topics())

    async def lag(self, group: str) -> list[Lag]:
        """Return the lag on every partition of the topics that the group has committed or joined here."""
        connection = self._open()
        existing = [each for each in await connection.topics.all_topics() if page_topic(each.topic) is None]
        committed = await connection.commits.of(group, existing)
        read = {partition.topic for partition in committed} | self._joined.get(group, set())
        bounds = await connection.topics.bounds([each for each in existing if each.topic in read])
        behind = [state for state in bounds if committed.get(state.partition, 0) < state.next]
        # read before the records: a transaction that ends in between is counted as unread
        stable = await connection.topics.stable_ends([state.partition for state in behind])
        unread = lag.unread(committed, bounds, stable)
        first = self._first_unread.setdefault(group, lag.FirstRecords(self._first))
        return lag.rows(unread, await first.of({each: unread[each] for each in unread if each in stable}))

    async def diagnose(self) -> list[HealthCheck]:
        """Check the cluster: brokers, replicas and properties of topics, the session timeout."""
        return await self._open().topics.diagnose(self._settings)

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Create missing topics, with KAFKA_PARTITIONS and KAFKA_REPLICATION."""
        wanted = tuple(specs)
        for spec in wanted:
            check_name("topic", spec.name)
        return await self._open().topics.create(wanted)

    async def grow_topics(self, names: Iterable[str], partitions: int) -> list[str]:
        """Raise the partition counts of topics."""
        return await self._open().topics.grow(names, partitions)

    async def delete_topics(self, names: Iterable[str]) -> list[str]:
        """Delete topics, and return once they can be created again."""
        connection, named = self._open(), tuple(names)
        connection.publisher.forget(named)
        return await connection.topics.delete(named)

    async def trim(self, now: datetime) -> int:
        """Do nothing: brokers apply the retention of topics themselves."""
        return 0

    def _connect(self) -> _Connection:
        settings, names = self._settings, self._names
        try:
            producer = ProducerThread(config.producer(settings), names.wire("gibsey.ui.symbol"))
            admin = AdminClient(config.client(settings))
        except KafkaException as exception:
            raise _refused(exception) from exception
        topics = TopicAdmin(admin, names, settings.kafka_partitions, settings.kafka_replication)
        return _Connection(
            producer,
            TopicPublisher(producer, topics, names),
            topics,
            lag.CommittedOffsets(self._open_offset_reader, names),
            TopicMonitor(topics.shapes),
        )

    def _open(self) -> _Connection:
        if self._connection is None:
            raise BusUnavailable("The bus is not open.", next_step="Open it first.")
        if self._connection.producer.reachability.outage:
            raise self._connection.producer.reachability.outage
        return self._connection

    def _new_heartbeat(self) -> Heartbeat:
        return self._heartbeat(asyncio.get_running_loop(), self._settings.kafka_session_timeout / 4)

    def _open_offset_reader(self, group: str) -> Consumer:
        properties = config.reader(self._settings) | {"group.id": self._names.wire(group)}
        return _consumer(properties, Reachability(self._names.wire(group)))

    def _open_scanner(self) -> Callable[[Reachability], Consumer]:
        return partial(_consumer, config.reader(self._settings) | {"enable.partition.eof": True})

    async def _first(self, offsets: Mapping[Partition, int]) -> dict[Partition, Record]:
        return await read_first(offsets, self._open_scanner(), self._names)


def _consumer(properties: config.Properties, reachability: Reachability) -> Consumer:
    try:
        return Consumer(properties | {"error_cb": reachability.record_error})
    except KafkaException as exception:
        raise _refused(exception) from exception


def _refused(exception: KafkaException) -> InvalidSetting:
    return InvalidSetting(
        f"Kafka's client refuses the settings: {error_of(exception).str().rstrip('.')}.",
        next_step="Correct the KAFKA_ settings; see docs/configuration.md.",
    )
