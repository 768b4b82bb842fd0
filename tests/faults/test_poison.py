"""Bytes that are no event: they cost a dead letter, or one failed outcome in its turn, and nobody else anything."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.faults.checker import violations
from tests.faults.conftest import NewHouse
from tests.faults.faulty_system import Trouble, troubled

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
"""What makes a press that names its journey one to be refused."""


async def publish(trouble: Trouble, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
    await trouble.clear.bus.publish(Message(topic, key, value, headers))


async def letters(trouble: Trouble) -> list[DeadLetter]:
    found = [decode(DeadLetter, record.value) async for record in trouble.clear.bus.scan(DeadLetter.topic)]
    return list({letter.event_id: letter for letter in found}.values())


@pytest.mark.parametrize("topic", CONSUMERS)
async def test_unreadable_records_are_dead_letters(topic: str, new_house: NewHouse):
    async with troubled(new_house()) as trouble:
        for key, value, headers in UNREADABLE.values():
            await trouble.press("amber", "an-author:XC")
            await publish(trouble, topic, key, value, headers)
        await trouble.press("amber", "an-author:XC")
        await trouble.settled()
        history, found = await trouble.history(), await letters(trouble)
    assert violations(history) == []
    assert all(isinstance(outcome.event, PageDone) for outcome in history.outcomes["amber"])
    sent = {(letter.group, letter.original()) for letter in found if letter.source_topic == topic}
    assert sent == {(group, record) for group in CONSUMERS[topic] for record in UNREADABLE.values()}
    assert len(found) == len(CONSUMERS[topic]) * len(UNREADABLE)


async def test_refused_press_fails_in_order(new_house: NewHouse):
    """A press to be refused is answered as failed in its turn."""
    async with troubled(new_house()) as trouble:
        for name, change in REFUSED.items():
            await trouble.press("amber", "an-author:XC")
            body = GOOD | {"event_id": f"with {name}"} | change
            trouble.presses["amber"].append(body["event_id"])
            await publish(trouble, Press.topic, b"amber", json.dumps(body).encode(), ())
        await trouble.press("amber", "an-author:XC")
        await trouble.settled()
        history = await trouble.history()
    assert violations(history) == []
    answers = {outcome.event.press_id: outcome.event for outcome in history.outcomes["amber"]}
    refused = [event for event in answers.values() if isinstance(event, PageFailed)]
    assert [event.press_id for event in refused] == [f"with {name}" for name in REFUSED]
    assert {event.error.code for event in refused} == {"malformed_event"}


@pytest.mark.parametrize("key", [None, b"birch", b"\xff\xfe"], ids=["no key", "another's key", "a key that is no text"])
async def test_press_under_a_wrong_key(key: bytes | None, new_house: NewHouse):
    """A good press under a wrong key and without headers is answered in its own journey."""
    body = GOOD | {"event_id": "unkeyed", "ts": utc_now().isoformat()}
    async with troubled(new_house()) as trouble:
        trouble.presses["amber"] = ["unkeyed"]
        await publish(trouble, Press.topic, key, json.dumps(body).encode(), ())
        await trouble.press("birch", "an-author:XC")
        await trouble.settled()
        history, found = await trouble.history(), await letters(trouble)
    assert violations(history) == []
    assert found == []


async def test_index_update_of_an_unknown_page_is_a_dead_letter(new_house: NewHouse):
    """An update of a page that is nowhere is a dead letter after its tries."""
    update = IndexUpdate(event_id="u", ts=utc_now(), session_id="amber", page_id="nowhere")
    async with troubled(new_house()) as trouble:
        await trouble.clear.publisher.publish(update)
        await trouble.press("amber", "an-author:XC")
        await trouble.settled()
        history, (letter,) = await trouble.history(), await letters(trouble)
    assert violations(history) == []
    assert (letter.group, letter.error.code, letter.original()[1]) == (INDEXER, "unknown_page", update.encode())
    assert base64.b64decode(letter.key_base64 or "") == b"nowhere"


async def test_malformed_request_is_a_dead_letter(new_house: NewHouse):
    """A request that a stranger malformed is a dead letter and its journey goes on."""
    body = {"session_id": "amber", "event_id": "r", "press_id": "p", "request_id": "r", "symbol_code": 999}
    async with troubled(new_house()) as trouble:
        await trouble.press("amber", "an-author:XC")
        await publish(trouble, PageRequest.topic, b"amber", json.dumps(body).encode(), ())
        await trouble.press("amber", "an-author:XC")
        await trouble.settled()
        history, found = await trouble.history(), await letters(trouble)
    assert violations(history) == []
    assert {(letter.group, letter.error.code) for letter in found} == {
        (GENERATOR, "malformed_event"),
        (RECORDER, "malformed_event"),
    }


async def test_unknown_fields_of_a_press_are_harmless(new_house: NewHouse):
    body = GOOD | {
        "event_id": "odd",
        "ts": utc_now().isoformat(),
        "locus": 5,
        "section": {"deep": []},
        "trajectory_hint": 7,
    }
    async with troubled(new_house()) as trouble:
        trouble.presses["amber"] = ["odd"]
        await publish(trouble, Press.topic, b"amber", json.dumps(body).encode(), ())
        await trouble.settled()
        history, found = await trouble.history(), await letters(trouble)
    assert violations(history) == []
    assert [type(outcome.event) for outcome in history.outcomes["amber"]] == [PageDone]
    assert found == []


async def test_request_with_an_endless_error_is_cut(new_house: NewHouse):
    """A request that a stranger made with an endless error is answered with its beginning."""
    error = {"code": "any", "detail": "why " * 250_000, "next_step": "none", "beside": "x" * 10_000}
    request = PageRequest(
        event_id="r", ts=utc_now(), session_id="amber", press_id="p", request_id="r", error=Fault(**error)
    )
    async with troubled(new_house()) as trouble:
        await trouble.clear.publisher.publish(request)
        await trouble.press("birch", "an-author:XC")
        await trouble.settled()
        (outcome,) = await trouble.clear.store.outcomes("amber")
    assert isinstance(outcome.event, PageFailed)
    assert error["detail"].startswith(outcome.event.error.detail)
    assert len(outcome.event.encode()) < 20_000
