"""From a press to all its effects, topic by topic and table by table."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.flow.conftest import Working
from tests.support.replies import writer

from qdpi.bus.publisher import message_of
from qdpi.events import (
    Audit,
    IndexUpdate,
    PageDelta,
    PageDone,
    PageEvent,
    PageEventLayout,
    PageRequest,
    Press,
    decode,
    headers_of,
)
from qdpi.ids import page_id, request_id
from qdpi.outcome import log_entry
from qdpi.program.saved import Origin, SavedProgram, read_program
from qdpi.search.analysis import EXTRACTOR_VERSION, read_text
from qdpi.symbols import CHARACTER_MAP


async def test_press_leads_to_request_page_and_projections(tmp_path: Path, working: Working) -> None:
    """A press leads to a request, a page, and all projections."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        store = flow.system.store
        press = flow.press_event("s", "princhetta:AP", "S05-P0014", words="who crosses here?")
        await flow.send(press)
        outcome = await flow.outcome_of("s", press.event_id)
        (request,) = flow.published.all(PageRequest)
        assert (request.press_id, request.cause_id) == (press.event_id, press.event_id)
        assert request.request_id == request_id(press.event_id)
        assert (request.char_hex, request.behavior, request.section) == (7, 9, 5)
        assert request.context_ids == ("S04-P0013", "S04-P0012")
        assert (request.trajectory_hint, request.canon_revision) == ("T2", 1)
        assert request.user_intent == "who crosses here?"

        done = outcome.event
        assert isinstance(done, PageDone)
        assert done.cause_id == request.event_id
        assert (done.press_id, done.request_id, done.seq) == (press.event_id, request.request_id, 1)
        assert done.page_id == page_id(request.request_id)
        assert press.ts <= request.ts <= done.ts

        page, receipt = outcome.page, outcome.receipt
        assert page is not None
        assert {each.user_intent for each in (done, page, receipt)} == {"who crosses here?"}
        assert (done.milliseconds, done.tokens) == (receipt.duration, receipt.tokens_used)
        assert await store.page(page.page_id) == page
        assert (await store.edges(page.page_id), await store.signals(page.page_id)) == (page.edges, page.signals)
        key = (page.page_id, 1)
        kept = (await store.readings([key], EXTRACTOR_VERSION))[key]
        assert kept.reading == read_text(page.text).as_dict()

        snapshot = await store.snapshot("s")
        assert snapshot is not None
        assert (snapshot.seq, snapshot.state, snapshot.cursor) == (1, outcome.state, done.event_id)
        statistics = await store.section_statistics(5)
        assert (statistics.open_branches, statistics.return_debt) == (1, 1)

        indexed = await flow.indexed(page.page_id)
        assert (indexed.written, indexed.linked, indexed.indexed, indexed.saved) == (True, True, True, False)
        assert (indexed.press_id, indexed.request_id, indexed.seq) == (press.event_id, request.request_id, 1)
        assert (await store.embeddings([page.page_id]))[page.page_id].revision == 1
        assert page.page_id in {row.page_id for row in await store.index(CHARACTER_MAP[7], page.section)}

        (audit,) = await flow.published.until(Audit, lambda audit: audit.step == done.topic)
        assert (audit.seq, audit.detail["model_calls"]) == (1, 2)
        steps = {each.step: each.detail for each in flow.published.all(Audit) if each != audit}
        assert steps == {step: {"milliseconds": time} for step, time in outcome.receipt.milliseconds.items()}
        assert steps
        (update,) = flow.published.all(IndexUpdate)
        assert (update.page_id, update.press_id) == (page.page_id, press.event_id)
        written, *_ = flow.published.all(PageEvent)
        assert (written.change, written.written, written.linked, written.indexed) == ("written", True, True, False)

        await flow.all_read_by("recorder")
        rows = {row.event_id: row for row in await store.log("s")}
        assert [rows[event.event_id] for event in (press, request, done)] == [
            log_entry(event) for event in (press, request, done)
        ]


