"""The events on the wire: topics, keys, headers, and malformed bytes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.support import factories

import qdpi
from qdpi.api.requests import AskBody
from qdpi.errors import MalformedEvent, ModelTimeout
from qdpi.events import (
    ABOUT_HEADERS,
    TOPICS,
    Ask,
    Audit,
    DeadLetter,
    Event,
    Fault,
    IndexUpdate,
    PageDelta,
    PageDone,
    PageEvent,
    PageEventLayout,
    PageFailed,
    PageRequest,
    Phase,
    Press,
    PressInput,
    ReaderPlace,
    Stop,
    VaultChange,
    body_of,
    decode,
    fault_of,
    headers_of,
    key_of,
    reader_fields,
    topic_of,
)
from qdpi.ids import bitmap_of
from qdpi.page_schema import Check, Edges, PageStatus, PolicyVerdict, Validation
from qdpi.symbols import Trajectory

DAY = 24 * 3_600


def press(**changes: Any) -> Press:
    fields = {"event_id": "e", "ts": "2026-11-01T20:00:00Z", "session_id": "reader", "symbol_code": 0x2F}
    return Press.model_validate(fields | changes)


# Topics


def test_topics_match_the_design():
    """The topics are the design's, with their keys and retentions."""
    assert {name: (spec.key, spec.retention) for name, spec in TOPICS.items()} == {
        "gibsey.ui.symbol": ("session_id", 7 * DAY),
        "gibsey.ask": ("session_id", 7 * DAY),
        "gibsey.ui.stop": ("session_id", 3_600),
        "gibsey.generate.page.request": ("session_id", 7 * DAY),
        "gibsey.generate.page.delta": ("session_id", 600),
        "gibsey.generate.page.done": ("session_id", 7 * DAY),
        "gibsey.generate.page.failed": ("session_id", 7 * DAY),
        "gibsey.page.events": ("page_id", 7 * DAY),
        "gibsey.index.update": ("page_id", 7 * DAY),
        "gibsey.vault": ("session_id", 30 * DAY),
        "gibsey.reader.place": ("session_id", 3_650 * DAY),
        "gibsey.audit": ("session_id", 30 * DAY),
        "gibsey.dlq": ("original", 30 * DAY),
    }


def test_topics_compaction_and_record_sizes():
    """Page events and readers' places are compacted, and the dead letters' topic takes the largest records."""
    assert [name for name, spec in TOPICS.items() if spec.compact] == ["gibsey.page.events", "gibsey.reader.place"]
    dlq = TOPICS["gibsey.dlq"]
    assert all(dlq.max_bytes > spec.max_bytes for spec in TOPICS.values() if spec is not dlq)


def test_topics_durable_for_reader_input_only():
    """Topics with a reader's input are durable by themselves; those that can be derived again are not."""
    durable = {name for name, spec in TOPICS.items() if spec.durable}
    assert durable == {"gibsey.ui.symbol", "gibsey.ask", "gibsey.ui.stop", "gibsey.vault"}


def test_every_topic_is_named_by_its_model():
    assert all(spec.model.topic == name for name, spec in TOPICS.items())


# Page events' layouts


@pytest.mark.parametrize(
    ("page", "section", "by_section", "by_page"),
    [
        ("S01-P0007", 1, "gibsey.page.S01", "gibsey.page.S01.P0007.events"),
        ("S16-P0710", 16, "gibsey.page.S16", "gibsey.page.S16.P0710.events"),
        (
            "0d0b3c2e-0f0d-5d51-a57c-5f4d6f0f1f10",
            1,
            "gibsey.page.S01",
            "gibsey.page.S01.0d0b3c2e-0f0d-5d51-a57c-5f4d6f0f1f10.events",
        ),
    ],
)
def test_page_event_topic_follows_layout(page, section, by_section, by_page):
    event = PageEvent(
        event_id="e", ts=factories.at(0), session_id="reader", page_id=page, section=section, symbol_code=0,
        change="written",
    )  # fmt: skip
    topics = {layout.value: topic_of(event, layout) for layout in PageEventLayout}
    assert topics == {"keyed": "gibsey.page.events", "section": by_section, "page": by_page}
    assert topic_of(event) == "gibsey.page.events"
    assert key_of(event) == page.encode()


@pytest.mark.parametrize("layout", PageEventLayout)
def test_other_topics_ignore_layout(layout):
    index = IndexUpdate(event_id="e", ts=factories.at(0), session_id="reader", page_id="S01-P0001")
    assert topic_of(press(), layout) == "gibsey.ui.symbol"
    assert topic_of(index, layout) == "gibsey.index.update"
    assert (key_of(press()), key_of(index)) == (b"reader", b"S01-P0001")


# Headers


