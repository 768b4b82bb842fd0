"""Publishing: topics are known before anything is sent to them, and pages' own are made by publishing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from qdpi.bus.kafka.naming import Names
from qdpi.bus.kafka.producer import Producing, TopicGone
from qdpi.bus.kafka.topics import Administration
from qdpi.bus.port import Message
from qdpi.bus.validation import check_name, no_topic, page_topic, refuse_large
from qdpi.errors import BusUnavailable
from qdpi.events import TOPICS

_REMEMBERED: Final = 10_000
"""Of how many topics the largest value is kept in mind: a page's own are many."""


class Publishing:
    """Publishes messages to topics that are there, or that publishing makes."""

    def __init__(self, producing: Producing, administration: Administration, names: Names) -> None:
        self._producing, self._administration, self._names = producing, administration, names
        self._largest: OrderedDict[str, int] = OrderedDict()

    async def publish(self, message: Message) -> None:
        """Publish and await the acknowledgement (see `EventBus`)."""
        refuse_large(message, await self._meet(message.topic))
        wired = self._names.wire(message.topic)
        try:
            await self._producing.send(wired, message)
        except TopicGone:
            self.forget([message.topic])
            await self._meet(message.topic)
            await self._send_again(wired, message)

    def forget(self, topics: Iterable[str]) -> None:
        """Take topics for unknown: they were deleted, or made with other terms."""
        for topic in topics:
            self._largest.pop(topic, None)

    async def _send_again(self, wired: str, message: Message) -> None:
        try:
            await self._producing.send(wired, message)
        except TopicGone:
            raise BusUnavailable(f"The topic {message.topic} comes and goes.") from None

    async def _meet(self, topic: str) -> int:
        """Return how large a value a topic takes, having made sure that it is there."""
        if topic not in self._largest:
            self._largest[topic] = await self._look_up(topic)
            if len(self._largest) > _REMEMBERED:
                self._largest.popitem(last=False)
        return self._largest[topic]

    async def _look_up(self, topic: str) -> int:
        check_name("topic", topic)
        made = page_topic(topic)
        if not await self._producing.learn(self._names.wire(topic)):
            if made is None:
                raise _absent(topic)
            await self._administration.create([made])
            await self._producing.learn(self._names.wire(topic))
        if spec := made or TOPICS.get(topic):
            return spec.max_bytes
        largest = await self._administration.largest(topic)
        if largest is None:
            raise _absent(topic)
        return largest


def _absent(topic: str) -> Exception:
    if topic in TOPICS:
        # a fault of the cluster's, not of the message's: whoever publishes waits until it is there again
        return BusUnavailable(f"Kafka has no topic {topic}.", next_step="Create it with `qdpi kafka-topics`.")
    return no_topic(topic)
