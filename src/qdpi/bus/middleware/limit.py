"""Refuse oversized records before they are parsed.

Publishing refuses a value that is larger than its topic accepts, and brokers do so for topics that we created.
Topics created by other means may hold records of any size.
"""

from __future__ import annotations

from qdpi.bus.port import Record
from qdpi.bus.worker import Handler
from qdpi.errors import MalformedEvent
from qdpi.events import TOPICS


def limit(handler: Handler) -> Handler:
    """Wrap a handler: raise `MalformedEvent` for a record of a core topic that exceeds the topic's size limit."""

    async def handle(record: Record) -> None:
        spec, size = TOPICS.get(record.topic), len(record.value or b"")
        if spec is not None and size > spec.max_bytes:
            raise MalformedEvent(f"A record of {size:,} bytes is too large: {spec.name} accepts {spec.max_bytes:,}.")
        await handler(record)

    return handle
