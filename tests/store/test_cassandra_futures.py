"""Requests in flight: their bound, their results, and requests of cancelled callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from qdpi.store.cassandra.futures import AsyncSession, ResultPage


class Response:
    """A driver's response that the test completes, from another thread."""

    has_more_pages = False

    def add_callbacks(self, callback: Callable[..., None], errback: Callable[..., None], callback_args: Any) -> None:
        self.callback, self.errback, self.arguments = callback, errback, callback_args

    def result(self) -> Any:
        return SimpleNamespace(paging_state=b"more")

    def answer(self, rows: list[dict[str, Any]] | None) -> None:
        in_a_thread(lambda: self.callback(rows, *self.arguments))

    def fail(self, error: Exception) -> None:
        in_a_thread(lambda: self.errback(error))


class DriversSession:
    def __init__(self) -> None:
        self.sent: list[Response] = []

    def execute_async(self, request: Any, *, timeout: float, paging_state: bytes | None) -> Response:
        if isinstance(request, Exception):
            raise request
        self.sent.append(Response())
        return self.sent[-1]


def in_a_thread(call: Callable[[], None]) -> None:
    thread = Thread(target=call)
    thread.start()
    thread.join()


async def pause() -> None:
    """Let the event loop run all ready callbacks."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_result_reaches_its_caller() -> None:
    session = DriversSession()
    asking = [asyncio.ensure_future(AsyncSession(session, 8).send(n, 1)) for n in range(2)]
    await pause()
    session.sent[1].answer([{"n": 1}])
    session.sent[0].answer(None)
    assert await asyncio.gather(*asking) == [ResultPage([], None), ResultPage([{"n": 1}], None)]


async def test_an_error_reaches_its_caller_and_frees_the_slot() -> None:
    session = DriversSession()
    bridge = AsyncSession(session, 1)
    asking = asyncio.ensure_future(bridge.send("a", 1))
    await pause()
    session.sent[0].fail(LookupError("gone"))
    with pytest.raises(LookupError):
        await asking
    with pytest.raises(KeyError):
        await bridge.send(KeyError("cannot be sent"), 1)
    asking = asyncio.ensure_future(bridge.send("b", 1))
    await pause()
    session.sent[1].answer([])
    assert await asking == ResultPage([], None)


async def test_requests_in_flight_are_bounded() -> None:
    session = DriversSession()
    bridge = AsyncSession(session, 3)
    asking = [asyncio.ensure_future(bridge.send(n, 1)) for n in range(10)]
    await pause()
    assert len(session.sent) == 3
    session.sent[0].answer([])
    await pause()
    assert len(session.sent) == 4
    for n in range(1, 10):
        session.sent[n].answer([])
        await pause()
    assert len(await asyncio.gather(*asking)) == 10


async def test_waiting_for_a_slot_times_out() -> None:
    """The request that timed out takes no slot."""
    session = DriversSession()
    bridge = AsyncSession(session, 1)
    holding = asyncio.ensure_future(bridge.send("a", 1))
    await pause()
    with pytest.raises(TimeoutError):
        await bridge.send("b", 0)
    session.sent[0].answer([])
    await holding
    third = asyncio.ensure_future(bridge.send("c", 1))
    await pause()
    session.sent[1].answer([])
    assert await third == ResultPage([], None)


async def test_a_cancelled_request_keeps_its_slot_until_answered() -> None:
    session = DriversSession()
    bridge = AsyncSession(session, 1)
    leaving = asyncio.ensure_future(bridge.send("a", 1))
    await pause()
    leaving.cancel()
    next_one = asyncio.ensure_future(bridge.send("b", 1))
    await pause()
    assert (leaving.cancelled(), len(session.sent)) == (True, 1)
    session.sent[0].fail(LookupError("for a cancelled caller"))
    await pause()
    session.sent[1].answer([])
    assert await next_one == ResultPage([], None)


async def test_a_result_page_has_the_next_paging_state() -> None:
    session = DriversSession()
    asking = asyncio.ensure_future(AsyncSession(session, 1).send("a", 1))
    await pause()
    session.sent[0].has_more_pages = True
    session.sent[0].answer([{"n": 1}])
    assert await asking == ResultPage([{"n": 1}], b"more")


def test_a_result_after_the_loop_closed_is_dropped() -> None:
    session = DriversSession()

    async def ask_and_leave() -> None:
        asking = asyncio.ensure_future(AsyncSession(session, 1).send("a", 1))
        await pause()
        asking.cancel()

    asyncio.run(ask_and_leave())
    session.sent[0].answer([])
