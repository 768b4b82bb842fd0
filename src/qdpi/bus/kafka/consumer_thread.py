"""The thread that owns a consumer.

The client is not to be called while it polls, so everything that concerns a consumer is done on its thread,
one thing after another: calls are queued, and a poll is a short slice, after which they have their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final, NamedTuple, Protocol

import structlog
from confluent_kafka import Consumer, KafkaException
from confluent_kafka import Message as KafkaMessage

from qdpi.bus.kafka.codec import record_of
from qdpi.bus.kafka.errors import Reach, away, error_of, is_fatal, is_passing, over
from qdpi.bus.kafka.heartbeat import Pulse
from qdpi.bus.kafka.naming import Names
from qdpi.bus.port import Delivery, Partition, Record
from qdpi.errors import BusUnavailable, MembershipOver

SLICE: Final = 0.05
"""How long one poll waits, in seconds; a record ends it at once."""
IDLE: Final = 0.5
"""After how many seconds without a fetch the thread polls of its own accord."""

log = structlog.get_logger()


class Role(Protocol):
    """What a consumer reads and for whom; called on the thread that owns it."""

    def owns(self, partition: Partition) -> bool:
        """Tell whether a partition is still read."""
        ...

    def flows(self, partition: Partition) -> bool:
        """Tell whether a partition's records may be handed over now."""
        ...

    def prepare(self, *, wanted: bool) -> bool:
        """Have come what may be handed over, nothing if nobody wants it; return whether to poll now."""
        ...

    def caught_up(self) -> None:
        """Take note that whoever fetches has heard of all that was revoked."""
        ...


class Wanted(NamedTuple):
    """A fetch that waits: for at most how many records, until when, and whom to tell."""

    limit: int
    deadline: float
    deliver: Callable[[Delivery | BusUnavailable | MembershipOver], None]


class Poller:
    """Polls a consumer while an event loop's pulse beats, hands over what comes, and does what it is called to."""

    def __init__(self, consumer: Consumer, role: Role, names: Names, reach: Reach, pulse: Pulse) -> None:
        self._consumer, self._role, self._names = consumer, role, names
        self._reach, self._pulse = reach, pulse
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wanted: Wanted | None = None
        self._wanted_at = monotonic()
        self._ahead: list[Record] = []
        self._revoked: set[Partition] = set()
        self._trouble: BusUnavailable | None = None
        self._closing = False

    def submit(self, call: Callable[[], None]) -> None:
        """Have something done on the thread; called from any other."""
        self._calls.put(call)

    def run(self) -> None:
        """Own the consumer until `close`, which leaves its group at once.

        Raises `MembershipOver` after an error from which the client does not recover.
        """
        end: Delivery | MembershipOver = Delivery()
        while not self._closing:
            try:
                self._turn()
            except KafkaException as exception:
                error = error_of(exception)
                if is_fatal(error):
                    end = over(error)
                    break
                log.exception("kafka.poll_failed")
                self._trouble = away(error, "Kafka's consumer failed")
        self._answer(end)
        self._consumer.close()
        if isinstance(end, MembershipOver):
            raise end

    def close(self) -> None:
        """End after this turn."""
        self._closing = True

    def want(self, wanted: Wanted) -> None:
        """Take a fetch."""
        self._wanted, self._wanted_at = wanted, monotonic()
        if not self._revoked:
            self._role.caught_up()
        self._offer()

    def hand_over(self, revoked: Collection[Partition], patience: float) -> None:
        """Tell the next fetch what was revoked; wait, at most `patience` seconds, until the one after it.

        Meanwhile calls are obeyed: commits of what was finished.
        """
        self._ahead = [record for record in self._ahead if record.partition not in revoked]
        self._revoked.update(revoked)
        self._offer()
        until = monotonic() + patience
        while (self._revoked or self._wanted is None) and not self._closing and monotonic() < until:
            self._obey(SLICE)

    def _turn(self) -> None:
        beats = self._pulse.beats()
        self._obey(0.0 if beats and self._wanted else SLICE)
        if self._closing or not beats:
            return
        self._reach.probe(self._consumer)
        if self._reach.away:
            self._answer(self._reach.away)
        elif self._wanted:
            self._read(self._wanted)
        elif monotonic() >= self._wanted_at + IDLE and self._role.prepare(wanted=False):
            self._poll(1, 0.0)

    def _obey(self, wait: float) -> None:
        try:
            call = self._calls.get(block=wait > 0, timeout=wait)
            while True:
                call()
                call = self._calls.get_nowait()
        except Empty:
            return

    def _read(self, wanted: Wanted) -> None:
        if not any(self._role.flows(record.partition) for record in self._ahead):
            left = max(0.0, min(SLICE, wanted.deadline - monotonic()))
            if self._role.prepare(wanted=True):
                self._poll(wanted.limit, left)
            else:
                self._obey(left)
        self._offer()

    def _poll(self, limit: int, timeout: float) -> None:
        # consume(n, t) alone would hold the first record back until n are there or t is over
        first = self._consumer.poll(timeout)
        if first is not None:
            self._take((first, *self._consumer.consume(limit - 1, 0.0)) if limit > 1 else (first,))

    def _take(self, messages: Iterable[KafkaMessage]) -> None:
        for message in messages:
            if (error := message.error()) is None:
                record = record_of(message, self._names)
                # a rebalance may have come between the messages of one batch
                if self._role.owns(record.partition):
                    self._ahead.append(record)
            elif is_passing(error):
                log.info("kafka.consumer_told", error=error.str())
            elif is_fatal(error):
                raise KafkaException(error)
            else:
                self._trouble = away(error, "Kafka refuses this consumer")

    def _offer(self) -> None:
        """Answer the waiting fetch, if there is one and anything to tell."""
        wanted = self._wanted
        if wanted is None:
            return
        if self._revoked:
            revoked, self._revoked = tuple(self._revoked), set()
            self._answer(Delivery(revoked=revoked))
        elif self._trouble:
            trouble, self._trouble = self._trouble, None
            self._answer(trouble)
        elif records := [record for record in self._ahead if self._role.flows(record.partition)][: wanted.limit]:
            handed = set(map(id, records))
            self._ahead = [record for record in self._ahead if id(record) not in handed]
            self._answer(Delivery(records))
        elif monotonic() >= wanted.deadline:
            self._answer(Delivery())

    def _answer(self, delivery: Delivery | BusUnavailable | MembershipOver) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted.deliver(delivery)
