"""Raising partition counts: keys move to other partitions, so the consumers drain the topics first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from qdpi.bus.port import EventBus, TopicState
from qdpi.bus.validation import page_topic
from qdpi.errors import QdpiError
from qdpi.events import TOPICS, is_page_topic
from qdpi.services.backlog import consumer_lag

_POLL_SECONDS: Final = 0.25


class NotDrained(QdpiError):
    """Consumers still have records to process."""

    code = "not_drained"
    default_next_step = "Stop the gateways, let the workers finish (`qdpi doctor` shows who is behind), and try again."


def topics_to_grow(states: Iterable[TopicState], partitions: int) -> list[str]:
    """Return our topics with fewer partitions, without those of single pages, which stay as they are."""
    counts: dict[str, int] = {}
    for state in states:
        topic = state.partition.topic
        if topic in TOPICS or (page_topic(topic) is not None and not is_page_topic(topic)):
            counts[topic] = counts.get(topic, 0) + 1
    return sorted(topic for topic, count in counts.items() if count < partitions)


async def add_partitions(
    bus: EventBus, partitions: int, *, wait: float, progress: Callable[[Mapping[str, int]], None]
) -> list[str]:
    """Raise our topics' partition counts once no group has records to process on them; return their names.

    `progress` is called with the records that each group has left. Raises `NotDrained` where draining takes more
    than `wait` seconds, and `InvalidInput` for more partitions than this kind of bus has.
    """
    await bus.grow_topics((), partitions)  # a bus that cannot have so many raises before anything waits
    topics = topics_to_grow(await bus.topics(), partitions)
    if topics:
        await _drain(bus, topics, wait, progress)
    return await bus.grow_topics(topics, partitions)


async def _drain(bus: EventBus, topics: list[str], wait: float, progress: Callable[[Mapping[str, int]], None]) -> None:
    clock = asyncio.get_running_loop()
    until = clock.time() + wait
    reported: Mapping[str, int] | None = None
    while left := await consumer_lag(bus, topics):
        if left != reported:
            progress(left)
            reported = left
        if clock.time() >= until:
            behind = ", ".join(f"{group} has {records}" for group, records in left.items())
            raise NotDrained(f"After {wait:g} seconds groups still have records to do: {behind}. Nothing was changed.")
        await asyncio.sleep(_POLL_SECONDS)
