"""The partitions assigned to a group member: pausing, committing, revocation. Used on the consumer's thread only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from time import monotonic, sleep
from typing import Final

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from qdpi.bus.kafka.codec import Names, wire_offsets, wire_partitions
from qdpi.bus.kafka.errors import error_of
from qdpi.bus.port import Partition

_FENCED: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)
"""Error codes of a commit for a partition that was reassigned, or made during a membership change."""
_REBALANCING: Final = 20
"""How many times to retry a commit while the group rebalances."""
_REBALANCING_INTERVAL: Final = 0.05
_RETRY_INTERVAL: Final = 0.2
"""Seconds between retries of a rejected commit of an owned partition."""
_PAUSE_GRACE: Final = 0.25
"""Seconds before the client learns that all partitions are paused."""

log = structlog.get_logger()


class Assignment:
    """The partitions that a member owns, has paused and has committed."""

    def __init__(self, consumer: Consumer, names: Names, group: str) -> None:
        self._consumer, self._names, self._group = consumer, names, group
        self._owned: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._paused_at = 0.0
        self._stopped: set[Partition] = set()
        """The partitions paused in the client."""
        self._committed: dict[Partition, int] = {}
        self._pending_commits: dict[Partition, int] = {}
        """Offsets whose commit was rejected during a membership change."""
        self._tried_at = 0.0
        self._restarted: set[Partition] = set()
        """Recreated partitions whose commits still refer to the deleted topic."""

    def owns(self, partition: Partition) -> bool:
        """Return whether this member owns a partition."""
        return partition in self._owned

    def is_fetchable(self, partition: Partition) -> bool:
        """Return whether this member owns a partition and has not paused it."""
        return partition in self._owned and partition not in self._paused

    def prepare(self, *, requested: bool) -> bool:
        """Pause the idle partitions in the client; return whether to poll now.

        Idle are the paused partitions, and without a waiting fetch all of them. After a resume, the client delivers
        the next record only once its current long poll has ended, half a second later. So right after all partitions
        were paused, this skips the poll instead: they are usually resumed soon.
        """
        if self._pending_commits and monotonic() >= self._tried_at + _RETRY_INTERVAL:
            self.retry_commits()
        idle = self._paused if requested else self._owned
        if requested and self._owned <= self._paused and monotonic() < self._paused_at + _PAUSE_GRACE:
            return False
        self._consumer.pause(wire_partitions(idle - self._stopped, self._names))
        self._consumer.resume(wire_partitions(self._stopped - idle, self._names))
        self._stopped = set(idle)
        return True

    def assign(self, partitions: Collection[Partition], offset: int | None = None) -> None:
        """Add partitions, from their committed offsets or from a given offset."""
        log.info("kafka.partitions_assigned", group=self._group, partitions=_labels(partitions))
        given = wire_partitions(partitions, self._names) if offset is None else _at(partitions, offset, self._names)
        self._consumer.incremental_assign(given)
        self._owned.update(partitions)

    def unassign(self, partitions: Collection[Partition]) -> None:
        """Remove partitions."""
        log.info("kafka.partitions_revoked", group=self._group, partitions=_labels(partitions))
        # the client would remember the pause when the partitions are assigned to it again
        self._consumer.resume(wire_partitions(self._stopped.intersection(partitions), self._names))
        self._consumer.incremental_unassign(wire_partitions(partitions, self._names))
        for kept in (self._owned, self._paused, self._stopped, self._restarted):
            kept.difference_update(partitions)
        for partition in partitions:
            self._committed.pop(partition, None)
            self._pending_commits.pop(partition, None)

    def partitions_of(self, topic: str) -> list[Partition]:
        """Return the owned partitions of a topic."""
        return [partition for partition in self._owned if partition.topic == topic]

    def restart(self, partitions: Collection[Partition]) -> None:
        """Read partitions from their first record: their topic was deleted and recreated.

        Until `revocations_delivered`, commits for them refer to the old topic and have no effect.
        """
        self.unassign(partitions)
        self.assign(partitions, OFFSET_BEGINNING)
        self._restarted.update(partitions)

    def revocations_delivered(self) -> None:
        """Note that the caller of `fetch` has received all revocations."""
        self._restarted.clear()

    def pause(self, partitions: Collection[Partition]) -> None:
        """Stop delivering records of these partitions."""
        if fresh := self._owned.intersection(partitions) - self._paused:
            self._paused |= fresh
            self._paused_at = monotonic()

    def resume(self, partitions: Collection[Partition]) -> None:
        """Deliver records of these partitions again."""
        self._paused.difference_update(partitions)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit offsets of owned partitions, never lower than before. Raises `KafkaException` during an outage.

        Commits rejected during a membership change are retried later, while the partition is still owned.
        """
        committable = self._owned - self._restarted
        higher = {
            partition: offset
            for partition, offset in offsets.items()
            if partition in committable and offset > self._committed.get(partition, -1)
        }
        self._pending_commits |= higher
        self._commit_pending()

    def retry_commits(self) -> None:
        """Retry rejected commits. Broker outages are raised by `fetch`, not here."""
        with suppress(KafkaException):
            self._commit_pending()

    def _commit_pending(self) -> None:
        pending, self._tried_at = dict(self._pending_commits), monotonic()
        if pending and self._commit(pending):
            self._committed |= pending
            self._pending_commits.clear()

    def _commit(self, offsets: Mapping[Partition, int]) -> bool:
        error = self._try(offsets)
        for _ in range(_REBALANCING):
            if error is None or error.code() != KafkaError.REBALANCE_IN_PROGRESS:
                break
            sleep(_REBALANCING_INTERVAL)
            error = self._try(offsets)
        if error is not None and error.code() not in _FENCED:
            raise KafkaException(error)
        return error is None

    def _try(self, offsets: Mapping[Partition, int]) -> KafkaError | None:
        """Commit; return the error, None on success."""
        try:
            answers = self._consumer.commit(offsets=wire_offsets(offsets, self._names), asynchronous=False)
        except KafkaException as exception:
            return error_of(exception)
        return next((answer.error for answer in answers if answer.error), None)


def _at(partitions: Iterable[Partition], offset: int, names: Names) -> list[TopicPartition]:
    return wire_offsets(dict.fromkeys(partitions, offset), names)


def _labels(partitions: Iterable[Partition]) -> list[str]:
    return [f"{topic}/{number}" for topic, number in sorted(partitions)]
