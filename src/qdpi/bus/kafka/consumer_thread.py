"""The thread that owns a consumer.

The client is not to be called while it polls, so everything that concerns a consumer is done on its thread,
one thing after another: calls are queued, and a poll is a short slice, after which they have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaException
from confluent_kafka import Message as KafkaMessage

from qdpi.bus.kafka.codec import Names, record_of
from qdpi.bus.kafka.config import REQUEST_TIMEOUT
from qdpi.bus.kafka.errors import Reachability, error_of, is_fatal, is_transient, membership_over, unavailable
from qdpi.bus.port import Delivery, Partition, Record
from qdpi.errors import BusUnavailable, MembershipOver

SLICE: Final = 0.05
"""How long one poll waits, in seconds; a record ends it at once."""
IDLE: Final = 0.5
"""After how many seconds without a fetch the thread polls of its own accord."""

log = structlog.get_logger()
T = TypeVar("T")
_INTERVAL: Final = 0.1


class Subscription(Protocol):
    """What a consumer reads and for whom; called on the thread that owns it."""

    def owns(self, partition: Partition) -> bool:
        """Tell whether a partition is still read."""
        ...

    def is_fetchable(self, partition: Partition) -> bool:
        """Tell whether a partition's records may be handed over now."""
        ...

    def prepare(self, *, requested: bool) -> bool:
        """Have come what may be handed over, nothing if nobody wants it; return whether to poll now."""
        ...

    def revocations_delivered(self) -> None:
        """Take note that whoever fetches has heard of all that was revoked."""
        ...


class FetchRequest(NamedTuple):
    """A fetch that waits: for at most how many records, until when, and whom to tell."""

    limit: int
    deadline: float
    deliver: Callable[[Delivery | BusUnavailable | MembershipOver], None]


class Poller:
    """Polls a consumer while an event loop's heartbeat beats, hands over what comes, and does what it is called to."""

    def __init__(
        self,
        consumer: Consumer,
        subscription: Subscription,
        names: Names,
        reachability: Reachability,
        heartbeat: Heartbeat,
    ) -> None:
        self._consumer, self._subscription, self._names = consumer, subscription, names
        self._reachability, self._heartbeat = reachability, heartbeat
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wanted: FetchRequest | None = None
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
                    end = membership_over(error)
                    break
                log.exception("kafka.poll_failed")
                self._trouble = unavailable(error, "Kafka's consumer failed")
        self._answer(end)
        self._consumer.close()
        if isinstance(end, MembershipOver):
            raise end

    def close(self) -> None:
        """End after this turn."""
        self._closing = True

    def want(self, wanted: FetchRequest) -> None:
        """Take a fetch."""
        self._wanted, self._wanted_at = wanted, monotonic()
        if not self._revoked:
            self._subscription.revocations_delivered()
        self._offer()

    def revoke(self, revoked: Collection[Partition], patience: float) -> None:
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
        beats = self._heartbeat.is_alive()
        self._obey(0.0 if beats and self._wanted else SLICE)
        if self._closing or not beats:
            return
        self._reachability.probe(self._consumer)
        if self._reachability.outage:
            self._answer(self._reachability.outage)
        elif self._wanted:
            self._read(self._wanted)
        elif monotonic() >= self._wanted_at + IDLE and self._subscription.prepare(requested=False):
            self._poll(1, 0.0)

    def _obey(self, wait: float) -> None:
        try:
            call = self._calls.get(block=wait > 0, timeout=wait)
            while True:
                call()
                call = self._calls.get_nowait()
        except Empty:
            return

    def _read(self, wanted: FetchRequest) -> None:
        if not any(self._subscription.is_fetchable(record.partition) for record in self._ahead):
            left = max(0.0, min(SLICE, wanted.deadline - monotonic()))
            if self._subscription.prepare(requested=True):
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
                if self._subscription.owns(record.partition):
                    self._ahead.append(record)
            elif is_transient(error):
                log.info("kafka.consumer_error", error=error.str())
            elif is_fatal(error):
                raise KafkaException(error)
            else:
                self._trouble = unavailable(error, "Kafka refuses this consumer")

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
        elif records := [record for record in self._ahead if self._subscription.is_fetchable(record.partition)][
            : wanted.limit
        ]:
            handed = set(map(id, records))
            self._ahead = [record for record in self._ahead if id(record) not in handed]
            self._answer(Delivery(records))
        elif monotonic() >= wanted.deadline:
            self._answer(Delivery())

    def _answer(self, delivery: Delivery | BusUnavailable | MembershipOver) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted.deliver(delivery)


