"""What can be seen of a handler: counted records, and log lines that carry the ids of their event."""

from __future__ import annotations

import structlog

from qdpi.bus.port import Record
from qdpi.bus.worker import Handler
from qdpi.metrics import Metrics
from qdpi.tracing import continued


def observe(handler: Handler, *, group: str, metrics: Metrics) -> Handler:
    """Wrap a handler: count what it finishes, and trace it under the record's ids."""
    handled = metrics.handled.labels(group)

    async def handle(record: Record) -> None:
        event = record.header("x-event-id")
        with (
            continued(record.header("traceparent"), event or f"{record.topic}/{record.offset}"),
            structlog.contextvars.bound_contextvars(group=group, topic=record.topic, event_id=event),
        ):
            await handler(record)
        handled.inc()

    return handle
