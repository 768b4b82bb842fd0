"""Publishing events: each to its topic, under its key, with its headers and the trace it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from qdpi.bus.port import EventBus, Message
from qdpi.events import Event, PageEventLayout, headers_of, key_of, topic_of
from qdpi.observability.tracing import current_traceparent
from qdpi.page_schema import Page


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes events to a bus in one layout of page events."""

    bus: EventBus
    layout: PageEventLayout = PageEventLayout.KEYED

    async def publish(self, event: Event, about: Event | Page | None = None) -> None:
        """Publish an event and await its acknowledgement; `about` is what it is of, for its headers.

        Raises `BusUnavailable` or `PublishUnknown`.
        """
        await self.bus.publish(message_of(event, self.layout, about))


def message_of(
    event: Event, layout: PageEventLayout = PageEventLayout.KEYED, about: Event | Page | None = None
) -> Message:
    """Return an event as the message that carries it."""
    headers = headers_of(event, current_traceparent(), about)
    return Message(topic_of(event, layout), key_of(event), event.encode(), headers)
