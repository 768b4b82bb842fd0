"""Interoperability: kcat reads our records, and the presses that it publishes are answered."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.support.flow import Flow, working

from qdpi.events import PageDone, PageEvent, PageRequest, Press
from qdpi.symbols import parse_symbol
from qdpi.system import utc_now

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")]


@pytest.fixture
def environment(kafka_environment: dict[str, str]) -> dict[str, str]:
    return {**kafka_environment, "KAFKA_PREFIX": f"witness-{uuid4().hex[:8]}-", "KAFKA_PARTITIONS": "3"}


async def kcat(environment: dict[str, str], *words: str, given: bytes = b"") -> bytes:
    """Run kcat on our brokers and return its output."""
    process = await asyncio.create_subprocess_exec(
        *("kcat", "-b", environment["KAFKA_BROKERS"], *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(given), 60)
    assert process.returncode == 0
    return said


async def records(environment: dict[str, str], topic: str) -> list[dict[str, Any]]:
    """Return the records that kcat reads from one of our topics."""
    said = await kcat(environment, "-C", "-t", environment["KAFKA_PREFIX"] + topic, "-e", "-q", "-J")
    return [json.loads(line) for line in said.splitlines()]


async def answered(flow: Flow, session: str) -> PageDone:
    (done,) = await flow.published.until(PageDone, lambda event: event.session_id == session)
    return done


async def test_kcat_reads_keys_headers_and_json(tmp_path: Path, environment: dict[str, str]):
    async with asyncio.timeout(120), working(tmp_path, environment=environment) as flow:
        outcome = await flow.press("reader", "princhetta:AP", "S05-P0014")
        await flow.all_read_by("indexer")
        (request,) = await records(environment, PageRequest.topic)
        (done,) = await records(environment, PageDone.topic)
        result = await records(environment, PageEvent.topic)

    assert request["key"] == done["key"] == "reader"
    assert json.loads(done["payload"])["page_id"] == outcome.event.model_dump()["page_id"]
    headers = dict(zip(done["headers"][::2], done["headers"][1::2], strict=True))
    assert headers["x-character"] == "princhetta"
    assert (headers["x-symbol"], headers["x-orientation"], headers["x-provenance"]) == ("121", "A", "P")
    assert headers["x-event-id"] == outcome.event.event_id
    assert {record["key"] for record in result} == {outcome.page.page_id if outcome.page else None}


async def test_press_from_kcat_is_answered(tmp_path: Path, environment: dict[str, str]):
    async with asyncio.timeout(120), working(tmp_path, environment=environment) as flow:
        press = Press(
            event_id=str(uuid4()), ts=utc_now(), session_id="stranger", symbol_code=parse_symbol("an-author:XC")
        )
        line = b"stranger|" + press.model_dump_json().encode()
        await kcat(environment, "-P", "-t", environment["KAFKA_PREFIX"] + Press.topic, "-K", "|", given=line)
        done = await answered(flow, "stranger")

    assert (done.press_id, done.seq) == (press.event_id, 1)


async def test_press_with_unknown_fields_is_answered(tmp_path: Path, environment: dict[str, str]):
    """A press without headers and with unknown fields is answered."""
    async with asyncio.timeout(120), working(tmp_path, environment=environment) as flow:
        body = {"event_id": str(uuid4()), "ts": utc_now().isoformat(), "session_id": "stranger", "symbol_code": 255}
        line = b"stranger|" + json.dumps({**body, "mood": "sly"}).encode()
        await kcat(environment, "-P", "-t", environment["KAFKA_PREFIX"] + Press.topic, "-K", "|", given=line)
        done = await answered(flow, "stranger")

    assert done.symbol_code == 255


async def test_press_with_a_broken_header_is_answered(tmp_path: Path, environment: dict[str, str]):
    """A press with a header whose name is not text is answered, and so is the next one."""
    async with asyncio.timeout(120), working(tmp_path, environment=environment) as flow:
        press = Press(event_id=str(uuid4()), ts=utc_now(), session_id="stranger", symbol_code=0)
        topic, name = environment["KAFKA_PREFIX"] + Press.topic, os.fsdecode(b"\xff\xfe=1")
        await kcat(environment, "-P", "-t", topic, "-k", "stranger", "-H", name, given=press.encode())
        done = await answered(flow, "stranger")
        following = await flow.press("stranger", "an-author:XC")

    assert (done.press_id, done.seq, following.seq) == (press.event_id, 1, 2)
