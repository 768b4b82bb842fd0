"""Malformed records: each is a dead letter, or one failed outcome in order, and affects no other press."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.faults.checker import violations
from tests.faults.conftest import NewDataDir
from tests.faults.faulty_system import FaultySystem, faulty_system

from qdpi.bus.port import Headers, Message
from qdpi.events import (
    Ask,
    DeadLetter,
    Fault,
    IndexUpdate,
    PageDone,
    PageFailed,
    PageRequest,
    Press,
    Stop,
    VaultChange,
    decode,
)
from qdpi.system import utc_now

ENRICHER, GENERATOR, INDEXER, RECORDER = "qdpi.enricher", "qdpi.page_generator", "qdpi.indexer", "qdpi.recorder"
CONSUMERS = {
    Press.topic: {ENRICHER, RECORDER},
    Ask.topic: {ENRICHER, RECORDER},
    PageRequest.topic: {GENERATOR, RECORDER},
    IndexUpdate.topic: {INDEXER},
    Stop.topic: {RECORDER},
    VaultChange.topic: {RECORDER},
    PageDone.topic: {RECORDER},
    PageFailed.topic: {RECORDER},
}
GOOD: dict[str, Any] = {"event_id": "good", "ts": "2026-11-01T20:00:00Z", "session_id": "amber", "symbol_code": 0}
HEADERS: Headers = (("x-event-id", b"\xff\xfe"), ("x-event-id", b""), ("traceparent", b"00-nothing"))

UNREADABLE: dict[str, tuple[bytes | None, bytes | None, Headers]] = {
    "malformed": (b"amber", b"{not json", ()),
    "truncated": (b"amber", json.dumps(GOOD).encode()[:-9], ()),
    "non-utf-8": (b"amber", b'{"session_id": "\xff\xfe\xfd"}', HEADERS),
    "a tombstone": (b"amber", None, ()),
    "empty": (b"amber", b"", ()),
    "a list": (b"amber", b"[1, 2, 3]", ()),
    "of no journey": (b"amber", b'{"event_id": "e", "symbol_code": 3}', ()),
    "of a journey with a path for a name": (b"amber", b'{"event_id": "e", "session_id": "../../etc"}', ()),
    "of nobody's key": (None, b"\x00\x01\x02", ()),
    "of a key that is no text": (b"\xff\x00", b"{}", HEADERS),
    "nested without end": (b"amber", b"[" * 50_000, ()),
}
"""Key, value and headers of records from which no journey can be read."""

REFUSED: dict[str, dict[str, Any]] = {
    "an unknown symbol": {"symbol_code": 999},
    "a symbol in words": {"symbol_code": "the first"},
    "no symbol": {"symbol_code": None},
    "a page with a path in it": {"page_id": "../S01-P0001"},
    "an endless intent": {"user_intent": "why " * 25_000},
    "an impossible time": {"ts": "yesterday"},
    "a time at the end of the calendar": {"ts": "9999-12-31T23:59:59.999999Z"},
    "a time at its beginning": {"ts": "0001-01-01T00:00:00+14:00"},
    "a wish for nothing there is": {"trajectory": "T9"},
}
"""Changes that make a press with a valid journey invalid."""


async def publish(faulty: FaultySystem, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
    await faulty.plain.bus.publish(Message(topic, key, value, headers))


async def letters(faulty: FaultySystem) -> list[DeadLetter]:
    found = [decode(DeadLetter, record.value) async for record in faulty.plain.bus.scan(DeadLetter.topic)]
    return list({letter.event_id: letter for letter in found}.values())


@pytest.mark.parametrize("topic", CONSUMERS)
async def test_unreadable_records_are_dead_letters(topic: str, new_data_dir: NewDataDir):
    async with faulty_system(new_data_dir()) as faulty:
        for key, value, headers in UNREADABLE.values():
            await faulty.press("amber", "an-author:XC")
            await publish(faulty, topic, key, value, headers)
        await faulty.press("amber", "an-author:XC")
        await faulty.settled()
        history, found = await faulty.history(), await letters(faulty)
    assert violations(history) == []
    assert all(isinstance(outcome.event, PageDone) for outcome in history.outcomes["amber"])
    sent = {(letter.group, letter.original()) for letter in found if letter.source_topic == topic}
    assert sent == {(group, record) for group in CONSUMERS[topic] for record in UNREADABLE.values()}
    assert len(found) == len(CONSUMERS[topic]) * len(UNREADABLE)


async def test_refused_press_fails_in_order(new_data_dir: NewDataDir):
    """An invalid press is answered as failed, in the order of its journey."""
    async with faulty_system(new_data_dir()) as faulty:
        for name, change in REFUSED.items():
            await faulty.press("amber", "an-author:XC")
            body = GOOD | {"event_id": f"with {name}"} | change
            faulty.presses["amber"].append(body["event_id"])
            await publish(faulty, Press.topic, b"amber", json.dumps(body).encode(), ())
        await faulty.press("amber", "an-author:XC")
        await faulty.settled()
        history = await faulty.history()
    assert violations(history) == []
    answers = {outcome.event.press_id: outcome.event for outcome in history.outcomes["amber"]}
    refused = [event for event in answers.values() if isinstance(event, PageFailed)]
    assert [event.press_id for event in refused] == [f"with {name}" for name in REFUSED]
    assert {event.error.code for event in refused} == {"malformed_event"}


@pytest.mark.parametrize("key", [None, b"birch", b"\xff\xfe"], ids=["no key", "another's key", "a key that is no text"])
async def test_press_under_a_wrong_key(key: bytes | None, new_data_dir: NewDataDir):
    """A valid press with a wrong key and without headers is answered in its own journey."""
    body = GOOD | {"event_id": "unkeyed", "ts": utc_now().isoformat()}
    async with faulty_system(new_data_dir()) as faulty:
        faulty.presses["amber"] = ["unkeyed"]
        await publish(faulty, Press.topic, key, json.dumps(body).encode(), ())
        await faulty.press("birch", "an-author:XC")
        await faulty.settled()
        history, found = await faulty.history(), await letters(faulty)
    assert violations(history) == []
    assert found == []


async def test_index_update_of_an_unknown_page_is_a_dead_letter(new_data_dir: NewDataDir):
    """An update of an unknown page is a dead letter after its retries."""
    update = IndexUpdate(event_id="u", ts=utc_now(), session_id="amber", page_id="nowhere")
    async with faulty_system(new_data_dir()) as faulty:
        await faulty.plain.publisher.publish(update)
        await faulty.press("amber", "an-author:XC")
        await faulty.settled()
        history, (letter,) = await faulty.history(), await letters(faulty)
    assert violations(history) == []
    assert (letter.group, letter.error.code, letter.original()[1]) == (INDEXER, "unknown_page", update.encode())
    assert base64.b64decode(letter.key_base64 or "") == b"nowhere"


async def test_malformed_request_is_a_dead_letter(new_data_dir: NewDataDir):
    """A malformed request is a dead letter, and its journey continues."""
    body = {"session_id": "amber", "event_id": "r", "press_id": "p", "request_id": "r", "symbol_code": 999}
    async with faulty_system(new_data_dir()) as faulty:
        await faulty.press("amber", "an-author:XC")
        await publish(faulty, PageRequest.topic, b"amber", json.dumps(body).encode(), ())
        await faulty.press("amber", "an-author:XC")
        await faulty.settled()
        history, found = await faulty.history(), await letters(faulty)
    assert violations(history) == []
    assert {(letter.group, letter.error.code) for letter in found} == {
        (GENERATOR, "malformed_event"),
        (RECORDER, "malformed_event"),
    }


async def test_unknown_fields_of_a_press_are_harmless(new_data_dir: NewDataDir):
    body = GOOD | {
        "event_id": "odd",
        "ts": utc_now().isoformat(),
        "locus": 5,
        "section": {"deep": []},
        "trajectory_hint": 7,
    }
    async with faulty_system(new_data_dir()) as faulty:
        faulty.presses["amber"] = ["odd"]
        await publish(faulty, Press.topic, b"amber", json.dumps(body).encode(), ())
        await faulty.settled()
        history, found = await faulty.history(), await letters(faulty)
    assert violations(history) == []
    assert [type(outcome.event) for outcome in history.outcomes["amber"]] == [PageDone]
    assert found == []


async def test_request_with_an_endless_error_is_cut(new_data_dir: NewDataDir):
    """A request with a very long error is answered with the beginning of the error."""
    error = {"code": "any", "detail": "why " * 250_000, "next_step": "none", "beside": "x" * 10_000}
    request = PageRequest(
        event_id="r", ts=utc_now(), session_id="amber", press_id="p", request_id="r", error=Fault(**error)
    )
    async with faulty_system(new_data_dir()) as faulty:
        await faulty.plain.publisher.publish(request)
        await faulty.press("birch", "an-author:XC")
        await faulty.settled()
        (outcome,) = await faulty.plain.store.outcomes("amber")
    assert isinstance(outcome.event, PageFailed)
    assert error["detail"].startswith(outcome.event.error.detail)
    assert len(outcome.event.encode()) < 20_000
