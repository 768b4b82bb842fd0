"""Run a handler in its record's trace, and bind the event's id to its log lines."""

from __future__ import annotations

import structlog

from qdpi.bus.port import Record
from qdpi.bus.worker import Handler
from qdpi.observability.tracing import continued


def trace(handler: Handler, *, group: str) -> Handler:
    """Wrap a handler: continue the record's trace, or start a new trace."""

    async def handle(record: Record) -> None:
        event = record.header("x-event-id")
        with (
            continued(record.header("traceparent"), event or f"{record.topic}/{record.offset}"),
            structlog.contextvars.bound_contextvars(group=group, topic=record.topic, event_id=event),
        ):
            await handler(record)

    return handle
