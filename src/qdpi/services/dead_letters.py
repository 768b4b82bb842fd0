"""Find dead letters on the bus, and make the message that replays one.

A run that failed is replayed as a new press at its journey's end. A record that another consumer could not handle is
published to its topic again as it was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import structlog

from qdpi.bus.port import EventBus, Message, Record
from qdpi.bus.publisher import message_of
from qdpi.errors import InvalidInput, MalformedEvent
from qdpi.events import Ask, DeadLetter, PageRequest, Press, decode, decode_press, reader_fields
from qdpi.ids import press_id
from qdpi.services.enricher import PressName, press_named
from qdpi.topology import ENRICHER, PAGE_GENERATOR

log = structlog.get_logger()


async def list_letters(bus: EventBus) -> list[DeadLetter]:
    """Return the dead letters, the oldest first; a letter that was published twice is listed once."""
    taken: dict[str, tuple[datetime, DeadLetter]] = {}
    async for record, letter in _letters(bus):
        taken.setdefault(letter.event_id, (record.taken_at, letter))
    return [letter for _, letter in sorted(taken.values(), key=lambda row: row[0])]


async def find_letter(bus: EventBus, letter_id: str) -> DeadLetter:
    """Return the letter with an id, or the only one whose id begins with it. Raises `InvalidInput`."""
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
    """Yield the dead letters, partition by partition, and log malformed records."""
    async for record in bus.scan(DeadLetter.topic):
        try:
            yield record, decode(DeadLetter, record.value)
        except MalformedEvent as error:
            log.warning("dlq.malformed", offset=record.offset, cause=error.detail)


async def replay_message(bus: EventBus, letter: DeadLetter, at: datetime) -> Message:
    """Return the message that replays a letter; a press that its request does not hold is read from the bus.

    Raises `InvalidInput` as `message_for` does, and `MalformedEvent` where the record on the bus is no press.
    """
    request = request_of(letter)
    lacks_press = request is not None and request.symbol_code is None
    return message_for(letter, at, await _find_press(bus, request) if request is not None and lacks_press else None)


async def _find_press(bus: EventBus, request: PageRequest) -> Press | Ask | None:
    """Return the press or the ask of a request, None where it is gone from the bus.

    It is matched by its body, as the enricher reads it. Raises `MalformedEvent` where it is no press.
    """
    wanted = PressName(request.session_id, request.press_id)
    for topic in ENRICHER.topics:
        async for record in bus.scan(topic):
            if press_named(record) == wanted:
                return decode_press(topic, record.value)
    return None


def request_of(letter: DeadLetter) -> PageRequest | None:
    """Return the request of a failed run, None for a letter of another consumer's record."""
    if letter.group != PAGE_GENERATOR.group or letter.source_topic != PageRequest.topic:
        return None
    try:
        return decode(PageRequest, letter.original()[1])
    except MalformedEvent:
        return None


def message_for(letter: DeadLetter, at: datetime, press: Press | Ask | None = None) -> Message:
    """Return the message that replays a letter. Pure.

    Raises `InvalidInput` where a run's press is not known, or where the letter lacks a part of its record.
    """
    request = request_of(letter)
    return sent_again(letter) if request is None else message_of(pressed_again(letter, request, at, press))


def pressed_again(
    letter: DeadLetter, request: PageRequest, at: datetime, press: Press | Ask | None = None
) -> Press | Ask:
    """Return the press that repeats a failed run; its id is derived from the letter's, so every replay is one event.

    `press` is the run's own press, if it is known: a request that was refused may lack the symbol. Raises
    `InvalidInput` where neither has it.
    """
    about: dict[str, Any] = {
        "event_id": press_id(request.session_id, "replay", letter.event_id),
        "ts": max(at, letter.ts),
        "session_id": request.session_id,
        "cause_id": letter.event_id,
        "page_id": request.page_id,
        "replays": request.press_id,
    }
    if request.symbol_code is not None:
        return Press(**about, symbol_code=request.symbol_code, **reader_fields(request))
    if press is None:
        raise InvalidInput(
            f"Press {request.press_id} is gone from the bus, and its request does not say which symbol it was.",
            next_step="Ask the reader to press again.",
        )
    return press.model_copy(update={**about, "client_request_id": None})


def sent_again(letter: DeadLetter) -> Message:
    """Return another consumer's record as it was: its topic, key, value and headers.

    Raises `InvalidInput` where the letter lacks a part of it.
    """
    if letter.cut_bytes:
        raise InvalidInput(
            f"Dead letter {letter.event_id} lacks the last {letter.cut_bytes:,} bytes of its record.",
            next_step="Send the record again from where it came from.",
        )
    key, value, headers = letter.original()
    return Message(letter.source_topic, key, value, headers)
