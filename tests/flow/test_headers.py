"""The headers of all messages of a run."""

import asyncio
from pathlib import Path

from tests.flow.conftest import Working
from tests.support.replies import writer

from qdpi.errors import ModelFailed
from qdpi.events import (
    ABOUT_HEADERS,
    Audit,
    DeadLetter,
    IndexUpdate,
    PageDelta,
    PageDone,
    PageEvent,
    PageFailed,
    PageRequest,
    Press,
)

_DERIVED = {PageRequest.topic, PageDelta.topic, PageDone.topic, PageEvent.topic, IndexUpdate.topic, Audit.topic}


async def test_headers_of_every_event_of_a_run(tmp_path: Path, working: Working) -> None:
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        outcome = await flow.press("s", "princhetta:AP", "S05-P0014")
        assert isinstance(outcome.event, PageDone)
        await flow.indexed(outcome.event.page_id)
        records = [record for record in flow.published.records if record.topic in _DERIVED]
    assert {record.topic for record in records} == _DERIVED
    for record in records:
        missing = [n for n in ("x-event-id", "traceparent", *ABOUT_HEADERS) if record.header(n) is None]
        assert missing == [], record.topic
        assert record.header("x-symbol") == str(outcome.event.symbol_code)


async def test_headers_of_a_failure_and_its_dead_letter(tmp_path: Path, working: Working) -> None:
    def refusing(prompt: str) -> str:
        raise ModelFailed("It does not write.")

    async with asyncio.timeout(60), working(tmp_path, writer(refusing), model_retries=0) as flow:
        await flow.press("s", "princhetta:AP", "S05-P0014")
        await flow.published.until(Audit)
        letters = [record async for record in flow.system.bus.scan(DeadLetter.topic)]
        (failed,) = [record for record in flow.published.records if record.topic == PageFailed.topic]
        (pressed,) = [record for record in flow.published.records if record.topic == Press.topic]
    (letter,) = letters
    result = {name: failed.header(name) for name in ABOUT_HEADERS}
    assert None not in result.values()
    assert {name: letter.header(name) for name in ABOUT_HEADERS} == result
    assert letter.header("traceparent")
    assert pressed.header("x-section") == result["x-section"] == "5"