def test_headers_of_a_done_event_are_complete():
    """The headers have character, section, symbol, orientation, provenance, trajectory, id and trace."""
    asked = factories.request(symbol_code=0x2F, section=3, trajectory_hint=Trajectory.DRIFT)
    assert dict(headers_of(asked, "00-trace")) == {
        "x-event-id": asked.event_id.encode(),
        "x-character": b"glyph-marrow",
        "x-section": b"3",
        "x-symbol": b"47",
        "x-orientation": b"Z",
        "x-provenance": b"S",
        "x-trajectory": b"T3",
        "traceparent": b"00-trace",
    }


def test_header_trajectory_is_the_wish_before_the_hint():
    """The wish precedes the hint, and an unknown trajectory has no header."""
    asked = factories.request(trajectory=Trajectory.FORK, trajectory_hint=Trajectory.DRIFT)
    assert dict(headers_of(asked))["x-trajectory"] == b"T2"
    stop = Stop(event_id="e", ts=factories.at(0), session_id="reader", press_id="p")
    assert headers_of(stop) == (("x-event-id", b"e"),)


def test_headers_completed_from_the_subject():
    """Fields that an event lacks are taken from its page or request."""
    asked = factories.request(symbol_code=0x2F, section=3, trajectory_hint=Trajectory.DRIFT)
    index = IndexUpdate(event_id="e", ts=factories.at(0), session_id="reader", page_id="S01-P0001")
    headers = dict(headers_of(index, about=asked))
    assert set(headers) == {"x-event-id", *ABOUT_HEADERS}
    assert (headers["x-event-id"], headers["x-symbol"], headers["x-section"]) == (b"e", b"47", b"3")


def test_header_section_of_a_canon_locus():
    """The section of a canon locus is read from its id."""
    assert dict(headers_of(press(page_id="S08-P0381")))["x-section"] == b"8"
    assert "x-section" not in dict(headers_of(press(page_id=None)))


# Reading bytes


def test_press_with_null_page_and_intent():
    """Null is read as absent."""
    given = decode(Press, b'{"event_id":"e","ts":"2026-11-01T20:00:00Z","session_id":"s","symbol_code":0,'
                   b'"page_id":null,"user_intent":null}')  # fmt: skip
    assert (given.page_id, given.user_intent) == (None, "")


def test_reader_fields_are_the_declared_ones():
    asked = AskBody(session_id="reader", user_intent="why?")
    assert reader_fields(asked) == {"user_intent": "why?"}
    assert reader_fields(press(user_intent="on", trajectory="T2")) == {"user_intent": "on", "trajectory": "T2"}
    assert set(reader_fields(PageRequest.model_construct())) == set(PressInput.model_fields)


@pytest.mark.parametrize("package", ["bus", "gateway", "repair", "runtime", "services", "store"])
def test_reader_fields_are_not_named_between_api_and_program(package):
    """`reader_fields` carries them, so that a new field of a press needs no change there."""
    modules = sorted((Path(qdpi.__file__).parent / package).rglob("*.py"))
    assert modules
    assert [module.name for module in modules if "user_intent" in module.read_text()] == []


def test_ask_with_an_unknown_trajectory_has_no_wish():
    fields = {"event_id": "e", "ts": "2026-11-01T20:00:00Z", "session_id": "reader", "user_intent": "why?"}
    ask = Ask.model_validate({**fields, "trajectory": "T3"})
    assert (ask.words, ask.wish, reader_fields(ask)) == ("why?", None, {"user_intent": "why?"})


