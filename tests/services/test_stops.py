"""Stops: every one of the past is known before work begins, and each is its own journey's alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support import factories

from qdpi.bus.embedded import EmbeddedBus
from qdpi.bus.port import Message
from qdpi.bus.publisher import Publisher
from qdpi.events import Stop
from qdpi.retry import Backoff
from qdpi.services.stops import REMEMBERED, Stops


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[EmbeddedBus]:
    bus = EmbeddedBus(tmp_path, now=lambda: factories.at(0))
    await bus.open()
    yield bus
    await bus.close()


def stop(session: str, press: str) -> Stop:
    return Stop(event_id=f"stop-{session}-{press}", ts=factories.at(0), session_id=session, press_id=press)


@asynccontextmanager
async def following(bus: EmbeddedBus, remembered: int = REMEMBERED) -> AsyncIterator[Stops]:
    known = Stops(bus, Backoff(), remembered=remembered)
    async with asyncio.timeout(60):
        task = asyncio.create_task(known.run())
        await known.caught_up.wait()
        yield known
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_stop_of_the_past_is_known_once_caught_up(bus: EmbeddedBus) -> None:
    await Publisher(bus).publish(stop("s", "p"))
    async with following(bus) as known:
        await known.stopped("s", "p")


async def test_whoever_waits_hears_of_a_stop_as_it_comes(bus: EmbeddedBus) -> None:
    async with following(bus) as known:
        waiting = [asyncio.create_task(known.stopped("s", "p")) for _ in range(2)]
        await asyncio.sleep(0)
        await Publisher(bus).publish(stop("s", "p"))
        await asyncio.gather(*waiting)


async def test_a_stop_from_another_journey_or_of_another_press_wakes_nobody(bus: EmbeddedBus) -> None:
    async with following(bus) as known:
        waiting = asyncio.create_task(known.stopped("s", "p"))
        for session, press in (("other", "p"), ("s", "other"), ("s", "last")):
            await Publisher(bus).publish(stop(session, press))
        await known.stopped("s", "last")
        assert not waiting.done()
        waiting.cancel()


async def test_bytes_that_are_no_stop_are_passed_over(bus: EmbeddedBus) -> None:
    await bus.publish(Message(Stop.topic, b"s", b"{nonsense"))
    await Publisher(bus).publish(stop("s", "p"))
    async with following(bus) as known:
        await known.stopped("s", "p")


async def test_only_so_many_stops_are_kept_in_mind(bus: EmbeddedBus) -> None:
    for number in range(5):
        await Publisher(bus).publish(stop("s", f"p{number}"))
    async with following(bus, remembered=3) as known:
        await known.stopped("s", "p4")
        forgotten = asyncio.create_task(known.stopped("s", "p0"))
        await asyncio.sleep(0)
        assert not forgotten.done()
        forgotten.cancel()
