"""The janitor: trims expired records, and deletes the topic of a single page once it is empty."""

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.support import factories

from qdpi.bus.embedded import EmbeddedBus
from qdpi.bus.port import Partition, TopicState
from qdpi.bus.publisher import Publisher
from qdpi.errors import BusUnavailable
from qdpi.events import TOPICS, PageEvent, PageEventLayout, is_page_topic, topic_of
from qdpi.services.janitor import Janitor, idle_page_topics


def page_event(page: str, symbol: int = 0) -> PageEvent:
    return PageEvent(
        event_id=page,
        ts=factories.at(0),
        session_id="s",
        page_id=page,
        section=1,
        symbol_code=symbol,
        change="written",
    )


async def sweep_once(bus: EmbeddedBus, days: float) -> None:
    """Run a janitor once, some days after the start of the test."""
    janitor = Janitor(bus, now=lambda: factories.at(0) + timedelta(days=days))
    working = asyncio.create_task(janitor.run())
    await asyncio.sleep(0)
    janitor.stop()
    await working


async def names(bus: EmbeddedBus) -> set[str]:
    return {state.partition.topic for state in await bus.topics()}


async def test_janitor_deletes_an_idle_page_topic(tmp_path: Path) -> None:
    """An idle page topic is deleted, and created again by the next publication."""
    bus = EmbeddedBus(tmp_path, now=lambda: factories.at(0))
    await bus.open()
    try:
        publisher = Publisher(bus, PageEventLayout.PAGE)
        event = page_event("S01-P0007")
        await publisher.publish(event)
        core = await names(bus) - {"gibsey.page.S01.P0007.events"}
        await sweep_once(bus, days=1)
        assert "gibsey.page.S01.P0007.events" in await names(bus)
        await sweep_once(bus, days=8)
        assert await names(bus) == core
        await publisher.publish(event)
        (record,) = [r async for r in bus.scan("gibsey.page.S01.P0007.events")]
        assert record.value == event.encode()
    finally:
        await bus.close()


async def test_janitor_keeps_a_new_page_topic(tmp_path: Path) -> None:
    """A new page topic that never had a record is kept."""
    bus = EmbeddedBus(tmp_path, now=lambda: factories.at(0))
    await bus.open()
    try:
        name = "gibsey.page.S01.P0007.events"
        await bus.create_topics([TOPICS[PageEvent.topic]._replace(name=name)])
        await sweep_once(bus, days=400)
        assert name in await names(bus)
    finally:
        await bus.close()


def test_idle_page_topics() -> None:
    """A page topic is idle if it had records and all of its partitions are empty."""

    def idle(*bounds: tuple[int, int], topic: str = "gibsey.page.S01.P0007.events") -> bool:
        states = [TopicState(Partition(topic, number), *bound) for number, bound in enumerate(bounds)]
        return idle_page_topics(states) == [topic]

    assert idle((3, 3))
    assert idle((0, 0), (5, 5))
    assert not idle((0, 0), (0, 0))
    assert not idle((5, 5), (0, 1))
    assert not idle((3, 3), topic="gibsey.page.S01")


class BusyBus(EmbeddedBus):
    """A bus on which an event is published after each listing of the topics."""

    async def topics(self) -> list[TopicState]:
        found = await super().topics()
        await Publisher(self, PageEventLayout.PAGE).publish(page_event("S01-P0007"))
        return found


async def test_janitor_keeps_an_event_published_meanwhile(tmp_path: Path) -> None:
    """An event published just before its topic would be deleted is kept."""
    bus = BusyBus(tmp_path, now=lambda: factories.at(0))
    await bus.open()
    try:
        await Publisher(bus, PageEventLayout.PAGE).publish(page_event("S01-P0007"))
        await sweep_once(bus, days=8)
        (record,) = [r async for r in bus.scan("gibsey.page.S01.P0007.events")]
        assert record.offset == 1
    finally:
        await bus.close()


async def test_janitor_keeps_other_topics(tmp_path: Path) -> None:
    """No other topic is deleted, even if it is empty."""
    bus = EmbeddedBus(tmp_path, now=lambda: factories.at(0))
    await bus.open()
    try:
        await Publisher(bus, PageEventLayout.SECTION).publish(page_event("S01-P0007"))
        before = await names(bus)
        await sweep_once(bus, days=400)
        assert await names(bus) == before
        assert "gibsey.page.S01" in before
    finally:
        await bus.close()


def test_page_topic_names() -> None:
    """The topic of a single page is recognised by its name."""
    generated = "8f3b5a52-0000-5000-8000-000000000000"
    for page in ("S01-P0007", generated):
        event = page_event(page)
        assert is_page_topic(topic_of(event, PageEventLayout.PAGE))
        assert not is_page_topic(topic_of(event, PageEventLayout.SECTION))
        assert not is_page_topic(topic_of(event))


class AwayOnce:
    """A bus with an outage at the first trim."""

    def __init__(self) -> None:
        self.trims = 0
        self.back = asyncio.Event()

    async def trim(self, now: object) -> int:
        self.trims += 1
        if self.trims == 1:
            raise BusUnavailable("It does not answer.")
        self.back.set()
        return 0

    async def topics(self) -> list[TopicState]:
        return []

    async def delete_topics(self, wanted: object) -> list[str]:
        return []


async def test_janitor_retries_after_an_outage() -> None:
    """After an outage of the bus, the next iteration trims."""
    bus = AwayOnce()
    janitor = Janitor(bus, now=lambda: factories.at(0), interval=0.001)  # type: ignore[arg-type]
    async with asyncio.timeout(60):
        working = asyncio.create_task(janitor.run())
        await bus.back.wait()
        janitor.stop()
        await working
