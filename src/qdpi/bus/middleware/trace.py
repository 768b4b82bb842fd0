"""What a handler does belongs to its record's trace, and its log lines carry the ids of its event."""

from __future__ import annotations

import structlog

from qdpi.bus.port import Record
from qdpi.bus.worker import Handler
from qdpi.observability.tracing import continued


def trace(handler: Handler, *, group: str) -> Handler:
    """Wrap a handler: continue the record's trace, or begin one of the record's own."""

    async def handle(record: Record) -> None:
        event = record.header("x-event-id")
        with (
            continued(record.header("traceparent"), event or f"{record.topic}/{record.offset}"),
            structlog.contextvars.bound_contextvars(group=group, topic=record.topic, event_id=event),
        ):
            await handler(record)

    return handle
