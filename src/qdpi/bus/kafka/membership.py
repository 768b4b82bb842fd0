"""A member of a consumer group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from qdpi.bus.kafka.assignment import Assignment
from qdpi.bus.kafka.codec import Names, partition_of
from qdpi.bus.kafka.consumer_thread import Consuming, Poller, Pulse
from qdpi.bus.kafka.errors import Reach
from qdpi.bus.port import Delivery, Partition
from qdpi.bus.validation import check_limit
from qdpi.errors import BusUnavailable


class KafkaMembership:
    """A member of a group (see `Membership`); `patience` bounds how long a revoked partition waits for it."""

    def __init__(
        self,
        group: str,
        topics: Collection[str],
        open_consumer: Callable[[Reach], Consumer],
        names: Names,
        pulse: Pulse,
        *,
        patience: float,
    ) -> None:
        self.topics = frozenset(topics)
        self._group = group
        self._reach = reach = Reach(names.wire(min(topics)))
        consumer = open_consumer(reach)
        self._assignment = Assignment(consumer, names, group)
        self._poller = Poller(consumer, self._assignment, names, reach, pulse)
        consumer.subscribe([names.wire(topic) for topic in topics], **self._callbacks(names, patience))
        self._consuming = Consuming(self._poller, pulse, name=f"kafka-{group}")

    @property
    def has_left(self) -> bool:
        """Whether it gave up its membership."""
        return self._consuming.has_closed

    async def fetch(self, limit: int, timeout: float) -> Delivery:
        """Return records as soon as there are any, or what was revoked."""
        check_limit(limit)
        if self.has_left:
            raise BusUnavailable(f"This member has left {self._group}.", next_step="Join again.")
        return await self._consuming.fetch(limit, timeout)

    async def pause(self, partitions: Collection[Partition]) -> None:
        """Have nothing more of these partitions until they are resumed or revoked."""
        if partitions and not self.has_left:
            await self._consuming.call(partial(self._assignment.pause, frozenset(partitions)))

    async def resume(self, partitions: Collection[Partition]) -> None:
        """Have records of these partitions again, from where the last fetch stopped."""
        if partitions and not self.has_left:
            await self._consuming.call(partial(self._assignment.resume, frozenset(partitions)))

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the next offsets to read of what this member owns."""
        if offsets and not self.has_left:
            await self._consuming.call(partial(self._commit, dict(offsets)))

    async def leave(self) -> None:
        """Leave the group at once."""
        await self._consuming.close()

    async def renewed(self, topics: Collection[str]) -> None:
        """Take note that topics were deleted and made again: theirs is lost, and is read from its beginning."""
        if not self.has_left and not self.topics.isdisjoint(topics):
            await self._consuming.call(partial(self._begin_anew, topics))

    async def appeared(self, partitions: Collection[Partition]) -> None:
        """Do nothing: the group's members are given new partitions by the brokers."""

    def _commit(self, offsets: Mapping[Partition, int]) -> None:
        if self._reach.away:
            # the client would wait for its brokers, most of a minute, and its thread with it
            raise self._reach.away
        self._assignment.commit(offsets)

    def _begin_anew(self, topics: Collection[str]) -> None:
        partitions = [partition for topic in topics for partition in self._assignment.of_topic(topic)]
        if partitions:
            self._poller.hand_over(partitions, 0.0)
            self._assignment.begin_anew(partitions)

    def _callbacks(self, names: Names, patience: float) -> dict[str, Any]:
        def ours(places: Collection[TopicPartition]) -> list[Partition]:
            return [partition_of(place, names) for place in places]

        def assigned(_: Consumer, places: list[TopicPartition]) -> None:
            self._assignment.gain(ours(places))

        def revoked(_: Consumer, places: list[TopicPartition]) -> None:
            self._poller.hand_over(ours(places), patience)
            self._assignment.pay()
            self._assignment.lose(ours(places))

        def lost(_: Consumer, places: list[TopicPartition]) -> None:
            self._poller.hand_over(ours(places), 0.0)
            self._assignment.lose(ours(places))

        return {"on_assign": assigned, "on_revoke": revoked, "on_lost": lost}
