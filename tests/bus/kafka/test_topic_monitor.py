"""The topic monitor: each reader is notified of the changes that it does not know yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest

from qdpi.bus.kafka.topic_monitor import TopicMonitor
from qdpi.bus.kafka.topics import Shape
from qdpi.bus.port import Partition
from qdpi.errors import BusUnavailable
from qdpi.events import PageDone


class Topics:
    """The existing topics."""

    def __init__(self, **shapes: Shape) -> None:
        self.shapes = shapes

    async def __call__(self, names: Iterable[str]) -> dict[str, Shape]:
        return {name: self.shapes[name] for name in names if name in self.shapes}


class Reader:
    """A reader that records its notifications, and raises the errors set by the test."""

    def __init__(self, *topics: str) -> None:
        self.topics = frozenset(topics)
        self.recreated: list[str] = []
        self.added: list[Partition] = []
        self.fails: list[Exception] = []
        self.fails_to_add: list[Exception] = []

    async def topics_recreated(self, topics: Collection[str]) -> None:
        _fail(self.fails)
        self.recreated += sorted(topics)

    async def partitions_added(self, partitions: Collection[Partition]) -> None:
        _fail(self.fails or self.fails_to_add)
        self.added += partitions


def _fail(errors: list[Exception]) -> None:
    if errors:
        raise errors.pop()


@pytest.fixture
def topics() -> Topics:
    return Topics(done=Shape("one", 2))


@pytest.fixture
async def monitor(topics: Topics):
    monitor = TopicMonitor(topics)
    yield monitor
    await monitor.close()


async def test_topic_known_to_another_reader_is_still_reported(topics: Topics, monitor: TopicMonitor):
    early, late = Reader("done"), Reader("done")
    monitor.add(early, {})
    monitor.add(late, topics.shapes)
    await monitor.check()
    assert early.added == [Partition("done", 0), Partition("done", 1)]
    assert late.added == []


async def test_added_partitions_are_reported_once(topics: Topics, monitor: TopicMonitor):
    reader, stranger = Reader("done"), Reader("failed")
    monitor.add(reader, topics.shapes)
    monitor.add(stranger, {})
    topics.shapes["done"] = Shape("one", 3)
    await monitor.check()
    await monitor.check()
    assert reader.added == [Partition("done", 2)]
    assert (reader.recreated, stranger.added) == ([], [])


async def test_recreated_topic_is_reported_once(topics: Topics, monitor: TopicMonitor):
    reader = Reader("done")
    monitor.add(reader, topics.shapes)
    saved = topics.shapes.pop("done")
    await monitor.check()
    topics.shapes["done"] = Shape("two", saved.partitions + 1)
    await monitor.check()
    await monitor.check()
    assert reader.recreated == ["done"]
    assert reader.added == [Partition("done", 2)]


@pytest.mark.parametrize("error", [BusUnavailable("Its thread is held."), ZeroDivisionError("a bug of ours")])
@pytest.mark.parametrize("times", [1, 3])
async def test_failed_notification_is_repeated(topics: Topics, monitor: TopicMonitor, times: int, error: Exception):
    """A reader whose notification fails is notified later, the other readers at once."""
    held, free = Reader("done"), Reader("done")
    held.fails = [error] * times
    monitor.add(held, topics.shapes)
    monitor.add(free, topics.shapes)
    topics.shapes["done"] = Shape("two", 3)
    await monitor.check()
    assert (free.recreated, free.added) == (["done"], [Partition("done", 2)])
    for _ in range(times):
        await monitor.check()
    assert (held.recreated, held.added) == (["done"], [Partition("done", 2)])
    await monitor.check()
    assert (free.recreated, held.recreated) == (["done"], ["done"])


async def test_failed_notification_does_not_repeat_a_recreation(topics: Topics, monitor: TopicMonitor):
    """A reader that could not be notified of new partitions is not notified of the recreation twice."""
    reader = Reader("done")
    reader.fails_to_add = [BusUnavailable("Its thread is held.")]
    monitor.add(reader, topics.shapes)
    topics.shapes["done"] = Shape("two", 3)
    await monitor.check()
    assert (reader.recreated, reader.added) == (["done"], [])
    await monitor.check()
    assert (reader.recreated, reader.added) == (["done"], [Partition("done", 2)])


async def test_removed_reader_is_not_notified(topics: Topics, monitor: TopicMonitor):
    reader = Reader("done")
    monitor.add(reader, {})
    monitor.remove(reader)
    await monitor.check()
    assert reader.added == []


async def test_known_core_topic_is_missing_until_it_is_back():
    there = Topics(**{PageDone.topic: Shape("one", 2), "gibsey.page.7": Shape("two", 1)})
    monitor = TopicMonitor(there)
    monitor.add(Reader(*there.shapes, "gibsey.ask"), there.shapes)
    await monitor.check()
    assert monitor.missing == frozenset()
    gone = dict(there.shapes)
    there.shapes.clear()
    await monitor.check()
    assert monitor.missing == {PageDone.topic}
    there.shapes |= gone
    await monitor.check()
    assert monitor.missing == frozenset()
    await monitor.close()