async def test_delta_offsets_join_the_text(tmp_path: Path, working: Working) -> None:
    """The deltas join into the text by their offsets."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        outcome = await flow.press("s", "princhetta:AP", "S05-P0014")
        deltas = flow.published.all(PageDelta)
    text = ""
    for delta in deltas:
        assert (delta.request_id, delta.attempt, delta.offset) == (outcome.request_id, 1, len(text))
        text += delta.text
    assert outcome.page is not None
    assert text == outcome.page.text
    phases = list(dict.fromkeys(delta.phase.value for delta in deltas))
    assert [phase for phase in ("planning", "writing", "checking", "binding") if phase in phases] == phases
    assert phases[-1] == "binding"


async def test_messages_have_keys_and_headers(tmp_path: Path, working: Working) -> None:
    """Every message has its key and headers."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        outcome = await flow.press("s", "princhetta:AP", "S05-P0014")
        done = outcome.event
        assert isinstance(done, PageDone)
        await flow.indexed(done.page_id)
        records = list(flow.published.records)
    for record in records:
        by_page = record.topic in {PageEvent.topic, IndexUpdate.topic}
        assert record.key == (done.page_id if by_page else "s").encode()
        assert record.header("x-event-id")
    (record,) = [record for record in records if record.topic == PageDone.topic]
    names = {name: value.decode() for name, value in headers_of(done)}
    assert names == {
        "x-event-id": done.event_id,
        "x-section": "8",
        "x-character": "princhetta",
        "x-symbol": str(done.symbol_code),
        "x-orientation": "A",
        "x-provenance": "P",
        "x-trajectory": "T2",
    }
    assert {name: record.header(name) for name in names} == names
    assert record.header("traceparent")


async def test_published_outcome_is_the_committed_one(tmp_path: Path, working: Working) -> None:
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        outcome = await flow.press("s", "princhetta:AP", "S05-P0014")
        assert flow.published.all(PageDone) == [outcome.event]


async def test_repeated_press_has_one_outcome(tmp_path: Path, working: Working) -> None:
    model = writer()
    async with asyncio.timeout(60), working(tmp_path, model) as flow:
        press = flow.press_event("s", "london-fox:XC", "S05-P0014")
        for _ in range(3):
            await flow.send(press)
        result = await flow.published.until(PageDone, count=3)
        assert result[0] == result[1] == result[2]
        assert len(model.prompts) == 1
        assert len(await flow.system.store.outcomes("s")) == 1
        assert flow.system.metrics.adopted._value.get() == 2


@pytest.mark.parametrize("layout", PageEventLayout)
async def test_page_events_follow_their_layout(layout: PageEventLayout, tmp_path: Path, working: Working) -> None:
    """Page events are published to the topic of their layout."""
    async with asyncio.timeout(60), working(tmp_path, writer(), page_events=layout) as flow:
        outcome = await flow.press("s", "princhetta:AP", "S05-P0014")
        assert outcome.page is not None
        await flow.published.until(IndexUpdate)
        await flow.all_read_by("indexer")
        topic = {
            PageEventLayout.KEYED: "gibsey.page.events",
            PageEventLayout.SECTION: "gibsey.page.S08",
            PageEventLayout.PAGE: f"gibsey.page.S08.{outcome.page.page_id}.events",
        }[layout]
        changes = [decode(PageEvent, record.value).change async for record in flow.system.bus.scan(topic)]
        assert changes == ["written", "indexed"]


async def test_unknown_fields_of_a_press_are_kept(tmp_path: Path, working: Working) -> None:
    """The unknown fields of a press, as of a later version, are kept."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        press = Press.model_validate({**flow.press_event("s", "london-fox:XC").model_dump(), "mood": "blue"})
        assert b'"mood":"blue"' in (message_of(press).value or b"")
        await flow.send(press)
        await flow.outcome_of("s", press.event_id)
        await flow.all_read_by("recorder")
        logged = [row for row in await flow.system.store.log("s") if row.event_id == press.event_id]
        assert '"mood":"blue"' in logged[0].payload_json


async def test_readings_of_loci_are_reused(tmp_path: Path, working: Working) -> None:
    """The readings of loci are stored and reused."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        for _ in range(4):
            outcome = await flow.press("s", "london-fox:XC")
            assert outcome.receipt.locus_reading == "kept"
        samples = {
            sample.labels["how"]: sample.value
            for metric in flow.system.metrics.readings.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
        assert samples == {"kept": 4.0}


async def test_receipt_is_complete(tmp_path: Path, working: Working) -> None:
    """A receipt has model, program, profile, attempts, calls, sources, plan, validation, policy and times."""
    taught = tmp_path / "taught.json"
    taught.write_text(json.dumps(SavedProgram(origin=Origin(optimizer="gepa")).as_json()), encoding="utf-8")
    async with asyncio.timeout(60), working(tmp_path, writer(), program=taught) as flow:
        receipt = (await flow.press("s", "princhetta:AP", "S05-P0014")).receipt
    assert receipt.program == read_program(taught).file
    assert (receipt.model, receipt.profile, receipt.canon_revision) == ("scripted", "AP", 1)
    assert receipt.attempts == 1
    assert receipt.failures == ()
    assert [call.phase for call in receipt.calls] == ["ask", "receive"]
    assert {source.kind for source in receipt.sources} == {"parallel", "ring"}
    assert receipt.plan["beats"]
    assert receipt.validation is not None
    assert receipt.policy is not None
    assert set(receipt.milliseconds) == {"prepare", "ask", "receive", "check", "bind"}
    assert all(version for version in (receipt.program_version, receipt.policy_version, receipt.extractor_version))
