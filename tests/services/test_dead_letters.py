from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import factories
from tests.support.flow import working
from tests.support.scripted import ScriptedModel

from qdpi.bus.middleware.dead_letter import letter_of
from qdpi.bus.port import Partition, Record
from qdpi.bus.publisher import message_of
from qdpi.errors import InvalidInput, MalformedEvent, ModelEmpty, UnknownPage
from qdpi.events import Ask, DeadLetter, PageDone, PageFailed, PageRequest, Press, decode, fault_of
from qdpi.ids import press_id
from qdpi.journey import JourneyState
from qdpi.outcome import dead_letter_of
from qdpi.program.draft import Draft
from qdpi.program.result import fail
from qdpi.services.dead_letters import message_for, pressed_again, request_of
from qdpi.symbols import Trajectory

PAGE = "She went on up the stair, and the lamp went with her. " * 12


def letter_for(request: PageRequest) -> DeadLetter:
    letter = dead_letter_of(
        fail(request, JourneyState(), fault_of(ModelEmpty("It wrote nothing."), str), factories.at(5), Draft())
    )
    assert letter is not None
    return letter


def stray_letter(value: bytes, group: str = "qdpi.indexer", topic: str = "gibsey.index.update") -> DeadLetter:
    record = Record(Partition(topic, 0), 7, b"key", value, (("x-event-id", b"e7"),), factories.at(3))
    return letter_of(record, fault_of(MalformedEvent("It is no event."), str), 1, group=group, at=factories.at(4))


def test_failed_run_is_pressed_again():
    """A failed run is pressed again with the words, symbol and wish of its request."""
    request = factories.request(symbol_code=0x2D, user_intent="the lamp", trajectory=Trajectory.FORK)
    letter = letter_for(request)

    press = pressed_again(letter, request, factories.at(60))

    assert isinstance(press, Press)
    assert (press.symbol_code, press.page_id) == (0x2D, request.page_id)
    assert (press.user_intent, press.trajectory) == ("the lamp", Trajectory.FORK)
    assert press.session_id == request.session_id
    assert press.replays == request.press_id
    assert press.cause_id == letter.event_id
    assert press.event_id == press_id(request.session_id, "replay", letter.event_id)


def test_replay_id_does_not_depend_on_time():
    """Replaying the same letter later is the same event."""
    request = factories.request()
    letter = letter_for(request)

    assert (
        pressed_again(letter, request, factories.at(60)).event_id
        == pressed_again(letter, request, factories.at(600)).event_id
    )


def test_replay_is_not_earlier_than_its_letter():
    request = factories.request()
    letter = letter_for(request)

    assert pressed_again(letter, request, factories.at(-60)).ts == letter.ts


def test_refused_request_is_replayed_from_its_press():
    press = Press(
        event_id="p1",
        ts=factories.at(0),
        session_id="reader",
        symbol_code=7,
        page_id="S01-P0099",
        client_request_id="c",
    )
    refused = factories.request(
        press_id="p1", symbol_code=None, page_id="S01-P0099", error=fault_of(UnknownPage("It is gone."), str)
    )

    again = pressed_again(letter_for(refused), refused, factories.at(60), press)

    assert isinstance(again, Press)
    assert (again.symbol_code, again.page_id, again.replays) == (7, "S01-P0099", "p1")
    assert again.client_request_id is None


def test_ask_without_locus_is_asked_again():
    ask = Ask(event_id="a1", ts=factories.at(0), session_id="reader", user_intent="who lit it?")
    request = factories.request(press_id="a1", symbol_code=None, page_id=None, user_intent="who lit it?")

    again = pressed_again(letter_for(request), request, factories.at(60), ask)

    assert isinstance(again, Ask)
    assert (again.user_intent, again.page_id, again.replays) == ("who lit it?", None, "a1")


def test_unknown_press_is_not_replayed():
    """A press that neither the request nor the bus has cannot be replayed."""
    request = factories.request(symbol_code=None)

    with pytest.raises(InvalidInput, match="press again"):
        pressed_again(letter_for(request), request, factories.at(60))


@pytest.mark.parametrize("value", [b"{}", b"\xff\xfe", b"", b'{"truncated": '])
def test_other_record_is_sent_again(value: bytes):
    """The record of another consumer is sent again unchanged."""
    letter = stray_letter(value)

    assert request_of(letter) is None
    assert message_for(letter, factories.at(60)) == (
        "gibsey.index.update",
        b"key",
        value,
        (("x-event-id", b"e7"),),
    )


def test_cut_record_is_not_sent_again():
    """A record that was cut in its dead letter is not sent again."""
    letter = stray_letter(b"{}").model_copy(update={"cut_bytes": 1_000})

    with pytest.raises(InvalidInput, match="lacks the last 1,000 bytes"):
        message_for(letter, factories.at(60))


def test_malformed_request_is_sent_again():
    """A malformed request is sent again unchanged."""
    letter = stray_letter(b"no request", "qdpi.page_generator", PageRequest.topic)

    message = message_for(letter, factories.at(60))

    assert (message.topic, message.value) == (PageRequest.topic, b"no request")


async def test_replayed_run_is_answered_once(tmp_path: Path):
    """A replayed run is answered once, as the last outcome of its journey."""
    replies = iter([ModelEmpty("It wrote nothing.")])
    model = ScriptedModel(lambda prompt: next(replies, PAGE))
    async with working(tmp_path, model, model_retries=0) as flow:
        failed = await flow.press("alice", "an-author:XC", "S01-P0001")
        between = await flow.press("alice", "an-author:XC", "S01-P0002")
        (letter,) = await flow.published.until(DeadLetter)
        message = message_for(letter, flow.system.now())
        replay = decode(Press, message.value)
        for _ in range(2):
            await flow.system.bus.publish(message)
        again = await flow.outcome_of("alice", replay.event_id)
        await flow.all_read_by("enricher")
        await flow.all_read_by("page_generator")
        outcomes = await flow.system.store.outcomes("alice")

    assert isinstance(failed.event, PageFailed)
    assert isinstance(between.event, PageDone)
    assert isinstance(again.event, PageDone)
    assert again.event.locus == "S01-P0001"
    assert [outcome.event.press_id for outcome in outcomes] == [
        failed.event.press_id,
        between.event.press_id,
        replay.event_id,
    ]


def test_replay_has_topic_and_key_of_a_press():
    request = factories.request()
    letter = letter_for(request)

    message = message_for(letter, factories.at(60))

    assert message == message_of(pressed_again(letter, request, factories.at(60)))
    assert (message.topic, message.key) == (Press.topic, b"reader")
