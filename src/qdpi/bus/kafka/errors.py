"""Translate Kafka's errors: outages become `BusUnavailable`, rejected records `InvalidInput`."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from time import monotonic
from typing import Final, Protocol, TypeVar

import structlog
from confluent_kafka import KafkaError, KafkaException

from qdpi.bus.kafka.config import REQUEST_TIMEOUT
from qdpi.errors import BusUnavailable, InvalidInput, MembershipOver

T = TypeVar("T")

PROBE_INTERVAL: Final = 0.5
"""Seconds between probes of unreachable brokers."""
PROBE_TIMEOUT: Final = 1.0
_NEXT_STEPS: Final = {
    KafkaError._AUTHENTICATION: "Check KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM.",  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED: "Check KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM.",
    KafkaError._SSL: "Check KAFKA_SECURITY, KAFKA_CA, KAFKA_CERTIFICATE and KAFKA_KEY.",  # noqa: SLF001
    KafkaError._RESOLVE: "Check the hosts in KAFKA_BROKERS.",  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "Allow this user to read and write our topics.",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "Allow this user to join our groups.",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "Allow this user to perform this operation on the cluster.",
    KafkaError.INVALID_SESSION_TIMEOUT: "Raise KAFKA_SESSION_TIMEOUT to the brokers' group.min.session.timeout.ms, "
    "or lower that.",
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "Give all workers the same KAFKA_GROUPS.",
    KafkaError.UNSUPPORTED_VERSION: "Set KAFKA_GROUPS=classic: these brokers do not support KIP-848.",
}
_REJECTED: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
    }
)
"""Error codes of a record that brokers will never accept."""
_TRANSIENT: Final = frozenset(
    {
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001  (the lost callback reports its partitions)
        KafkaError._PARTITION_EOF,  # noqa: SLF001
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError.OFFSET_OUT_OF_RANGE,
    }
)

log = structlog.get_logger()


def is_transient(error: KafkaError) -> bool:
    """Return whether a consumer recovers from an error by itself."""
    return error.code() in _TRANSIENT or error.retriable()


def is_fatal(error: KafkaError) -> bool:
    """Return whether an error ends a client for good."""
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001


def needs_operator(error: KafkaError) -> bool:
    """Return whether an operator must act: credentials, permissions or settings are wrong."""
    return error.code() in _NEXT_STEPS


def rejected_record(error: KafkaError, topic: str) -> InvalidInput | None:
    """Return the error for a record that its topic will never accept; None for any other error."""
    if error.code() not in _REJECTED:
        return None
    return InvalidInput(
        f"{topic} does not accept a record: {error.str().rstrip('.')}.",
        next_step="Raise the topic's max.message.bytes (`qdpi doctor` names the topics whose limit is too low).",
    )


def unavailable(error: KafkaError, doing: str = "Kafka does not answer") -> BusUnavailable:
    """Return an error of Kafka's as an outage, with the next step if there is a known one."""
    return BusUnavailable(f"{doing}: {error.str().rstrip('.')}.", next_step=_NEXT_STEPS.get(error.code()))


def membership_over(error: KafkaError) -> MembershipOver:
    """Return a consumer's fatal error, with the next step if there is a known one."""
    text = error.str().rstrip(".")
    steps = (step for code, step in _NEXT_STEPS.items() if code == error.code() or KafkaError(code).str() in text)
    return MembershipOver(f"Kafka ended this membership: {text}.", next_step=next(steps, None))


def error_of(exception: KafkaException) -> KafkaError:
    """Return the error inside an exception of the client."""
    error = exception.args[0] if exception.args else None
    return error if isinstance(error, KafkaError) else KafkaError(KafkaError.UNKNOWN, str(exception))


async def answer_of(future: Future[T], doing: str, *, timeout: float = REQUEST_TIMEOUT) -> T:
    """Await a future of the client's. Raises `BusUnavailable` on a timeout, or the future's `KafkaException`."""
    # shielded, because the client's threads set its result even after this coroutine was cancelled
    wrapped = asyncio.wrap_future(future)
    wrapped.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        async with asyncio.timeout(timeout + 1.0):
            return await asyncio.shield(wrapped)
    except TimeoutError:
        raise BusUnavailable(f"{doing}: no answer from Kafka within {timeout:g} s.") from None


class Client(Protocol):
    """A Kafka client, as far as a probe needs it."""

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> object:
        """Request the metadata of a topic."""
        ...


class Reachability:
    """Whether brokers answer a client: an error callback raises the suspicion of an outage, and a probe decides.

    Used only on the thread that owns the client. A suspicion may be outdated: the client reports errors in order,
    including those that have passed.
    """

    def __init__(self, asked: str, *, interval: float = PROBE_INTERVAL) -> None:
        self.outage: BusUnavailable | None = None
        self._asked, self._interval = asked, interval
        self._is_suspected = False
        self._last_error: KafkaError | None = None
        self._probed_at = 0.0

    def record_error(self, error: KafkaError) -> None:
        """Record an error reported by the client."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._is_suspected = True
        else:
            self._last_error = error

    def probe(self, client: Client) -> None:
        """Probe the brokers if an outage is suspected, and at intervals during an outage."""
        if self.outage is None and not self._is_suspected:
            return
        if self.outage and monotonic() < self._probed_at + self._interval:
            return
        self._is_suspected = False
        try:
            client.list_topics(self._asked, timeout=PROBE_TIMEOUT)
        except KafkaException:
            self._set_outage()
        else:
            self._clear_outage()
        self._probed_at = monotonic()

    def _set_outage(self) -> None:
        before = self.outage
        unreachable = BusUnavailable("None of Kafka's brokers can be reached.")
        self.outage = unavailable(self._last_error) if self._last_error else unreachable
        if before is None:
            log.warning("kafka.unavailable", cause=self.outage.detail)

    def _clear_outage(self) -> None:
        if self.outage is not None:
            log.info("kafka.available")
        self.outage = self._last_error = None
