"""Topic administration: create, grow, delete and describe topics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicDescription,
)

from qdpi.bus.kafka.codec import Names, partition_of, wire_partitions
from qdpi.bus.kafka.config import REQUEST_TIMEOUT
from qdpi.bus.kafka.diagnostics import diagnose
from qdpi.bus.kafka.errors import answer_of, error_of, unavailable
from qdpi.bus.port import Partition, TopicState
from qdpi.bus.validation import no_topic
from qdpi.errors import BusUnavailable
from qdpi.events import TOPICS, TopicSpec, is_page_topic
from qdpi.health import HealthCheck
from qdpi.settings import Settings

OVERHEAD: Final = 64 << 10
"""Bytes allowed for a record's key and headers, in addition to its value."""
_PROPAGATION_TIMEOUT: Final = 5.0
"""Seconds until a change of topics must be visible in the brokers' metadata."""
_POLL_INTERVAL: Final = 0.02
_DAY_MS: Final = 86_400_000
_ABSENT: Final = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_EXCEPTION})
_MOVING: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
    }
)


class Shape(NamedTuple):
    """A topic's id, which distinguishes it from a deleted topic of the same name, and its number of partitions."""

    id: str
    partitions: int


class TopicAdmin:
    """Reads and changes the cluster's metadata of our topics."""

    def __init__(self, admin: AdminClient, names: Names, partitions: int, replication: int | None) -> None:
        self._admin = admin
        self._names, self._partitions, self._replication = names, partitions, replication

    async def create(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Create the missing topics, and wait until they can be used.

        If none is missing, no request is sent: brokers would refuse it from a user who may not create topics.
        """
        wanted = {self._names.wire(spec.name): spec for spec in specs}
        existing = await self._described(wanted)
        new = [self._new(name, spec) for name, spec in wanted.items() if name not in existing]
        if not new:
            return []
        answers = self._admin.create_topics(new, request_timeout=REQUEST_TIMEOUT)
        created = await self._done(answers, KafkaError.TOPIC_ALREADY_EXISTS)
        await self._wait_until(created, lambda shapes: len(shapes) == len(created))
        return [wanted[name].name for name in created]

    async def delete(self, names: Iterable[str]) -> list[str]:
        """Delete topics, and wait until they can be created again."""
        wired = list(dict.fromkeys(map(self._names.wire, names)))
        if not wired:
            return []
        answers = self._admin.delete_topics(wired, request_timeout=REQUEST_TIMEOUT)
        deleted = await self._done(answers, KafkaError.UNKNOWN_TOPIC_OR_PART)
        await self._wait_until(deleted, lambda shapes: not shapes)
        return [self._names.plain(name) for name in deleted]

    async def grow(self, names: Iterable[str], partitions: int) -> list[str]:
        """Raise partition counts. Raises `InvalidInput` for a topic that does not exist."""
        named = list(dict.fromkeys(names))
        shapes = await self.shapes(named, require_leaders=True)
        if missing := [name for name in named if name not in shapes]:
            raise no_topic(missing[0])
        fewer = [name for name in named if shapes[name].partitions < partitions]
        if not fewer:
            return []
        new = [NewPartitions(self._names.wire(name), partitions) for name in fewer]
        grown = await self._done(self._admin.create_partitions(new, request_timeout=REQUEST_TIMEOUT))
        await self._wait_until(grown, lambda shapes: all(shape.partitions >= partitions for shape in shapes.values()))
        return fewer

    async def shapes(self, topics: Iterable[str], *, require_leaders: bool = False) -> dict[str, Shape]:
        """Return the shapes of the topics that exist and have a leader for every partition.

        With `require_leaders`, raises `BusUnavailable` for an existing topic without leaders, instead of omitting it.
        """
        shapes = await self._described([self._names.wire(topic) for topic in topics], require_leaders=require_leaders)
        return {self._names.plain(name): shape for name, shape in shapes.items()}

    async def shape(self, topic: str) -> Shape | None:
        """Return a topic's shape, None if it does not exist. Raises `BusUnavailable` if it has no leader now."""
        return (await self.shapes([topic], require_leaders=True)).get(topic)

    async def max_value_bytes(self, topic: str) -> int | None:
        """Return the largest value that a topic accepts, in bytes; None if the topic does not exist."""
        resource = ConfigResource(ResourceType.TOPIC, self._names.wire(topic))
        answer = self._admin.describe_configs([resource], request_timeout=REQUEST_TIMEOUT)[resource]
        try:
            entries = await answer_of(answer, f"{topic} could not be looked up")
        except KafkaException as exception:
            if error_of(exception).code() in _ABSENT:
                return None
            raise unavailable(error_of(exception)) from exception
        return int(entries["max.message.bytes"].value) - OVERHEAD

    async def diagnose(self, settings: Settings) -> list[HealthCheck]:
        """Return the health checks of the cluster, our topics and the session timeout."""
        due = {spec.name: _config(spec) for spec in TOPICS.values()}
        return await diagnose(self._admin, self._names, settings, due, _ABSENT)

    async def all_topics(self) -> list[Partition]:
        """Return every partition of all our topics, in order."""
        try:
            metadata = await asyncio.to_thread(self._admin.list_topics, None, REQUEST_TIMEOUT)
        except KafkaException as exception:
            raise unavailable(error_of(exception)) from exception
        return sorted(
            Partition(self._names.plain(name), number)
            for name, topic in metadata.topics.items()
            if self._names.is_ours(name)
            for number in topic.partitions
        )

    async def bounds(self, partitions: Collection[Partition]) -> list[TopicState]:
        """Return the bounds of partitions, in their order; deleted ones are left out."""
        first, following = await asyncio.gather(
            self._offsets(partitions, OffsetSpec.earliest()), self._offsets(partitions, OffsetSpec.latest())
        )
        return [
            TopicState(partition, first[partition], following[partition])
            for partition in partitions
            if partition in first and partition in following
        ]

    async def stable_ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return the offset of each existing partition before which no transaction is open."""
        if not partitions:
            return {}
        return await self._offsets(partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)

    async def _offsets(
        self,
        partitions: Collection[Partition],
        spec: OffsetSpec,
        isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
    ) -> dict[Partition, int]:
        """Return an offset of each existing partition; retry while the leader of one is changing."""
        found: dict[Partition, int] = {}
        wanted = set(partitions)
        async with _within_propagation_timeout("Kafka's partitions had no leaders"):
            while wanted:
                offsets, wanted = await self._list_offsets(wanted, spec, isolation)
                found |= offsets
                if wanted:
                    await asyncio.sleep(_POLL_INTERVAL)
        return found

    async def _list_offsets(
        self, wanted: Collection[Partition], spec: OffsetSpec, isolation: IsolationLevel
    ) -> tuple[dict[Partition, int], set[Partition]]:
        request = dict.fromkeys(wire_partitions(wanted, self._names), spec)
        answers: dict[TopicPartition, Future[Any]] = self._admin.list_offsets(
            request, isolation_level=isolation, request_timeout=REQUEST_TIMEOUT
        )
        found: dict[Partition, int] = {}
        moving: set[Partition] = set()
        for wire_partition, answer in answers.items():
            partition = partition_of(wire_partition, self._names)
            try:
                found[partition] = (await answer_of(answer, "Kafka's offsets could not be read")).offset
            except KafkaException as exception:
                code = error_of(exception).code()
                if code in _MOVING:
                    moving.add(partition)
                elif code not in _ABSENT:
                    raise unavailable(error_of(exception)) from exception
        return found, moving

    async def _described(self, wired: Collection[str], *, require_leaders: bool = False) -> dict[str, Shape]:
        if not wired:
            return {}
        answers = self._admin.describe_topics(TopicCollection(list(wired)), request_timeout=REQUEST_TIMEOUT)
        shapes: dict[str, Shape] = {}
        for name, answer in answers.items():
            try:
                described: TopicDescription = await answer_of(answer, "Kafka's topics could not be read")
            except KafkaException as exception:
                if error_of(exception).code() not in _ABSENT:
                    raise unavailable(error_of(exception)) from exception
            else:
                if all(partition.leader is not None for partition in described.partitions):
                    shapes[name] = Shape(str(described.topic_id), len(described.partitions))
                elif require_leaders:
                    raise BusUnavailable(f"Some partitions of {self._names.plain(name)} have no leader now.")
        return shapes

    async def _done(self, answers: dict[str, Future[Any]], *allowed: int) -> list[str]:
        """Return the names of the changed topics; those refused with an allowed error code are left out."""
        changed = []
        for name, answer in answers.items():
            try:
                await answer_of(answer, f"{self._names.plain(name)} could not be changed")
            except KafkaException as exception:
                if error_of(exception).code() not in allowed:
                    raise unavailable(
                        error_of(exception), f"{self._names.plain(name)} could not be changed"
                    ) from exception
            else:
                changed.append(name)
        return changed

    async def _wait_until(self, wired: Collection[str], holds: Callable[[dict[str, Shape]], bool]) -> None:
        async with _within_propagation_timeout(f"Kafka's change of {', '.join(wired)} was not visible"):
            while not holds(await self._described(wired)):  # noqa: ASYNC110  (brokers send no notification)
                await asyncio.sleep(_POLL_INTERVAL)

    def _new(self, name: str, spec: TopicSpec) -> NewTopic:
        partitions = 1 if is_page_topic(spec.name) else self._partitions
        config = _config(spec)
        if self._replication is None:
            return NewTopic(name, partitions, config=config)
        # with three or more replicas, one broker may be down; with two, none
        config["min.insync.replicas"] = str(min(2, max(1, self._replication - 1)))
        return NewTopic(name, partitions, self._replication, config=config)


def _config(spec: TopicSpec) -> dict[str, str]:
    retention = spec.retention * 1_000
    return {
        "retention.ms": str(retention),
        # retention applies to closed segments, so a short retention needs short segments
        "segment.ms": str(min(retention, _DAY_MS)),
        "cleanup.policy": "compact,delete" if spec.compact else "delete",
        "max.message.bytes": str(spec.max_bytes + OVERHEAD),
        "message.timestamp.type": "LogAppendTime",
    }


@asynccontextmanager
async def _within_propagation_timeout(failure: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_PROPAGATION_TIMEOUT):
            yield
    except TimeoutError:
        raise BusUnavailable(f"{failure} within {_PROPAGATION_TIMEOUT:g} s.") from None
