"""A member of a consumer group on Kafka."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from qdpi.bus.kafka.assignment import Assignment
from qdpi.bus.kafka.codec import Names, partition_of
from qdpi.bus.kafka.consumer_thread import ConsumerThread, Heartbeat, Poller
from qdpi.bus.kafka.errors import Reachability
from qdpi.bus.port import Delivery, Partition
from qdpi.bus.validation import check_limit
from qdpi.errors import BusUnavailable


class KafkaMembership:
    """A member of a group (see `Membership`).

    A revoked partition goes to its next owner after `revocation_timeout` seconds at most, whether or not this member
    has fetched.
    """

    def __init__(
        self,
        group: str,
        topics: Collection[str],
        open_consumer: Callable[[Reachability], Consumer],
        names: Names,
        heartbeat: Heartbeat,
        *,
        revocation_timeout: float,
    ) -> None:
        self.topics = frozenset(topics)
        self._group = group
        self._reachability = reachability = Reachability(names.wire(min(topics)))
        consumer = open_consumer(reachability)
        self._assignment = Assignment(consumer, names, group)
        self._poller = Poller(consumer, self._assignment, names, reachability, heartbeat)
        consumer.subscribe([names.wire(topic) for topic in topics], **self._callbacks(names, revocation_timeout))
        self._thread = ConsumerThread(self._poller, heartbeat, name=f"kafka-{group}")

    @property
    def has_left(self) -> bool:
        """Whether `leave` was called."""
        return self._thread.has_closed

    async def fetch(self, limit: int, timeout: float) -> Delivery:
        """Return records as soon as there are any, or revoked partitions."""
        check_limit(limit)
        if self.has_left:
            raise BusUnavailable(f"This member has left {self._group}.", next_step="Join again.")
        return await self._thread.fetch(limit, timeout)

    async def pause(self, partitions: Collection[Partition]) -> None:
        """Stop delivering records of these partitions until they are resumed or revoked."""
        if partitions and not self.has_left:
            await self._thread.call(partial(self._assignment.pause, frozenset(partitions)))

    async def resume(self, partitions: Collection[Partition]) -> None:
        """Deliver records of these partitions again, from where the last fetch stopped."""
        if partitions and not self.has_left:
            await self._thread.call(partial(self._assignment.resume, frozenset(partitions)))

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit the next offsets to read of owned partitions."""
        if offsets and not self.has_left:
            await self._thread.call(partial(self._commit, dict(offsets)))

    async def leave(self) -> None:
        """Leave the group at once."""
        await self._thread.close()

    async def topics_recreated(self, topics: Collection[str]) -> None:
        """Handle recreated topics: their partitions count as lost, and are read from the first record."""
        if not self.has_left and not self.topics.isdisjoint(topics):
            await self._thread.call(partial(self._restart, topics))

    async def partitions_added(self, partitions: Collection[Partition]) -> None:
        """Do nothing: the brokers assign new partitions to the group's members."""

    def _commit(self, offsets: Mapping[Partition, int]) -> None:
        if self._reachability.outage:
            # the client would block the thread for most of a minute
            raise self._reachability.outage
        self._assignment.commit(offsets)

    def _restart(self, topics: Collection[str]) -> None:
        partitions = [partition for topic in topics for partition in self._assignment.partitions_of(topic)]
        if partitions:
            self._poller.revoke(partitions, 0.0)
            self._assignment.restart(partitions)

    def _callbacks(self, names: Names, revocation_timeout: float) -> dict[str, Any]:
        def of_port(partitions: Collection[TopicPartition]) -> list[Partition]:
            return [partition_of(each, names) for each in partitions]

        def assigned(_: Consumer, partitions: list[TopicPartition]) -> None:
            self._assignment.assign(of_port(partitions))

        def revoked(_: Consumer, partitions: list[TopicPartition]) -> None:
            self._poller.revoke(of_port(partitions), revocation_timeout)
            self._assignment.retry_commits()
            self._assignment.unassign(of_port(partitions))

        def lost(_: Consumer, partitions: list[TopicPartition]) -> None:
            self._poller.revoke(of_port(partitions), 0.0)
            self._assignment.unassign(of_port(partitions))

        return {"on_assign": assigned, "on_revoke": revoked, "on_lost": lost}
