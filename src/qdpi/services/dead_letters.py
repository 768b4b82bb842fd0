"""What replaying a dead letter publishes. Pure.

A run that failed is pressed anew at its journey's end; a record that another consumer could not handle goes
to its topic again as it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from qdpi.bus.port import Message
from qdpi.bus.publisher import message_of
from qdpi.errors import InvalidInput, MalformedEvent
from qdpi.events import Ask, DeadLetter, PageRequest, Press, decode, reader_fields
from qdpi.ids import press_id
from qdpi.topology import PAGE_GENERATOR


def request_of(letter: DeadLetter) -> PageRequest | None:
    """Return the request of a run that failed, None where the letter is of another consumer's record."""
    if letter.group != PAGE_GENERATOR.group or letter.source_topic != PageRequest.topic:
        return None
    try:
        return decode(PageRequest, letter.original()[1])
    except MalformedEvent:
        return None


def pressed_again(
    letter: DeadLetter, request: PageRequest, at: datetime, press: Press | Ask | None = None
) -> Press | Ask:
    """Return the press that repeats a failed run; its id is the letter's, so that repeating it is one event.

    `press` is the run's own press, where it is still known: a request that was refused may lack what it
    asked for. Raises `InvalidInput` where neither says it.
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

    Raises `InvalidInput` where the letter does not hold all of it.
    """
    if letter.cut_bytes:
        raise InvalidInput(
            f"Dead letter {letter.event_id} lacks the last {letter.cut_bytes:,} bytes of its record.",
            next_step="Send the record again from where it came from.",
        )
    key, value, headers = letter.original()
    return Message(letter.source_topic, key, value, headers)


def message_for(letter: DeadLetter, at: datetime, press: Press | Ask | None = None) -> Message:
    """Return what replaying a letter publishes.

    Raises `InvalidInput` where a run's press cannot be told, or where a record is not held whole.
    """
    request = request_of(letter)
    return sent_again(letter) if request is None else message_of(pressed_again(letter, request, at, press))