class ConsumerThread:
    """A consumer on a thread of its own, as coroutines of one event loop."""

    def __init__(self, poller: Poller, heartbeat: Heartbeat, *, name: str) -> None:
        self.has_closed = False
        """Whether it was closed, or is being closed."""
        self._poller, self._heartbeat, self._name = poller, heartbeat, name
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._ended.add_done_callback(_heard)
        self._pending: asyncio.Future[Delivery] | None = None
        Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, work: Callable[[], T]) -> T:
        """Do something on the thread.

        Raises `BusUnavailable`, also where the thread does not come to it in time, and then it is not done any more.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        future.add_done_callback(_heard)

        def run() -> None:
            if future.cancelled():
                return
            try:
                self._tell(future, work())
            except KafkaException as exception:
                self._tell(future, unavailable(error_of(exception)))
            except Exception as error:
                self._tell(future, error)

        self._poller.submit(run)
        try:
            return await self._in_time(future, REQUEST_TIMEOUT)
        except BusUnavailable:
            future.cancel()
            raise

    async def fetch(self, limit: int, timeout: float) -> Delivery:
        """Return records as soon as there are any, at most `limit`, or what was revoked. One call at a time."""
        self._heartbeat.beat()
        pending = self._pending = self._pending or self._ask(limit, timeout)
        # what a cancelled fetch asked for comes with the next one
        delivery = await self._in_time(pending, timeout + REQUEST_TIMEOUT)
        self._pending = self._kept(delivery.records[limit:])
        return Delivery(delivery.records[:limit], delivery.revoked)

    async def close(self) -> None:
        """Close the consumer and end the thread; a waiting fetch ends empty. Idempotent.

        Raises `BusUnavailable` where that does not happen in time; it happens later then.
        """
        if not self.has_closed:
            self.has_closed = True
            self._poller.submit(self._poller.close)
        with suppress(MembershipOver):
            await self._in_time(self._ended, REQUEST_TIMEOUT)

    def _ask(self, limit: int, timeout: float) -> asyncio.Future[Delivery]:
        future: asyncio.Future[Delivery] = self._loop.create_future()
        wanted = FetchRequest(limit, monotonic() + timeout, lambda delivery: self._tell(future, delivery))
        self._poller.submit(lambda: self._poller.want(wanted))
        return future

    def _kept(self, rest: Any) -> asyncio.Future[Delivery] | None:
        if not rest:
            return None
        kept: asyncio.Future[Delivery] = self._loop.create_future()
        kept.set_result(Delivery(rest))
        return kept

    async def _in_time(self, future: asyncio.Future[T], timeout: float) -> T:
        either: set[asyncio.Future[Any]] = {future, self._ended}
        done, _ = await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise BusUnavailable(f"Kafka kept {self._name} waiting for more than {timeout:g} s.")
        if future not in done:
            self._ended.result()
            raise BusUnavailable(f"{self._name} was closed.")
        if future is self._pending and future.exception() is not None:
            self._pending = None
        return future.result()

    def _run(self) -> None:
        try:
            self._poller.run()
        except MembershipOver as error:
            self._tell(self._ended, error)
        except Exception as error:
            log.exception("kafka.thread_failed", thread=self._name)
            self._tell(self._ended, error)
        else:
            self._tell(self._ended, None)

    def _tell(self, future: asyncio.Future[T], outcome: T | BaseException) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._loop.call_soon_threadsafe(_settle, future, outcome)


def _heard(future: asyncio.Future[Any]) -> None:
    """Take an exception for heard: whoever was cancelled while it waited does not ask for it any more."""
    if not future.cancelled():
        future.exception()


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


class Heartbeat:
    """Whether an event loop answered a tick in the last `patience` seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        self._loop, self._patience = loop, patience
        self._answered_at = monotonic()
        self._asking = False

    def is_alive(self) -> bool:
        """Tell whether the loop turns, and ask it again. For a thread other than the loop's."""
        now = monotonic()
        if not self._asking and now >= self._answered_at + _INTERVAL:
            self._asking = True
            with suppress(RuntimeError):  # the loop is closed, so it does not answer
                self._loop.call_soon_threadsafe(self._answer)
        return now < self._answered_at + self._patience

    def beat(self) -> None:
        """Take a call that the loop makes of its own accord for an answer."""
        self._answer()

    def _answer(self) -> None:
        self._answered_at = monotonic()
        self._asking = False
