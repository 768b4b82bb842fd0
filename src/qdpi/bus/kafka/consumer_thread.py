"""A Kafka consumer on a thread of its own, the event-loop heartbeat, and the bridge to the event loop.

The client must not be called while it polls. So all calls to a consumer run on its thread, one after another: they
are queued, and run between short polls.
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
"""Seconds that one poll waits at most; a record ends it at once."""
IDLE: Final = 0.5
"""Seconds without a fetch after which the thread polls to stay in its group."""

_HEARTBEAT_INTERVAL: Final = 0.1

log = structlog.get_logger()
T = TypeVar("T")


class Subscription(Protocol):
    """The partitions of a consumer. All methods are called on the consumer's thread."""

    def owns(self, partition: Partition) -> bool:
        """Return whether the consumer still reads a partition."""
        ...

    def is_fetchable(self, partition: Partition) -> bool:
        """Return whether records of a partition may be delivered now."""
        ...

    def prepare(self, *, requested: bool) -> bool:
        """Pause and resume partitions in the client; return whether to poll now.

        `requested` says whether a fetch is waiting.
        """
        ...

    def revocations_delivered(self) -> None:
        """Note that the caller of `fetch` has received all revocations."""
        ...


class FetchRequest(NamedTuple):
    """A waiting fetch: the largest number of records, the monotonic deadline, and the callback for its result."""

    limit: int
    deadline: float
    deliver: Callable[[Delivery | BusUnavailable | MembershipOver], None]


class Poller:
    """Polls a consumer while the event loop's heartbeat is alive, delivers records, and runs queued calls."""

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
        self._request: FetchRequest | None = None
        self._requested_at = monotonic()
        self._buffer: list[Record] = []
        self._revoked: set[Partition] = set()
        self._error: BusUnavailable | None = None
        self._closing = False

    def submit(self, call: Callable[[], None]) -> None:
        """Queue a call to run on the thread. May be called from any thread."""
        self._calls.put(call)

    def run(self) -> None:
        """Poll until `close`, then close the consumer, which leaves its group at once.

        Raises `MembershipOver` after an error from which the client does not recover.
        """
        end: Delivery | MembershipOver = Delivery()
        while not self._closing:
            try:
                self._run_once()
            except KafkaException as exception:
                error = error_of(exception)
                if is_fatal(error):
                    end = membership_over(error)
                    break
                log.exception("kafka.poll_failed")
                self._error = unavailable(error, "Kafka's consumer failed")
        self._answer(end)
        self._consumer.close()
        if isinstance(end, MembershipOver):
            raise end

    def close(self) -> None:
        """End `run` after the current iteration."""
        self._closing = True

    def accept(self, request: FetchRequest) -> None:
        """Accept a fetch."""
        self._request, self._requested_at = request, monotonic()
        if not self._revoked:
            self._subscription.revocations_delivered()
        self._answer_request()

    def revoke(self, revoked: Collection[Partition], timeout: float) -> None:
        """Report revoked partitions to the next fetch; wait up to `timeout` seconds for the fetch after it.

        Queued calls run meanwhile, so that finished records can be committed.
        """
        self._buffer = [record for record in self._buffer if record.partition not in revoked]
        self._revoked.update(revoked)
        self._answer_request()
        until = monotonic() + timeout
        while (self._revoked or self._request is None) and not self._closing and monotonic() < until:
            self._run_calls(SLICE)

    def _run_once(self) -> None:
        loop_runs = self._heartbeat.is_alive()
        self._run_calls(0.0 if loop_runs and self._request else SLICE)
        if self._closing or not loop_runs:
            return
        self._reachability.probe(self._consumer)
        if self._reachability.outage:
            self._answer(self._reachability.outage)
        elif self._request:
            self._read(self._request)
        elif monotonic() >= self._requested_at + IDLE and self._subscription.prepare(requested=False):
            self._poll(1, 0.0)

    def _run_calls(self, wait: float) -> None:
        try:
            call = self._calls.get(block=wait > 0, timeout=wait)
            while True:
                call()
                call = self._calls.get_nowait()
        except Empty:
            return

    def _read(self, request: FetchRequest) -> None:
        if not self._fetchable():
            left = max(0.0, min(SLICE, request.deadline - monotonic()))
            if self._subscription.prepare(requested=True):
                self._poll(request.limit, left)
            else:
                self._run_calls(left)
        self._answer_request()

    def _fetchable(self) -> list[Record]:
        return [record for record in self._buffer if self._subscription.is_fetchable(record.partition)]

    def _poll(self, limit: int, timeout: float) -> None:
        # consume(n, t) alone would hold the first record back until n have arrived or t has passed
        first = self._consumer.poll(timeout)
        if first is not None:
            self._receive((first, *self._consumer.consume(limit - 1, 0.0)) if limit > 1 else (first,))

    def _receive(self, messages: Iterable[KafkaMessage]) -> None:
        for message in messages:
            if (error := message.error()) is None:
                record = record_of(message, self._names)
                # a rebalance may have happened between the messages of one batch
                if self._subscription.owns(record.partition):
                    self._buffer.append(record)
            elif is_transient(error):
                log.info("kafka.consumer_error", error=error.str())
            elif is_fatal(error):
                raise KafkaException(error)
            else:
                self._error = unavailable(error, "Kafka refuses this consumer")

    def _answer_request(self) -> None:
        """Answer the waiting fetch if there is a revocation, an error or a record, or its deadline has passed."""
        request = self._request
        if request is None:
            return
        if self._revoked:
            revoked, self._revoked = tuple(self._revoked), set()
            self._answer(Delivery(revoked=revoked))
        elif self._error:
            error, self._error = self._error, None
            self._answer(error)
        elif records := self._fetchable()[: request.limit]:
            delivered = set(map(id, records))
            self._buffer = [record for record in self._buffer if id(record) not in delivered]
            self._answer(Delivery(records))
        elif monotonic() >= request.deadline:
            self._answer(Delivery())

    def _answer(self, delivery: Delivery | BusUnavailable | MembershipOver) -> None:
        request, self._request = self._request, None
        if request is not None:
            request.deliver(delivery)


