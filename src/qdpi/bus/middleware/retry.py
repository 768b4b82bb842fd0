"""Retries: a bounded number for a failing handler, an unlimited number while a dependency is unavailable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from qdpi.bus.port import Record
from qdpi.bus.worker import Handler
from qdpi.errors import InvalidInput, Unavailable
from qdpi.observability.metrics import Metrics
from qdpi.retry import Backoff, retry_while_unavailable

GiveUp = Callable[[Record, Exception, int], Awaitable[None]]
"""Ends a record that cannot be handled: takes the record, the last error, and the number of attempts."""

log = structlog.get_logger()


def or_else(give_up: GiveUp, last: GiveUp) -> GiveUp:
    """Return a `GiveUp` that falls back on `last` if the first fails, so that no record stops a worker."""

    async def either(record: Record, error: Exception, attempts: int) -> None:
        try:
            await give_up(record, error, attempts)
        except Unavailable:
            raise
        except Exception:
            log.exception("handler.give_up_failed", topic=record.topic, offset=record.offset)
            await last(record, error, attempts)

    return either


def retry(
    handler: Handler, give_up: GiveUp, *, group: str, backoff: Backoff, metrics: Metrics, attempts: int = 4
) -> Handler:
    """Wrap a handler: `attempts` attempts with backoff, one for bad input, unlimited during an outage."""

    def on_wait(error: Unavailable, tries: int) -> None:
        metrics.retries.labels(group, error.code).inc()
        log.warning("handler.dependency_unavailable", group=group, tries=tries, cause=error.detail)

    async def handle(record: Record) -> None:
        for attempt in range(1, attempts + 1):
            try:
                return await retry_while_unavailable(lambda: handler(record), backoff, on_wait=on_wait)
            except Exception as error:
                refused = isinstance(error, InvalidInput)
                if attempt == attempts or refused:
                    log.error("handler.gave_up", group=group, attempts=attempt, cause=str(error), exc_info=not refused)  # noqa: TRY400
                    return await retry_while_unavailable(_ending(record, error, attempt), backoff, on_wait=on_wait)
                metrics.retries.labels(group, type(error).__name__).inc()
                log.warning("handler.retry", group=group, attempt=attempt, exc_info=error)
                await backoff.wait(attempt)
        return None

    def _ending(record: Record, error: Exception, attempt: int) -> Callable[[], Awaitable[None]]:
        return lambda: give_up(record, error, attempt)

    return handle
