"""Stops: past ones are read before work begins, and each affects only its own journey."""

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


async def test_stops_of_the_past_are_read_at_the_start(bus: EmbeddedBus) -> None:
    """A stop of the past is known once caught up."""
    await Publisher(bus).publish(stop("s", "p"))
    async with following(bus) as known:
        await known.stopped("s", "p")


async def test_stop_wakes_the_waiting_run(bus: EmbeddedBus) -> None:
    async with following(bus) as known:
        waiting = [asyncio.create_task(known.stopped("s", "p")) for _ in range(2)]
        await asyncio.sleep(0)
        await Publisher(bus).publish(stop("s", "p"))
        await asyncio.gather(*waiting)


async def test_stop_of_another_journey_or_press_has_no_effect(bus: EmbeddedBus) -> None:
    async with following(bus) as known:
        waiting = asyncio.create_task(known.stopped("s", "p"))
        for session, press in (("other", "p"), ("s", "other"), ("s", "last")):
            await Publisher(bus).publish(stop(session, press))
        await known.stopped("s", "last")
        assert not waiting.done()
        waiting.cancel()


async def test_stops_skip_malformed_records(bus: EmbeddedBus) -> None:
    """Malformed stops are skipped."""
    await bus.publish(Message(Stop.topic, b"s", b"{nonsense"))
    await Publisher(bus).publish(stop("s", "p"))
    async with following(bus) as known:
        await known.stopped("s", "p")


async def test_stops_remember_a_bounded_number(bus: EmbeddedBus) -> None:
    """The number of remembered stops is bounded."""
    for number in range(5):
        await Publisher(bus).publish(stop("s", f"p{number}"))
    async with following(bus, remembered=3) as known:
        await known.stopped("s", "p4")
        forgotten = asyncio.create_task(known.stopped("s", "p0"))
        await asyncio.sleep(0)
        assert not forgotten.done()
        forgotten.cancel()
