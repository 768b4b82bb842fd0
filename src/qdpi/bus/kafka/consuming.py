"""The bridge between an event loop and the thread that owns a consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from time import monotonic
from typing import Any, TypeVar

import structlog
from confluent_kafka import KafkaException

from qdpi.bus.kafka.config import REQUEST_TIMEOUT
from qdpi.bus.kafka.consumer_thread import Poller, Wanted
from qdpi.bus.kafka.errors import away, error_of
from qdpi.bus.kafka.heartbeat import Pulse
from qdpi.bus.port import Delivery
from qdpi.errors import BusUnavailable, MembershipOver

T = TypeVar("T")

log = structlog.get_logger()


class Consuming:
    """A consumer on a thread of its own, as coroutines of one event loop."""

    def __init__(self, poller: Poller, pulse: Pulse, *, name: str) -> None:
        self.has_closed = False
        """Whether it was closed, or is being closed."""
        self._poller, self._pulse, self._name = poller, pulse, name
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
                self._tell(future, away(error_of(exception)))
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
        self._pulse.beat()
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
        wanted = Wanted(limit, monotonic() + timeout, lambda delivery: self._tell(future, delivery))
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
            log.exception("kafka.thread_died", thread=self._name)
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
