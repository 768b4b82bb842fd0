"""Translation of Kafka's errors, and the reachability of brokers."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from qdpi.bus.kafka.errors import Reachability, is_transient, rejected_record, unavailable
from qdpi.errors import InvalidInput

REFUSED = KafkaError(KafkaError._TRANSPORT, "one:9092: Connect failed: Connection refused")
ALL_DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")


class Brokers:
    """Brokers that answer or not."""

    def __init__(self) -> None:
        self.are_down = False
        self.probes = 0

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> object:
        self.probes += 1
        if self.are_down:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return object()


@pytest.fixture
def brokers() -> Brokers:
    return Brokers()


@pytest.fixture
def reachability() -> Reachability:
    return Reachability("a topic", interval=0.0)


def test_no_probe_without_suspicion(reachability, brokers):
    reachability.record_error(REFUSED)
    reachability.probe(brokers)
    assert (brokers.probes, reachability.outage) == (0, None)


def test_outage_has_the_last_error_and_ends_with_an_answer(reachability, brokers):
    """Unreachable brokers are an outage with the last reported error, until a probe is answered."""
    brokers.are_down = True
    reachability.record_error(REFUSED)
    reachability.record_error(ALL_DOWN)
    reachability.probe(brokers)
    assert "Connection refused" in reachability.outage.detail
    brokers.are_down = False
    reachability.probe(brokers)
    assert reachability.outage is None


def test_outdated_error_is_no_outage(reachability, brokers):
    """An error reported after the outage has passed does not start a new one."""
    reachability.record_error(REFUSED)
    reachability.record_error(ALL_DOWN)
    reachability.probe(brokers)
    assert (brokers.probes, reachability.outage) == (1, None)
    reachability.probe(brokers)
    assert brokers.probes == 1


@pytest.mark.parametrize(
    ("code", "next_step"),
    [
        (KafkaError._AUTHENTICATION, "KAFKA_PASSWORD"),
        (KafkaError._SSL, "KAFKA_CA"),
        (KafkaError._RESOLVE, "KAFKA_BROKERS"),
        (KafkaError.INVALID_SESSION_TIMEOUT, "KAFKA_SESSION_TIMEOUT"),
        (KafkaError.INCONSISTENT_GROUP_PROTOCOL, "KAFKA_GROUPS"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "join our groups"),
    ],
)
def test_actionable_error_has_a_next_step(code, next_step):
    error = unavailable(KafkaError(code))
    assert next_step in error.next_step
    assert not is_transient(KafkaError(code))


def test_recoverable_consumer_errors_are_transient():
    assert is_transient(KafkaError(KafkaError._MAX_POLL_EXCEEDED))
    assert is_transient(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))


@pytest.mark.parametrize("code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD])
def test_rejected_record_is_bad_input(code: int):
    """A record that brokers will never accept is bad input, and not an outage."""
    refused = rejected_record(KafkaError(code), "gibsey.dlq")
    assert isinstance(refused, InvalidInput)
    assert "gibsey.dlq" in refused.detail
    assert rejected_record(KafkaError(KafkaError._MSG_TIMED_OUT), "gibsey.dlq") is None
