"""A limit on what is read at all.

Publishing refuses a value that is larger than its topic takes, and so do brokers where the topics are of our
making. Where they are not, anybody may have written anything: such a record is refused before it is parsed.
"""

from __future__ import annotations

from qdpi.bus.port import Record
from qdpi.bus.worker import Handler
from qdpi.errors import MalformedEvent
from qdpi.events import TOPICS


def limit(handler: Handler) -> Handler:
    """Wrap a handler: raise `MalformedEvent` for a record of a core topic that is larger than this takes."""

    async def handle(record: Record) -> None:
        spec, size = TOPICS.get(record.topic), len(record.value or b"")
        if spec is not None and size > spec.max_bytes:
            raise MalformedEvent(f"A record of {size:,} bytes is too large: {spec.name} takes {spec.max_bytes:,}.")
        await handler(record)

    return handle