def test_unknown_fields_survive_a_round_trip():
    """Unknown fields are kept at every depth."""
    asked = factories.request()
    done = factories.done(factories.generated_page(asked), asked, seq=1)
    body = json.loads(done.encode()) | {"later": {"version": 2}}
    for part in ("edges", "validation", "policy"):
        body[part]["later"] = part
    again = json.loads(decode(PageDone, json.dumps(body).encode()).encode())
    assert again == body


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-01T20:00:00", datetime(2026, 11, 1, 20, tzinfo=UTC)),
        ("2026-11-01T20:00:00Z", datetime(2026, 11, 1, 20, tzinfo=UTC)),
        ("2026-11-01T20:00:00+02:00", datetime(2026, 11, 1, 18, tzinfo=UTC)),
        (1_793_563_200, datetime(2026, 11, 1, 20, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc(written, read):
    """A time without a zone is read as UTC."""
    event = decode(Press, json.dumps({**json.loads(press().encode()), "ts": written}).encode())
    assert (event.ts, event.ts.tzinfo) == (read, UTC)
    assert json.loads(event.encode())["ts"] == read.isoformat().replace("+00:00", "Z")


WHOLE = press().encode()


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (None, "tombstone"),
        (b"", "EOF"),
        (b"\xff\xfe\x00", "Invalid JSON"),
        (b'{"event_id": "\xc3("}', "Invalid JSON"),
        (WHOLE[:-1], "EOF"),
        (WHOLE[: len(WHOLE) // 2], "EOF"),
        (WHOLE + b"x", "trailing"),
        (b"[" * 100_000, "recursion"),
        (b"[]", "body: Input should be an object"),
        (b"null", "body: Input should be an object"),
        (b"{}", "event_id: Field required; ts: Field required"),
        (WHOLE.replace(b"47", b"256"), "symbol_code: Input should be less than or equal to 255"),
        (WHOLE.replace(b"47", b'"XC"'), "symbol_code: Input should be a valid integer"),
        (WHOLE.replace(b"47", b"1e999"), "symbol_code"),
        (WHOLE.replace(b'"reader"', b'"a/b"'), "session_id"),
        (WHOLE.replace(b'"reader"', rb'"\ud800"'), "Invalid JSON"),
        (WHOLE.replace(b'"page_id":null', b'"page_id":"../x"'), "page_id"),
        (WHOLE.replace(b'"trajectory":null', b'"trajectory":"T4"'), "trajectory"),
        (WHOLE.replace(b"2026-11-01T20:00:00Z", b"yesterday"), "ts: Input should be a valid datetime"),
        (WHOLE.replace(b"2026-11-01T20:00:00Z", b"0001-01-01T00:00:00+14:00"), "the years 1970 and 3000"),
        (WHOLE.replace(b"2026-11-01T20:00:00Z", b"9999-12-31T23:59:59-14:00"), "the years 1970 and 3000"),
        (WHOLE.replace(b"2026-11-01T20:00:00Z", b"1969-12-31T23:59:59Z"), "the years 1970 and 3000"),
        (WHOLE.replace(b"2026-11-01T20:00:00Z", b"3000-01-01T00:00:00Z"), "the years 1970 and 3000"),
        (WHOLE.replace(b'"user_intent":""', b'"user_intent":"%s"' % (b"a" * 4_001)), "at most 4000 characters"),
    ],
    ids=range(24),
)
def test_malformed_bytes_refused_with_the_cause(value, cause):
    with pytest.raises(MalformedEvent) as refusal:
        decode(Press, value)
    assert cause in str(refusal.value)
    assert "Press" in str(refusal.value)
    assert len(str(refusal.value)) < 1_500


@given(value=st.binary(max_size=60))
def test_any_bytes_decode_or_are_malformed(value):
    """Any bytes give an event or `MalformedEvent`."""
    with pytest.raises(MalformedEvent):
        decode(Press, value)


@given(at=st.integers(0, len(WHOLE)), bits=st.integers(1, 255))
def test_damaged_press_decodes_or_is_malformed(at, bits):
    damaged = bytearray(WHOLE + b" ")
    damaged[at] ^= bits
    try:
        event = decode(Press, bytes(damaged))
    except MalformedEvent:
        return
    assert decode(Press, event.encode()) == event


@pytest.mark.parametrize("value", [None, b"", b"[]", b"1", b"\xff", b"[" * 100_000, rb'{"a": "\ud800"}', b'{"a"'])
def test_body_of_non_objects_is_empty(value):
    assert body_of(value) == {}


def test_body_of_an_object_has_its_fields():
    assert body_of(b'{"session_id": "reader", "ts": 1e400, "deep": {"a": [1]}}')["session_id"] == "reader"


def test_intent_limit_counts_characters():
    """An intent of 4,000 characters is accepted, however many bytes it has."""
    assert len(decode(Ask, press(user_intent="é" * 4_000).encode()).user_intent) == 4_000
    with pytest.raises(ValidationError):
        press(user_intent="é" * 4_001)


def test_events_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        press().session_id = "another"


# Every model, through its bytes

plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ids = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=40)
slugs = st.from_regex(r"[A-Za-z0-9-]{1,64}", fullmatch=True)
fractions = st.floats(0, 1)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | plain, lambda v: st.lists(v, max_size=2), max_leaves=3
)
trajectories = st.sampled_from(Trajectory)
small = st.integers(0, 1_000)
symbols = st.integers(0, 255)
common: dict[str, Any] = {
    "event_id": ids,
    "ts": st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    "session_id": st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    "cause_id": st.none() | ids,
}
run: dict[str, Any] = {**common, "press_id": ids, "request_id": ids}
faults = st.builds(Fault, code=plain, detail=plain, next_step=plain)
checks = st.builds(Check, name=plain, passed=st.booleans(), reasons=st.tuples(plain), measures=st.just({"a": 0.1}))

