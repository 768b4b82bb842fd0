"""Count the records that a group has handled."""

from __future__ import annotations

from qdpi.bus.port import Record
from qdpi.bus.worker import Handler
from qdpi.observability.metrics import Metrics


def count(handler: Handler, *, group: str, metrics: Metrics) -> Handler:
    """Wrap a handler: count each record for which it returns, dead-lettered ones included."""
    handled = metrics.handled.labels(group)

    async def handle(record: Record) -> None:
        await handler(record)
        handled.inc()

    return handle
