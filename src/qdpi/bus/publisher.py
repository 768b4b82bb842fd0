"""Publish events: each to its topic, under its key, with its headers and its trace context."""

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
        """Publish an event and await its acknowledgement.

        The headers describe the symbol of `about`, which defaults to the event. Raises `BusUnavailable` or
        `PublishUnknown`.
        """
        await self.bus.publish(message_of(event, self.layout, about))


def message_of(
    event: Event, layout: PageEventLayout = PageEventLayout.KEYED, about: Event | Page | None = None
) -> Message:
    """Return the message that carries an event."""
    headers = headers_of(event, current_traceparent(), about)
    return Message(topic_of(event, layout), key_of(event), event.encode(), headers)