MODELS: dict[type[Event] | type[DeadLetter], st.SearchStrategy[Any]] = {
    Press: st.builds(
        Press, **common, symbol_code=symbols, page_id=st.none() | slugs, user_intent=plain,
        trajectory=st.none() | trajectories, client_request_id=st.none() | plain, replays=st.none() | ids,
    ),
    Ask: st.builds(Ask, **common, user_intent=plain, page_id=st.none() | slugs),
    Stop: st.builds(Stop, **common, press_id=ids),
    PageRequest: st.builds(
        PageRequest, **run, symbol_code=st.none() | symbols, section=st.none() | small, page_id=st.none() | slugs,
        trajectory_hint=st.none() | trajectories, user_intent=plain, context_ids=st.lists(slugs, max_size=2).map(tuple),
        error=st.none() | faults,
    ),
    PageDelta: st.builds(
        PageDelta, **run, attempt=small, offset=small, text=plain, phase=st.sampled_from(Phase)
    ),
    PageDone: st.builds(
        PageDone, **run, seq=small, attempt=small, page_id=slugs, character=plain, character_id=plain,
        symbol_code=symbols, section=small, title=plain, trajectory=trajectories, locus=slugs, anchor=slugs,
        anchor_section=small, depth=small, branch_id=st.none() | slugs, return_to=slugs, text=plain,
        edges=st.builds(Edges, next_within=st.none() | slugs, forks=st.tuples(slugs)),
        validation=st.builds(Validation, passed=st.booleans(), continuity_score=fractions, checks=st.tuples(checks)),
        status=st.sampled_from(PageStatus), model=plain, receipt_id=ids, locus_terms=st.tuples(plain),
        policy=st.builds(PolicyVerdict, wished=st.none() | trajectories, given=trajectories, rule=plain, version=plain),
    ),
    PageFailed: st.builds(
        PageFailed, **run, seq=small, attempt=small, symbol_code=st.none() | symbols, locus=st.none() | slugs,
        error=faults,
    ),
    PageEvent: st.builds(
        PageEvent, **common, page_id=slugs, section=small, symbol_code=symbols, revision=small, seq=st.none() | small,
        change=st.sampled_from(["written", "linked", "indexed", "saved"]), written=st.booleans(),
    ),
    IndexUpdate: st.builds(IndexUpdate, **common, page_id=slugs, revision=small, press_id=st.none() | ids),
    VaultChange: st.builds(
        VaultChange, **common, page_id=slugs, action=st.sampled_from(["saved", "unsaved", "labelled"]), label=plain,
        notes=plain,
    ),
    ReaderPlace: st.builds(
        ReaderPlace, **common, page_id=slugs, seq=small, canon=st.sets(st.integers(1, 99)).map(bitmap_of),
        pages=st.sets(st.integers(1, 99)).map(bitmap_of),
    ),
    Audit: st.builds(Audit, **run, step=plain, detail=st.dictionaries(plain, values, max_size=3)),
    DeadLetter: st.builds(
        DeadLetter, event_id=ids, ts=common["ts"], group=plain, source_topic=plain, attempts=small, error=faults,
        key_base64=st.none() | st.just("AP8="), value_base64=st.none() | st.just("/w=="),
        headers_base64=st.just((("a", "AA=="), ("a", ""))),
    ),
}  # fmt: skip


def test_round_trip_covers_every_topic():
    assert set(MODELS) == {spec.model for spec in TOPICS.values()}


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
@given(data=st.data())
def test_every_event_survives_a_round_trip(model, data):
    event = data.draw(MODELS[model])
    assert decode(model, event.encode()) == event
    assert json.loads(event.encode())["schema_version"] == 1


def test_dead_letter_returns_the_original_bytes():
    letter = DeadLetter(
        event_id="e", ts=factories.at(0), group="g", source_topic="t", attempts=1,
        error=Fault(code="c", detail="d", next_step="n"), key_base64="AP8=", headers_base64=(("a", "/w=="), ("a", "")),
    )  # fmt: skip
    assert letter.original() == (b"\x00\xff", None, (("a", b"\xff"), ("a", b"")))


# What an event says of an error


def test_fault_of_known_and_unknown_errors():
    """The fault of a QDPI error has code, detail and next step; that of another exception only its type."""
    assert fault_of(ModelTimeout("It took 120 s."), str) == Fault(
        code="model_timeout", detail="It took 120 s.", next_step=ModelTimeout.default_next_step
    )
    unforeseen = fault_of(RuntimeError("a key: sk-secret"), str)
    assert (unforeseen.code, unforeseen.detail) == ("internal", "RuntimeError in this service.")
    assert "sk-secret" not in unforeseen.model_dump_json()


def test_headers_ignore_unknown_fields():
    body = {"event_id": "e", "ts": "2026-11-01T20:00:00Z", "session_id": "s", "symbol_code": 0}
    known, odd = (decode(Press, json.dumps(each).encode()) for each in (body, body | {"locus": 5, "section": "x"}))
    assert headers_of(odd) == headers_of(known)
