"""Assignments: commits rejected during a rebalance are retried after it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from qdpi.bus.kafka.assignment import Assignment
from qdpi.bus.kafka.codec import Names
from qdpi.bus.port import Partition

ONE, TWO = Partition("topic", 1), Partition("topic", 2)


class Broker:
    """A consumer that records commits, or rejects them with an error set by the test."""

    def __init__(self) -> None:
        self.refuses: int | None = None
        self.committed: dict[int, int] = {}

    def commit(self, *, offsets: Sequence[TopicPartition], asynchronous: bool) -> Sequence[TopicPartition]:
        if self.refuses is not None:
            raise KafkaException(KafkaError(self.refuses))
        self.committed |= {offset.partition: offset.offset for offset in offsets}
        return offsets

    def ignore(self, partitions: object) -> None:
        pass

    incremental_assign = incremental_unassign = pause = resume = ignore


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def assignment(broker: Broker) -> Assignment:
    made = Assignment(broker, Names(""), "group")  # type: ignore[arg-type]
    made.assign([ONE, TWO])
    return made


@pytest.mark.parametrize("code", [KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID])
def test_rejected_commit_is_retried(broker: Broker, assignment: Assignment, code: int):
    """A commit rejected during a membership change is made once the change is over."""
    broker.refuses = code
    assignment.commit({ONE: 5})
    assert broker.committed == {}
    broker.refuses = None
    assignment.retry_commits()
    assert broker.committed == {1: 5}


def test_later_commit_includes_pending_ones(broker: Broker, assignment: Assignment):
    broker.refuses = KafkaError.ILLEGAL_GENERATION
    assignment.commit({ONE: 5})
    broker.refuses = None
    assignment.commit({TWO: 3})
    assert broker.committed == {1: 5, 2: 3}


def test_pending_commit_of_a_lost_partition_is_dropped(broker: Broker, assignment: Assignment):
    broker.refuses = KafkaError.ILLEGAL_GENERATION
    assignment.commit({ONE: 5, TWO: 3})
    broker.refuses = None
    assignment.unassign([ONE])
    assignment.assign([ONE])
    assignment.retry_commits()
    assert broker.committed == {2: 3}


def test_outage_is_raised_by_commit_only(broker: Broker, assignment: Assignment):
    """An outage is raised by `commit`, and not by `retry_commits`."""
    broker.refuses = KafkaError._TRANSPORT
    with pytest.raises(KafkaException):
        assignment.commit({ONE: 5})
    assignment.retry_commits()
    broker.refuses = None
    assignment.retry_commits()
    assert broker.committed == {1: 5}


def test_lower_commit_has_no_effect(broker: Broker, assignment: Assignment):
    assignment.commit({ONE: 5})
    assignment.commit({ONE: 4})
    assert broker.committed == {1: 5}


def test_commit_of_a_recreated_topic_waits_for_its_revocation(broker: Broker, assignment: Assignment):
    """Commits for a recreated topic have no effect until the reader has received the revocation."""
    assignment.commit({ONE: 5, TWO: 3})
    assignment.restart([ONE])
    assignment.commit({ONE: 41, TWO: 4})
    assert broker.committed == {1: 5, 2: 4}
    assignment.revocations_delivered()
    assignment.commit({ONE: 1})
    assert broker.committed == {1: 1, 2: 4}


def test_repeated_pause_does_not_stop_polling(assignment: Assignment):
    """A member that pauses all partitions again and again is still polled for."""
    give_up = time.monotonic() + 30
    assignment.pause([ONE, TWO])
    while not assignment.prepare(requested=True):
        assert time.monotonic() < give_up
        assignment.pause([ONE, TWO])
