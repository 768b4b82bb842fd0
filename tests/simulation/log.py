"""Log of the simulated Kafka: topics in partitions, and futures for new records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count as counting
from zlib import crc32

from qdpi.bus.port import Message, Partition, Record, TopicState
from qdpi.errors import InvalidInput
from qdpi.events import TOPICS, PageEvent, TopicSpec


@dataclass
class Topic:
    """A topic: a list of records for each partition."""

    spec: TopicSpec
    partitions: list[list[Record]]


@dataclass
class Log:
    """The topics of a cluster, `partitions` each. `now` is the cluster's clock."""

    now: Callable[[], datetime]
    partitions: int = 3
    topics: dict[str, Topic] = field(default_factory=dict)
    on_change: Callable[[], None] = lambda: None
    """Called when topics are created, grown or deleted."""
    _turns: counting[int] = field(default_factory=counting)
    _waiting: dict[asyncio.Future[bool], frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.create(TOPICS.values())

    def create(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Create the missing topics; return their names."""
        made = [spec for spec in specs if spec.name not in self.topics]
        for spec in made:
            self.topics[spec.name] = Topic(spec, [[] for _ in range(self.partitions)])
        if made:
            self.on_change()
        return [spec.name for spec in made]

    def grow(self, names: Iterable[str], partitions: int) -> list[str]:
        """Raise partition counts; return the names of those grown. Raises `InvalidInput` for a missing topic."""
        topics = {name: self._topic(name).partitions for name in names}
        grown = [name for name, held in topics.items() if len(held) < partitions]
        for name in grown:
            topics[name].extend([] for _ in range(partitions - len(topics[name])))
        if grown:
            self.on_change()
        return grown

    def delete(self, names: Iterable[str]) -> list[str]:
        """Delete topics; return the names of those that existed."""
        gone = [name for name in names if self.topics.pop(name, None)]
        if gone:
            self.on_change()
        return gone

    def append(self, message: Message) -> None:
        """Append a message. Raises `InvalidInput` for a missing topic and for too large a value."""
        topic = self._topic(message.topic)
        size = len(message.value or b"")
        if size > topic.spec.max_bytes:
            raise InvalidInput(
                f"A value of {size:,} bytes is too large for {message.topic}, which takes {topic.spec.max_bytes:,}."
            )
        turn = next(self._turns) if message.key is None else crc32(message.key)
        partition = Partition(message.topic, turn % len(topic.partitions))
        records = topic.partitions[partition.number]
        records.append(Record(partition, len(records), message.key, message.value, message.headers, self.now()))
        self.wake(message.topic)

    def _topic(self, name: str) -> Topic:
        if name not in self.topics and name.startswith("gibsey.page.S"):
            self.create([TopicSpec(name, PageEvent, "page_id", 3_600)])
        if name not in self.topics:
            raise InvalidInput(f"There is no topic {name}.")
        return self.topics[name]

    def records(self, partition: Partition) -> list[Record]:
        """Return the records of a partition; none if it is missing."""
        topic = self.topics.get(partition.topic)
        return topic.partitions[partition.number] if topic and partition.number < len(topic.partitions) else []

    def partitions_of(self, topics: Iterable[str]) -> list[Partition]:
        """Return the partitions of those topics that exist."""
        there = {name: len(self.topics[name].partitions) for name in topics if name in self.topics}
        return [Partition(name, number) for name, count in there.items() for number in range(count)]

    def bounds(self) -> list[TopicState]:
        """Return the bounds of every partition."""
        return [TopicState(p, 0, len(self.records(p))) for p in self.partitions_of(self.topics)]

    def news(self, topics: Iterable[str]) -> asyncio.Future[bool]:
        """Return a future that is done once one of the topics has new records, or at `wake`."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[future] = frozenset(topics)
        future.add_done_callback(lambda done: self._waiting.pop(done, None))
        return future

    def wake(self, topic: str | None = None) -> None:
        """Complete the futures that wait for a topic, or all."""
        for future, topics in list(self._waiting.items()):
            if (topic is None or topic in topics) and not future.done():
                future.set_result(True)
