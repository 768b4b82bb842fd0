"""Kafka's errors as ours: what is away is waited for, what is refused is said to whoever can act."""

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
"""How often, in seconds, brokers that are away are asked whether they are back."""
PROBE_TIMEOUT: Final = 1.0
_NEXT_STEPS: Final = {
    KafkaError._AUTHENTICATION: "Check KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM.",  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED: "Check KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM.",
    KafkaError._SSL: "Check KAFKA_SECURITY, KAFKA_CA, KAFKA_CERTIFICATE and KAFKA_KEY.",  # noqa: SLF001
    KafkaError._RESOLVE: "Check the hosts in KAFKA_BROKERS.",  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "Allow this user to read and write our topics.",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "Allow this user to join our groups.",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "Allow this user what it asked of the cluster.",
    KafkaError.INVALID_SESSION_TIMEOUT: "Raise KAFKA_SESSION_TIMEOUT to the brokers' group.min.session.timeout.ms, "
    "or lower that.",
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "Give all workers the same KAFKA_GROUPS.",
    KafkaError.UNSUPPORTED_VERSION: "Set KAFKA_GROUPS=classic: these brokers do not know KIP-848.",
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
"""How brokers refuse a record that they will never take."""
_TRANSIENT: Final = frozenset(
    {
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001  (its partitions are told to be lost)
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
    """Tell whether a consumer gets over what it tells of by itself."""
    return error.code() in _TRANSIENT or error.retriable()


def is_fatal(error: KafkaError) -> bool:
    """Tell whether a client does nothing more after an error."""
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001


def needs_operator(error: KafkaError) -> bool:
    """Tell whether an error is for whoever runs the cluster: we are not who may, or not as they say."""
    return error.code() in _NEXT_STEPS


def rejected_record(error: KafkaError, topic: str) -> InvalidInput | None:
    """Return the error of a record that its topic will never take, None for what may yet be taken."""
    if error.code() not in _REJECTED:
        return None
    return InvalidInput(
        f"{topic} does not take a record: {error.str().rstrip('.')}.",
        next_step="Raise the topic's max.message.bytes (`qdpi doctor` names the topics whose limit is too low).",
    )


def unavailable(error: KafkaError, doing: str = "Kafka does not answer") -> BusUnavailable:
    """Return an error of Kafka's as one that is waited for, with what to do about it where that is known."""
    return BusUnavailable(f"{doing}: {error.str().rstrip('.')}.", next_step=_NEXT_STEPS.get(error.code()))


def membership_over(error: KafkaError) -> MembershipOver:
    """Return a consumer's fatal error, with what to do about what it says where that is known."""
    told = error.str().rstrip(".")
    steps = (step for code, step in _NEXT_STEPS.items() if code == error.code() or KafkaError(code).str() in told)
    return MembershipOver(f"Kafka lets this member work no more: {told}.", next_step=next(steps, None))


def error_of(exception: KafkaException) -> KafkaError:
    """Return what an exception of the client says."""
    error = exception.args[0] if exception.args else None
    return error if isinstance(error, KafkaError) else KafkaError(KafkaError.UNKNOWN, str(exception))


async def answer_of(future: Future[T], doing: str, *, timeout: float = REQUEST_TIMEOUT) -> T:
    """Await a future of the client's. Raises `BusUnavailable`, or the `KafkaException` it ends with."""
    # shielded, because the client's threads fulfil it whether or not anybody still waits
    told = asyncio.wrap_future(future)
    told.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        async with asyncio.timeout(timeout + 1.0):
            return await asyncio.shield(told)
    except TimeoutError:
        raise BusUnavailable(f"{doing}: no answer from Kafka within {timeout:g} s.") from None


class Client(Protocol):
    """A client that can ask its brokers something."""

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> object:
        """Ask for a topic's metadata."""
        ...


class Reachability:
    """Whether brokers answer one client: its error callback raises the suspicion that none does, a probe tells.

    Used by the one thread that owns the client. A suspicion may be old news: the client tells of errors in the
    order in which they came, also of those that are over.
    """

    def __init__(self, asked: str, *, interval: float = PROBE_INTERVAL) -> None:
        self.outage: BusUnavailable | None = None
        self._asked, self._interval = asked, interval
        self._is_suspected = False
        self._heard: KafkaError | None = None
        self._probed_at = 0.0

    def record_error(self, error: KafkaError) -> None:
        """Take an error that the client tells of."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._is_suspected = True
        else:
            self._heard = error

    def probe(self, client: Client) -> None:
        """Ask brokers that are suspected to be away whether they are, and those that are, now and then, again."""
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
        self.outage = (
            unavailable(self._heard) if self._heard else BusUnavailable("None of Kafka's brokers can be reached.")
        )
        if before is None:
            log.warning("kafka.unavailable", cause=self.outage.detail)

    def _clear_outage(self) -> None:
        if self.outage is not None:
            log.info("kafka.available")
        self.outage = self._heard = None
