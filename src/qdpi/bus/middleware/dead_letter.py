"""Dead letters: the original bytes and headers, the error, and where the record came from."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import structlog

from qdpi.bus.middleware.retry import GiveUp
from qdpi.bus.port import EventBus, Headers, Message, Record
from qdpi.errors import InvalidInput
from qdpi.events import ABOUT_HEADERS, DeadLetter, body_of, fault_of
from qdpi.ids import derived_id
from qdpi.observability.metrics import Metrics
from qdpi.observability.tracing import current_traceparent

log = structlog.get_logger()

LONGEST_VALUE: Final = 11 << 20
"""Bytes that are kept of a record's value: in Base64, with all that is said of it, 16 MiB hold it."""


def dead_letter(bus: EventBus, *, group: str, now: Callable[[], datetime], metrics: Metrics) -> GiveUp:
    """Return how a group ends a record it cannot handle: by one dead letter, however often it is sent.

    Where the topic of dead letters does not take the record in it, it goes without the record's bytes, which stay
    where they are.
    """

    async def give_up(record: Record, error: Exception, attempts: int) -> None:
        letter = letter_of(record, error, attempts, group=group, at=max(now(), record.taken_at))
        try:
            await send_letter(bus, letter, record.key)
        except InvalidInput as refusal:
            log.warning("dead_letter.record_omitted", topic=record.topic, offset=record.offset, cause=str(refusal))
            await send_letter(bus, _bare(letter, record), None)
        metrics.dead_letters.labels(group).inc()

    return give_up


def _bare(letter: DeadLetter, record: Record) -> DeadLetter:
    gone = {"key_base64": None, "value_base64": "", "headers_base64": (), "cut_bytes": len(record.value or b"")}
    return letter.model_copy(update=gone)


async def send_letter(bus: EventBus, letter: DeadLetter, key: bytes | None) -> None:
    """Publish a dead letter under the original key, with what the original's headers tell of its symbol."""
    _, _, original = letter.original()
    told = tuple(header for header in original if header[0] in ABOUT_HEADERS)
    headers = (("x-event-id", letter.event_id.encode()), *told, *_trace(original))
    await bus.publish(Message(DeadLetter.topic, key, letter.encode(), headers))


def _trace(original: Headers) -> Headers:
    current = current_traceparent()
    return (("traceparent", current.encode()),) if current else tuple(h for h in original if h[0] == "traceparent")


def letter_of(record: Record, error: Exception, attempts: int, *, group: str, at: datetime) -> DeadLetter:
    """Return the dead letter of a record; its id is a function of the group and of the record's place."""
    body = body_of(record.value)
    return DeadLetter(
        event_id=derived_id("dead-letter", group, record.topic, str(record.partition.number), str(record.offset)),
        ts=at,
        session_id=_text(body.get("session_id")),
        press_id=_text(body.get("press_id") or body.get("event_id")),
        group=group,
        source_topic=record.topic,
        source_partition=record.partition.number,
        source_offset=record.offset,
        attempts=attempts,
        error=fault_of(error),
        key_base64=_base64(record.key),
        value_base64=_base64(record.value and record.value[:LONGEST_VALUE]),
        cut_bytes=max(0, len(record.value or b"") - LONGEST_VALUE),
        headers_base64=tuple((name, base64.b64encode(value).decode()) for name, value in record.headers),
    )


def _text(value: Any) -> str | None:
    return value[:128] if isinstance(value, str) else None


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()
