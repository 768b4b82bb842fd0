"""Reading the dead letters of a bus, and telling of them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import structlog

from qdpi.bus.port import EventBus, Message, Record
from qdpi.cli.output import table
from qdpi.errors import InvalidInput, MalformedEvent
from qdpi.events import Ask, DeadLetter, PageRequest, Press, body_of, decode
from qdpi.services.enricher import PressName, press_named

log = structlog.get_logger()


async def list_letters(bus: EventBus) -> list[dict[str, Any]]:
    """Return what the list says of the dead letters, the oldest first; one that was sent twice is one."""
    told: dict[str, tuple[datetime, dict[str, Any]]] = {}
    async for record, letter in _letters(bus):
        told.setdefault(letter.event_id, (record.taken_at, summary_of(letter)))
    return [summary for _, summary in sorted(told.values(), key=lambda row: row[0])]


async def find_letter(bus: EventBus, letter_id: str) -> DeadLetter:
    """Return the letter whose id is, or alone begins with, this one. Raises `InvalidInput`."""
    found = {
        letter.event_id: letter
        async for _, letter in _letters(bus)
        if letter_id and letter.event_id.startswith(letter_id)
    }
    if letter_id in found:
        return found[letter_id]
    if len(found) != 1:
        how_many = "No dead letter has" if not found else f"{len(found)} dead letters have"
        raise InvalidInput(f"{how_many} an id like {letter_id!r:.80}.", next_step="`qdpi dlq list` shows them all.")
    return next(iter(found.values()))


async def _letters(bus: EventBus) -> AsyncIterator[tuple[Record, DeadLetter]]:
    """Give the dead letters, one partition after another, and log what is none."""
    async for record in bus.scan(DeadLetter.topic):
        try:
            yield record, decode(DeadLetter, record.value)
        except MalformedEvent as error:
            log.warning("dlq.malformed", offset=record.offset, cause=error.detail)


async def find_press(bus: EventBus, request: PageRequest) -> Press | Ask | None:
    """Return the press or the ask that a request was made of, None where it is gone from the bus.

    It is known by its body, as the enricher knows it. Raises `MalformedEvent` where it is no press at all.
    """
    wanted = PressName(request.session_id, request.press_id)
    model: type[Press] | type[Ask]
    for model in (Press, Ask):
        async for record in bus.scan(model.topic):
            if press_named(record) == wanted:
                return decode(model, record.value)
    return None


def event_carried(message: Message) -> str | None:
    """Return the id of the event that a message carries, by its body or else its header; None where neither tells."""
    named = body_of(message.value).get("event_id")
    if isinstance(named, str):
        return named
    header = dict(message.headers).get("x-event-id")
    return header.decode(errors="replace") if header else None


def summary_of(letter: DeadLetter) -> dict[str, Any]:
    """Return what the list says of a letter."""
    fields = {"event_id", "ts", "session_id", "press_id", "group", "source_topic", "attempts", "error"}
    return letter.model_dump(mode="json", include=fields)


def whole(letter: DeadLetter) -> dict[str, Any]:
    """Return a letter with its original record made readable: text where the bytes are text, else Base64."""
    key, value, headers = letter.original()
    told = letter.model_dump(mode="json", exclude={"key_base64", "value_base64", "headers_base64"})
    return {
        **told,
        "original": {
            "key": _readable(key),
            "value": _readable(value),
            "headers": {name: _readable(raw) for name, raw in headers},
        },
    }


def _readable(raw: bytes | None) -> Any:
    if raw is None:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
    try:
        return json.loads(text)
    except ValueError:
        return text


def letters_told(letters: list[dict[str, Any]]) -> str:
    """Return the list of letters as a table."""
    if not letters:
        return "No dead letters."
    rows = [
        (
            letter["event_id"],
            letter["ts"][:19],
            letter["group"],
            letter["error"]["code"],
            letter["error"]["detail"][:60],
        )
        for letter in letters
    ]
    return "\n".join(table(("id", "time", "group", "code", "what"), rows))


def letter_told(letter: dict[str, Any]) -> str:
    """Return a whole letter as lines."""
    original = letter["original"]
    facts = {
        "id": letter["event_id"],
        "time": letter["ts"],
        "group": letter["group"],
        "error": f"{letter['error']['code']}: {letter['error']['detail']} {letter['error']['next_step']}",
        "attempts": letter["attempts"],
        "from": f"{letter['source_topic']}, partition {letter['source_partition']}, offset {letter['source_offset']}",
        "journey": letter["session_id"],
        "press": letter["press_id"],
        "key": original["key"],
        "headers": json.dumps(original["headers"], ensure_ascii=False),
        "value": json.dumps(original["value"], ensure_ascii=False, indent=2),
    }
    if letter["cut_bytes"]:
        facts["lacks"] = f"{letter['cut_bytes']:,} bytes at the end of the value"
    return "\n".join(f"{name:9} {fact}" for name, fact in facts.items())
