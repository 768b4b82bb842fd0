"""The messages of a run are a function of its committed outcome."""

from __future__ import annotations

import json

import pytest
from tests.support import factories

from qdpi.events import Audit, IndexUpdate, PageDone, PageEvent, PageFailed, PageRequest, decode
from qdpi.ids import time_uuid
from qdpi.outcome import Outcome, audits_of, dead_letter_of, in_current_form, log_entry, page_events
from qdpi.services.projections.journeys import snapshot_of


def stored(outcome: Outcome) -> Outcome:
    """The outcome as it is read from the store."""
    return Outcome.model_validate_json(outcome.model_dump_json())


def stopped() -> Outcome:
    outcome = factories.outcome(fails=True)
    assert isinstance(outcome.event, PageFailed)
    fault = outcome.event.error.model_copy(update={"code": "stopped"})
    return outcome.model_copy(update={"event": outcome.event.model_copy(update={"error": fault})})


@pytest.mark.parametrize("outcome", [factories.outcome(), factories.outcome(fails=True)], ids=["done", "failed"])
def test_derived_messages_are_deterministic(outcome):
    """The same outcome gives the same messages, however often they are derived."""
    found = stored(outcome)
    assert found == outcome
    assert found.model_dump_json() == outcome.model_dump_json()
    for derive in (page_events, audits_of, dead_letter_of, snapshot_of):
        assert derive(found) == derive(outcome)
    assert log_entry(found.event) == log_entry(outcome.event)


def test_outcome_names_journey_run_seq_and_time():
    outcome = factories.outcome("reader", 3)
    assert (outcome.session_id, outcome.seq, outcome.at) == ("reader", 3, outcome.event.ts)
    assert outcome.request_id == outcome.request.request_id


def test_page_events_of_a_page():
    """A page is published as written and linked, and its indexing is requested."""
    outcome = factories.outcome("reader", 2)
    page = outcome.page
    assert page is not None
    written, index = page_events(outcome)
    assert isinstance(written, PageEvent)
    assert isinstance(index, IndexUpdate)
    assert (written.change, written.written, written.linked, written.indexed) == ("written", True, True, False)
    assert (written.page_id, written.section, written.symbol_code) == (page.page_id, page.section, page.symbol_code)
    assert index.page_id == page.page_id
    for event in (written, index):
        assert (event.ts, event.session_id, event.cause_id) == (outcome.at, "reader", outcome.event.event_id)


def test_run_ids_on_every_event():
    """Every event of a run carries its press, run, seq and attempt."""
    outcome = factories.outcome("reader", 2)
    events = [outcome.event, *page_events(outcome), *audits_of(outcome)]
    run = {(event.press_id, event.request_id, event.seq, event.attempt) for event in events}  # type: ignore[attr-defined]
    assert run == {(outcome.request.press_id, outcome.request_id, 2, 1)}
    assert len({event.event_id for event in events}) == len(events)


def test_page_events_of_a_failure_are_none():
    assert page_events(factories.outcome(fails=True)) == []


@pytest.mark.parametrize(("fails", "topic"), [(False, PageDone.topic), (True, PageFailed.topic)])
def test_audit_has_steps_outcome_and_calls(fails, topic):
    """The audit has each step of a run, its outcome and its model calls."""
    outcome = factories.outcome(fails=fails)
    receive, ended = audits_of(outcome)
    assert isinstance(ended, Audit)
    assert {(each.ts, each.cause_id) for each in (receive, ended)} == {(outcome.at, outcome.event.event_id)}
    assert (receive.step, receive.detail) == ("receive", {"milliseconds": 12.5})
    assert ended.step == topic
    assert ended.detail == {"model_calls": 1, "milliseconds": {"receive": 12.5}, "failures": []}


