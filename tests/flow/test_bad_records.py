"""Malformed records become dead letters with their original bytes, and processing continues."""

import asyncio
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from tests.flow.conftest import Working
from tests.support.flow import Flow
from tests.support.replies import writer

from qdpi.bus.port import Message
from qdpi.events import Ask, DeadLetter, IndexUpdate, PageDone, PageFailed, PageRequest, Press, Stop, VaultChange

GARBAGE = [None, b"", b"\xff\xfe\x00", b"{", b"null", b"[]", b'{"session_id": "s"}', b'{"event_id": 1}', b"9" * 5_000]
GROUPS = {
    Press.topic: "qdpi.enricher",
    Ask.topic: "qdpi.enricher",
    PageRequest.topic: "qdpi.page_generator",
    IndexUpdate.topic: "qdpi.indexer",
    VaultChange.topic: "qdpi.recorder",
    Stop.topic: "qdpi.recorder",
    PageDone.topic: "qdpi.recorder",
    PageFailed.topic: "qdpi.recorder",
}


async def letters_after_garbage(
    flow: Flow, key: bytes | None, *headers: tuple[str, bytes]
) -> dict[str, list[DeadLetter]]:
    """Write garbage to all topics and press: return the dead letters of each topic once the press is answered."""
    for topic, value in product(GROUPS, GARBAGE):
        await flow.system.bus.publish(Message(topic, key, value, headers))
    outcome = await flow.press("s", "london-fox:XC", "S05-P0014")
    assert isinstance(outcome.event, PageDone)
    assert outcome.seq == 1
    return {topic: await letters_of(flow, topic) for topic in GROUPS}


async def letters_of(flow: Flow, topic: str) -> list[DeadLetter]:
    def is_of_topic(letter: DeadLetter) -> bool:
        return letter.source_topic == topic and letter.group == GROUPS[topic]

    return await flow.published.until(DeadLetter, is_of_topic, count=len(GARBAGE))


async def test_malformed_records_of_every_topic_are_dead_letters(tmp_path: Path, working: Working) -> None:
    """A malformed record is a dead letter with its bytes, and the next press is answered."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        letters = await letters_after_garbage(flow, b"s", ("x-odd", b"\xff"))
    expected = [(b"s", value, (("x-odd", b"\xff"),)) for value in GARBAGE]
    for topic, found in letters.items():
        assert [letter.original() for letter in found] == expected, topic
        assert {(letter.attempts, letter.error.code) for letter in found} == {(1, "malformed_event")}, topic


async def test_malformed_records_without_a_key_are_dead_letters(tmp_path: Path, working: Working) -> None:
    """Records without a key are dead letters too."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        letters = await letters_after_garbage(flow, None)
    for topic, found in letters.items():
        assert Counter(letter.original()[1] for letter in found) == Counter(GARBAGE), topic
        assert {letter.original()[0] for letter in found} == {None}, topic


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        (b'"symbol_code":16', b'"symbol_code":4711', "symbol_code"),
        (b'"schema_version":1', b'"schema_version":99', "schema_version"),
    ],
)
async def test_invalid_press_is_answered_as_failed(
    right: bytes, wrong: bytes, named: str, tmp_path: Path, working: Working
) -> None:
    """An invalid press with a valid journey and id is answered as failed."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        press = flow.press_event("s", "london-fox:XC", "S05-P0014")
        sent = press.encode().replace(right, wrong)
        assert sent != press.encode()
        await flow.system.bus.publish(Message(Press.topic, b"s", sent))
        outcome = await flow.outcome_of("s", press.event_id)
    assert isinstance(outcome.event, PageFailed)
    assert outcome.event.error.code == "malformed_event"
    assert named in outcome.event.error.detail