class ConsumerThread:
    """A consumer on a thread of its own, used through coroutines of one event loop."""

    def __init__(self, poller: Poller, heartbeat: Heartbeat, *, name: str) -> None:
        self.has_closed = False
        """Whether `close` was called."""
        self._poller, self._heartbeat, self._name = poller, heartbeat, name
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._ended.add_done_callback(_mark_retrieved)
        self._pending: asyncio.Future[Delivery] | None = None
        Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, work: Callable[[], T]) -> T:
        """Run a call on the thread and return its result.

        Raises `BusUnavailable`, also on a timeout; a call that has not started by then never runs.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        future.add_done_callback(_mark_retrieved)

        def run() -> None:
            if future.cancelled():
                return
            try:
                self._resolve(future, work())
            except KafkaException as exception:
                self._resolve(future, unavailable(error_of(exception)))
            except Exception as error:
                self._resolve(future, error)

        self._poller.submit(run)
        try:
            return await self._wait_for(future, REQUEST_TIMEOUT)
        except BusUnavailable:
            future.cancel()
            raise

    async def fetch(self, limit: int, timeout: float) -> Delivery:
        """Return at most `limit` records as soon as there are any, or revocations. One call at a time."""
        self._heartbeat.beat()
        pending = self._pending = self._pending or self._submit_fetch(limit, timeout)
        # the next fetch returns the records of a cancelled one
        delivery = await self._wait_for(pending, timeout + REQUEST_TIMEOUT)
        self._pending = self._keep(delivery.records[limit:])
        return Delivery(delivery.records[:limit], delivery.revoked)

    async def close(self) -> None:
        """Close the consumer and end the thread; a waiting fetch ends empty. Idempotent.

        Raises `BusUnavailable` on a timeout; the thread then ends later by itself.
        """
        if not self.has_closed:
            self.has_closed = True
            self._poller.submit(self._poller.close)
        with suppress(MembershipOver):
            await self._wait_for(self._ended, REQUEST_TIMEOUT)

    def _submit_fetch(self, limit: int, timeout: float) -> asyncio.Future[Delivery]:
        future: asyncio.Future[Delivery] = self._loop.create_future()
        request = FetchRequest(limit, monotonic() + timeout, lambda delivery: self._resolve(future, delivery))
        self._poller.submit(lambda: self._poller.accept(request))
        return future

    def _keep(self, rest: Any) -> asyncio.Future[Delivery] | None:
        if not rest:
            return None
        kept: asyncio.Future[Delivery] = self._loop.create_future()
        kept.set_result(Delivery(rest))
        return kept

    async def _wait_for(self, future: asyncio.Future[T], timeout: float) -> T:
        either: set[asyncio.Future[Any]] = {future, self._ended}
        done, _ = await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise BusUnavailable(f"Kafka did not answer {self._name} within {timeout:g} s.")
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
            self._resolve(self._ended, error)
        except Exception as error:
            log.exception("kafka.thread_failed", thread=self._name)
            self._resolve(self._ended, error)
        else:
            self._resolve(self._ended, None)

    def _resolve(self, future: asyncio.Future[T], outcome: T | BaseException) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(_settle, future, outcome)


def _mark_retrieved(future: asyncio.Future[Any]) -> None:
    """Mark an exception as retrieved: a waiter that was cancelled does not retrieve it."""
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
    """Event-loop heartbeat: whether the loop has run a callback in the last `timeout` seconds.

    The consumer thread stops polling when the loop hangs, so that the group reassigns its partitions.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout: float) -> None:
        self._loop, self._timeout = loop, timeout
        self._beat_at = monotonic()
        self._is_scheduled = False

    def is_alive(self) -> bool:
        """Return whether the loop runs, and schedule the next callback. For threads other than the loop's."""
        now = monotonic()
        if not self._is_scheduled and now >= self._beat_at + _HEARTBEAT_INTERVAL:
            self._is_scheduled = True
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._answer)
        return now < self._beat_at + self._timeout

    def beat(self) -> None:
        """Count a call from the loop as a sign that it runs."""
        self._answer()

    def _answer(self) -> None:
        self._beat_at = monotonic()
        self._is_scheduled = False
