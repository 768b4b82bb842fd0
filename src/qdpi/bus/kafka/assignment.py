"""The partitions that a member of a group owns, as the thread that owns its consumer sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from time import monotonic, sleep
from typing import Final

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from qdpi.bus.kafka.codec import Names, placed, places
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
"""How a commit is refused of a partition that is another's by now, or while the group's members change."""
_REBALANCING: Final = 20
"""How often a commit is tried that comes while the group's members are being told their partitions."""
_REBALANCING_INTERVAL: Final = 0.05
_RETRY_INTERVAL: Final = 0.2
"""After how many seconds a refused commit of what is still ours is tried again."""
_PAUSE_GRACE: Final = 0.25
"""For how many seconds a pause of all is kept from the client."""

log = structlog.get_logger()


class Assignment:
    """What a member owns, has paused and has committed."""

    def __init__(self, consumer: Consumer, names: Names, group: str) -> None:
        self._consumer, self._names, self._group = consumer, names, group
        self._owned: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._paused_at = 0.0
        self._stopped: set[Partition] = set()
        """What the client was told to fetch nothing of."""
        self._committed: dict[Partition, int] = {}
        self._pending_commits: dict[Partition, int] = {}
        """What was to be committed and was refused, because the group's members were changing."""
        self._tried_at = 0.0
        self._restarted: set[Partition] = set()
        """Whose commits are still of the topic that was deleted."""

    def owns(self, partition: Partition) -> bool:
        """Tell whether a partition is ours."""
        return partition in self._owned

    def is_fetchable(self, partition: Partition) -> bool:
        """Tell whether a partition is ours and not paused."""
        return partition in self._owned and partition not in self._paused

    def prepare(self, *, requested: bool) -> bool:
        """Have the client fetch nothing of what is paused, nor of anything that nobody wants.

        A partition that is fetched again brings its next record only after the client's last long poll, half a
        second later. So while all is paused, nothing is polled at first, for it is soon resumed as a rule.
        """
        if self._pending_commits and monotonic() >= self._tried_at + _RETRY_INTERVAL:
            self.retry_commits()
        idle = self._paused if requested else self._owned
        if requested and self._owned <= self._paused and monotonic() < self._paused_at + _PAUSE_GRACE:
            return False
        self._consumer.pause(places(idle - self._stopped, self._names))
        self._consumer.resume(places(self._stopped - idle, self._names))
        self._stopped = set(idle)
        return True

    def assign(self, partitions: Collection[Partition], offset: int | None = None) -> None:
        """Own more partitions, from their committed offsets or from a given one."""
        log.info("kafka.partitions_assigned", group=self._group, partitions=_told(partitions))
        given = places(partitions, self._names) if offset is None else _at(partitions, offset, self._names)
        self._consumer.incremental_assign(given)
        self._owned.update(partitions)

    def unassign(self, partitions: Collection[Partition]) -> None:
        """Own some partitions no more."""
        log.info("kafka.partitions_revoked", group=self._group, partitions=_told(partitions))
        # the client would remember that it fetches nothing of them when it is assigned them again
        self._consumer.resume(places(self._stopped.intersection(partitions), self._names))
        self._consumer.incremental_unassign(places(partitions, self._names))
        for kept in (self._owned, self._paused, self._stopped, self._restarted):
            kept.difference_update(partitions)
        for partition in partitions:
            self._committed.pop(partition, None)
            self._pending_commits.pop(partition, None)

    def partitions_of(self, topic: str) -> list[Partition]:
        """Return what is owned of a topic."""
        return [partition for partition in self._owned if partition.topic == topic]

    def restart(self, partitions: Collection[Partition]) -> None:
        """Read partitions again from their first record: their topic was deleted and made again.

        Until `revocations_delivered`, commits of them are of the old topic, and have no effect.
        """
        self.unassign(partitions)
        self.assign(partitions, OFFSET_BEGINNING)
        self._restarted.update(partitions)

    def revocations_delivered(self) -> None:
        """Take whoever reads for having heard what was revoked."""
        self._restarted.clear()

    def pause(self, partitions: Collection[Partition]) -> None:
        """Have nothing more of these handed over."""
        if fresh := self._owned.intersection(partitions) - self._paused:
            self._paused |= fresh
            self._paused_at = monotonic()

    def resume(self, partitions: Collection[Partition]) -> None:
        """Have records of these handed over again."""
        self._paused.difference_update(partitions)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store offsets of what is ours, none lower than before. Raises `KafkaException` where brokers are away.

        What is refused because the group's members are changing is tried again by and by, while it is ours.
        """
        ours = self._owned - self._restarted
        higher = {
            partition: offset
            for partition, offset in offsets.items()
            if partition in ours and offset > self._committed.get(partition, -1)
        }
        self._pending_commits |= higher
        self._commit_pending()

    def retry_commits(self) -> None:
        """Try again what was refused; brokers that are away are for whoever fetches to hear of."""
        with suppress(KafkaException):
            self._commit_pending()

    def _commit_pending(self) -> None:
        owed, self._tried_at = dict(self._pending_commits), monotonic()
        if owed and self._commit(owed):
            self._committed |= owed
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
        """Commit; return the error, None where there was none."""
        try:
            answers = self._consumer.commit(offsets=placed(offsets, self._names), asynchronous=False)
        except KafkaException as exception:
            return error_of(exception)
        return next((answer.error for answer in answers if answer.error), None)


def _at(partitions: Iterable[Partition], offset: int, names: Names) -> list[TopicPartition]:
    return placed(dict.fromkeys(partitions, offset), names)


def _told(partitions: Iterable[Partition]) -> list[str]:
    return [f"{topic}/{number}" for topic, number in sorted(partitions)]
