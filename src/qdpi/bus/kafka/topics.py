"""Topics: making, growing and deleting them, and what is known of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicDescription,
)

from qdpi.bus.kafka.codec import Names, partition_of, places
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
"""What a record's key and headers may take beside its value, in bytes."""
_SETTLING: Final = 5.0
"""How long a change of topics may take until brokers tell of it, in seconds."""
_LOOK_AGAIN: Final = 0.02
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
    """What tells a topic from an earlier one of its name, and how many partitions it has."""

    id: str
    partitions: int


class TopicAdmin:
    """Asks and changes what the cluster knows of our topics."""

    def __init__(self, admin: AdminClient, names: Names, partitions: int, replication: int | None) -> None:
        self._admin = admin
        self._names, self._partitions, self._replication = names, partitions, replication

    async def create(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Make the topics that are not there, and wait until they can be used.

        Where all are there nothing is asked for: brokers refuse whoever may not make topics, those there too.
        """
        wanted = {self._names.wire(spec.name): spec for spec in specs}
        there = await self._described(wanted)
        new = [self._new(name, spec) for name, spec in wanted.items() if name not in there]
        if not new:
            return []
        answers = self._admin.create_topics(new, request_timeout=REQUEST_TIMEOUT)
        made = await self._done(answers, KafkaError.TOPIC_ALREADY_EXISTS)
        await self._until(made, lambda shapes: len(shapes) == len(made))
        return [wanted[name].name for name in made]

    async def delete(self, names: Iterable[str]) -> list[str]:
        """Delete topics, and wait until they can be made again."""
        wired = list(dict.fromkeys(map(self._names.wire, names)))
        if not wired:
            return []
        answers = self._admin.delete_topics(wired, request_timeout=REQUEST_TIMEOUT)
        gone = await self._done(answers, KafkaError.UNKNOWN_TOPIC_OR_PART)
        await self._until(gone, lambda shapes: not shapes)
        return [self._names.plain(name) for name in gone]

    async def grow(self, names: Iterable[str], partitions: int) -> list[str]:
        """Raise partition counts. Raises `InvalidInput` for a topic that is not there."""
        named = list(dict.fromkeys(names))
        shapes = await self.shapes(named, require_leaders=True)
        if missing := [name for name in named if name not in shapes]:
            raise no_topic(missing[0])
        fewer = [name for name in named if shapes[name].partitions < partitions]
        if not fewer:
            return []
        new = [NewPartitions(self._names.wire(name), partitions) for name in fewer]
        grown = await self._done(self._admin.create_partitions(new, request_timeout=REQUEST_TIMEOUT))
        await self._until(grown, lambda shapes: all(shape.partitions >= partitions for shape in shapes.values()))
        return fewer

    async def shapes(self, topics: Iterable[str], *, require_leaders: bool = False) -> dict[str, Shape]:
        """Return the shapes of those topics that are there and have a leader for every partition.

        With `require_leaders` it raises `BusUnavailable` where one has none now, instead of leaving it out.
        """
        told = await self._described([self._names.wire(topic) for topic in topics], require_leaders=require_leaders)
        return {self._names.plain(name): shape for name, shape in told.items()}

    async def shape(self, topic: str) -> Shape | None:
        """Return a topic's shape, None where it is not there. Raises `BusUnavailable` where it has no leader now."""
        return (await self.shapes([topic], require_leaders=True)).get(topic)

    async def max_value_bytes(self, topic: str) -> int | None:
        """Return how large a value a topic takes, in bytes; None where it is not there."""
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
        """Return how the cluster is for our topics and groups."""
        due = {spec.name: _config(spec) for spec in TOPICS.values()}
        return await diagnose(self._admin, self._names, settings, due, _ABSENT)

    async def all_topics(self) -> list[Partition]:
        """Return every partition of all our topics, in order."""
        try:
            told = await asyncio.to_thread(self._admin.list_topics, None, REQUEST_TIMEOUT)
        except KafkaException as exception:
            raise unavailable(error_of(exception)) from exception
        return sorted(
            Partition(self._names.plain(name), number)
            for name, topic in told.topics.items()
            if self._names.is_ours(name)
            for number in topic.partitions
        )

    async def bounds(self, partitions: Collection[Partition]) -> list[TopicState]:
        """Return the bounds of partitions, in their order; one that has gone is left out."""
        first, following = await asyncio.gather(
            self._offsets(partitions, OffsetSpec.earliest()), self._offsets(partitions, OffsetSpec.latest())
        )
        return [
            TopicState(partition, first[partition], following[partition])
            for partition in partitions
            if partition in first and partition in following
        ]

    async def ends(self, topics: Iterable[str]) -> dict[Partition, int]:
        """Return the next offset of every partition of those topics that are there."""
        shapes = await self.shapes(topics)
        partitions = [Partition(name, n) for name, shape in shapes.items() for n in range(shape.partitions)]
        return await self._offsets(partitions, OffsetSpec.latest())

    async def _offsets(self, partitions: Collection[Partition], spec: OffsetSpec) -> dict[Partition, int]:
        """Return an offset of each partition that is there; one whose leader is changing is asked for again."""
        found: dict[Partition, int] = {}
        wanted = set(partitions)
        async with _settling("Kafka's partitions have no leaders"):
            while wanted:
                told, wanted = await self._asked(wanted, spec)
                found |= told
                if wanted:
                    await asyncio.sleep(_LOOK_AGAIN)
        return found

    async def _asked(
        self, wanted: Collection[Partition], spec: OffsetSpec
    ) -> tuple[dict[Partition, int], set[Partition]]:
        asked = dict.fromkeys(places(wanted, self._names), spec)
        answers: dict[TopicPartition, Future[Any]] = self._admin.list_offsets(asked, request_timeout=REQUEST_TIMEOUT)
        found: dict[Partition, int] = {}
        moving: set[Partition] = set()
        for place, answer in answers.items():
            partition = partition_of(place, self._names)
            try:
                found[partition] = (await answer_of(answer, "Kafka does not tell its offsets")).offset
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
                told: TopicDescription = await answer_of(answer, "Kafka does not tell its topics")
            except KafkaException as exception:
                if error_of(exception).code() not in _ABSENT:
                    raise unavailable(error_of(exception)) from exception
            else:
                if all(partition.leader is not None for partition in told.partitions):
                    shapes[name] = Shape(str(told.topic_id), len(told.partitions))
                elif require_leaders:
                    raise BusUnavailable(f"No broker leads all of {self._names.plain(name)} now.")
        return shapes

    async def _done(self, answers: dict[str, Future[Any]], *allowed: int) -> list[str]:
        """Return the names whose change was made; one that could not be for an allowed reason is left out."""
        made = []
        for name, answer in answers.items():
            try:
                await answer_of(answer, f"{self._names.plain(name)} could not be changed")
            except KafkaException as exception:
                if error_of(exception).code() not in allowed:
                    raise unavailable(
                        error_of(exception), f"{self._names.plain(name)} could not be changed"
                    ) from exception
            else:
                made.append(name)
        return made

    async def _until(self, wired: Collection[str], holds: Callable[[dict[str, Shape]], bool]) -> None:
        async with _settling(f"Kafka does not make its change of {', '.join(wired)} known"):
            while not holds(await self._described(wired)):  # noqa: ASYNC110  (brokers tell nobody)
                await asyncio.sleep(_LOOK_AGAIN)

    def _new(self, name: str, spec: TopicSpec) -> NewTopic:
        partitions = 1 if is_page_topic(spec.name) else self._partitions
        config = _config(spec)
        if self._replication is None:
            return NewTopic(name, partitions, config=config)
        # with three copies or more, one broker may be away; with two, neither must be
        config["min.insync.replicas"] = str(min(2, max(1, self._replication - 1)))
        return NewTopic(name, partitions, self._replication, config=config)


def _config(spec: TopicSpec) -> dict[str, str]:
    retention = spec.retention * 1_000
    return {
        "retention.ms": str(retention),
        # what is kept is counted in closed segments, so a short time needs short ones
        "segment.ms": str(min(retention, _DAY_MS)),
        "cleanup.policy": "compact,delete" if spec.compact else "delete",
        "max.message.bytes": str(spec.max_bytes + OVERHEAD),
        "message.timestamp.type": "LogAppendTime",
    }


@asynccontextmanager
async def _settling(trouble: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_SETTLING):
            yield
    except TimeoutError:
        raise BusUnavailable(f"{trouble} within {_SETTLING:g} s.") from None
