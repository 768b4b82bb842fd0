"""What a member owns: a commit that is refused while the group changes is made when it has changed."""

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
    """A consumer whose commits are refused as a test says, and kept where they are not."""

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
def test_what_is_refused_while_members_change_is_committed_once_they_have(
    broker: Broker, assignment: Assignment, code: int
):
    broker.refuses = code
    assignment.commit({ONE: 5})
    assert broker.committed == {}
    broker.refuses = None
    assignment.retry_commits()
    assert broker.committed == {1: 5}


def test_a_later_commit_takes_along_what_is_owed(broker: Broker, assignment: Assignment):
    broker.refuses = KafkaError.ILLEGAL_GENERATION
    assignment.commit({ONE: 5})
    broker.refuses = None
    assignment.commit({TWO: 3})
    assert broker.committed == {1: 5, 2: 3}


def test_what_is_owed_of_a_partition_that_is_lost_is_never_committed(broker: Broker, assignment: Assignment):
    broker.refuses = KafkaError.ILLEGAL_GENERATION
    assignment.commit({ONE: 5, TWO: 3})
    broker.refuses = None
    assignment.unassign([ONE])
    assignment.assign([ONE])
    assignment.retry_commits()
    assert broker.committed == {2: 3}


def test_brokers_that_are_away_are_told_to_whoever_commits_and_nobody_else(broker: Broker, assignment: Assignment):
    broker.refuses = KafkaError._TRANSPORT
    with pytest.raises(KafkaException):
        assignment.commit({ONE: 5})
    assignment.retry_commits()
    broker.refuses = None
    assignment.retry_commits()
    assert broker.committed == {1: 5}


def test_a_lower_commit_has_no_effect(broker: Broker, assignment: Assignment):
    assignment.commit({ONE: 5})
    assignment.commit({ONE: 4})
    assert broker.committed == {1: 5}


def test_commits_of_a_topic_that_is_begun_anew_have_no_effect_until_its_reader_has_heard(
    broker: Broker, assignment: Assignment
):
    assignment.commit({ONE: 5, TWO: 3})
    assignment.restart([ONE])
    assignment.commit({ONE: 41, TWO: 4})
    assert broker.committed == {1: 5, 2: 4}
    assignment.revocations_delivered()
    assignment.commit({ONE: 1})
    assert broker.committed == {1: 1, 2: 4}


def test_whoever_pauses_all_again_and_again_is_polled_for_all_the_same(assignment: Assignment):
    give_up = time.monotonic() + 30
    assignment.pause([ONE, TWO])
    while not assignment.prepare(requested=True):
        assert time.monotonic() < give_up
        assignment.pause([ONE, TWO])