def test_dead_letter_of_a_failure_has_its_request():
    """A failed run has one dead letter, with its request as it would be published again."""
    outcome = factories.outcome(fails=True)
    letter = dead_letter_of(outcome)
    assert letter is not None
    key, value, headers = letter.original()
    assert key == b"reader"
    assert decode(PageRequest, value) == outcome.request
    assert dict(headers)["x-event-id"] == outcome.request.event_id.encode()
    assert (letter.source_topic, letter.group) == (PageRequest.topic, "qdpi.page_generator")
    assert isinstance(outcome.event, PageFailed)
    assert (letter.error, letter.attempts, letter.ts) == (outcome.event.error, outcome.event.attempt, outcome.at)
    assert (letter.press_id, letter.session_id) == (outcome.request.press_id, "reader")
    assert letter.event_id != factories.outcome(number=2, fails=True).event.event_id


def test_dead_letter_none_for_pages_and_stopped_runs():
    assert dead_letter_of(factories.outcome()) is None
    assert dead_letter_of(stopped()) is None


def test_log_entry_keyed_by_time_and_id():
    """A row of the log is keyed by the event's own time and id."""
    event = factories.outcome("reader", 5).event
    row = log_entry(event)
    assert (row.session_id, row.ts, row.event_id, row.type) == ("reader", event.ts, event.event_id, event.topic)
    assert row.time_uuid == time_uuid(event.ts, event.event_id)
    assert decode(PageDone, row.payload_json.encode()) == event
    assert json.loads(row.headers_json)["x-event-id"] == event.event_id


def test_public_outcome_of_a_page():
    """A direct run's response is the page, flat, with its policy and receipt and without its owner."""
    outcome = factories.outcome("reader", 1)
    answer = outcome.public()
    page = outcome.page
    assert page is not None
    assert {name: answer[name] for name in page.public()} == page.public()
    assert (answer["event_id"], answer["request_id"]) == (outcome.request.press_id, outcome.request_id)
    assert answer["policy"]["given"] == "T0"
    assert answer["receipt"]["receipt_id"] == page.receipt_id
    assert answer["edges"]["next_within"] == page.edges.next_within


def test_public_outcome_of_a_failure():
    answer = factories.outcome(fails=True).public()
    assert answer["error"]["code"] == "model_failed"
    assert answer["seq"] == 1
    assert "text" not in answer


def test_snapshot_is_the_state_after_the_outcome():
    """A snapshot is keyed by the seq of its outcome."""
    outcome = factories.outcome("reader", 4)
    snapshot = snapshot_of(outcome)
    assert (snapshot.session_id, snapshot.seq, snapshot.state) == ("reader", 4, outcome.state)
    assert (snapshot.last_event_ts, snapshot.cursor) == (outcome.at, outcome.event.event_id)


def of_an_earlier_version(outcome: Outcome) -> Outcome:
    """The outcome as a version without the words in events, pages and receipts has stored it."""
    stored = json.loads(outcome.model_dump_json())
    for part in ("event", "page", "receipt"):
        for name in ("user_intent", "wished", "milliseconds", "tokens"):
            if part != "receipt" or name == "user_intent":
                (stored[part] or {}).pop(name, None)
    return Outcome.model_validate_json(json.dumps(stored))


@pytest.mark.parametrize("fails", [False, True])
def test_outcome_of_an_earlier_version_is_read_and_its_receipt_has_the_words(fails):
    asked = factories.request(user_intent="who lit it?")
    outcome = factories.outcome(fails=fails).model_copy(update={"request": asked})
    read = of_an_earlier_version(outcome)
    assert (read.event.user_intent, read.receipt.user_intent) == ("", "")
    assert read.worded_receipt.user_intent == "who lit it?"


@pytest.mark.parametrize("fails", [False, True])
def test_row_of_an_earlier_version_has_the_current_form(fails):
    """Fields that an event has got since are added with their defaults, and nothing else changes."""
    event = factories.outcome(fails=fails).event
    older = {name: value for name, value in json.loads(event.model_dump_json()).items() if name != "user_intent"}
    row = log_entry(event).model_copy(update={"payload_json": json.dumps(older)})
    assert in_current_form(row) == log_entry(event)
    assert in_current_form(log_entry(event)) == log_entry(event)


@pytest.mark.parametrize("change", [{"payload_json": "{}"}, {"type": "gibsey.nothing"}])
def test_row_that_is_no_event_stays_as_it_is(change):
    row = factories.log_row(**change)
    assert in_current_form(row) == row
