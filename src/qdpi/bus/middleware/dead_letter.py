"""Dead letters: the original bytes and headers, the error, and the record's topic, partition and offset."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import structlog

from qdpi.bus.middleware.retry import GiveUp
from qdpi.bus.port import EventBus, Headers, Message, Record
from qdpi.errors import InvalidInput
from qdpi.events import ABOUT_HEADERS, DeadLetter, Fault, body_of, fault_of
from qdpi.ids import derived_id
from qdpi.observability.metrics import Metrics
from qdpi.observability.tracing import current_traceparent

log = structlog.get_logger()

LONGEST_VALUE: Final = 11 << 20
"""The largest value, in bytes, that a dead letter keeps: in Base64 with its metadata it fits in 16 MiB."""


def dead_letter(
    bus: EventBus, *, group: str, now: Callable[[], datetime], metrics: Metrics, redact: Callable[[str], str]
) -> GiveUp:
    """Return the `GiveUp` of a group: publish a dead letter, with the same id however often it is sent.

    `redact` hides secrets in the text of the error.

    If the topic of dead letters refuses the letter for its size, send it without the record's bytes. They stay in
    the source topic.
    """

    async def give_up(record: Record, error: Exception, attempts: int) -> None:
        letter = letter_of(record, fault_of(error, redact), attempts, group=group, at=max(now(), record.taken_at))
        try:
            await send_letter(bus, letter, record.key)
        except InvalidInput as refusal:
            log.warning("dead_letter.record_omitted", topic=record.topic, offset=record.offset, cause=str(refusal))
            await send_letter(bus, _bare(letter, record), None)
        metrics.dead_letters.labels(group).inc()

    return give_up


def _bare(letter: DeadLetter, record: Record) -> DeadLetter:
    omitted = {"key_base64": None, "value_base64": "", "headers_base64": (), "cut_bytes": len(record.value or b"")}
    return letter.model_copy(update=omitted)


async def send_letter(bus: EventBus, letter: DeadLetter, key: bytes | None) -> None:
    """Publish a dead letter under the original key, with the original's headers about its symbol."""
    _, _, original = letter.original()
    about = tuple(header for header in original if header[0] in ABOUT_HEADERS)
    headers = (("x-event-id", letter.event_id.encode()), *about, *_trace(original))
    await bus.publish(Message(DeadLetter.topic, key, letter.encode(), headers))


def _trace(original: Headers) -> Headers:
    current = current_traceparent()
    return (("traceparent", current.encode()),) if current else tuple(h for h in original if h[0] == "traceparent")


def letter_of(record: Record, error: Fault, attempts: int, *, group: str, at: datetime) -> DeadLetter:
    """Return the dead letter of a record. Its id is derived from the group, topic, partition and offset."""
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
        error=error,
        key_base64=_base64(record.key),
        value_base64=_base64(record.value and record.value[:LONGEST_VALUE]),
        cut_bytes=max(0, len(record.value or b"") - LONGEST_VALUE),
        headers_base64=tuple((name, base64.b64encode(value).decode()) for name, value in record.headers),
    )


def _text(value: Any) -> str | None:
    return value[:128] if isinstance(value, str) else None


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()
