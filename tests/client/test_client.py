"""`qdpi.client` on a gateway: answers as the gateway's own models, refusals as its problem details."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.gateway import GatewayFixture, gateway_in

from qdpi.api.responses import ComponentHealth, WrittenPage
from qdpi.client import Client, GatewayUnreachable, Refused, UnreadableAnswer
from qdpi.client.http import KEPT_ANSWERS
from qdpi.events import Fault, PageDone, PageFailed
from qdpi.symbols import Trajectory


@asynccontextmanager
async def client_of(directory: Path, **options: Any) -> AsyncIterator[tuple[Client, GatewayFixture]]:
    async with (
        gateway_in(directory, **options) as gateway,
        Client("http://localhost", transport=httpx.ASGITransport(gateway.app, raise_app_exceptions=False)) as client,
    ):
        yield client, gateway


def answering(*responses: httpx.Response) -> Client:
    """Return a client that gets these answers, one a call."""
    waiting = iter(responses)
    return Client("http://gateway", transport=httpx.MockTransport(lambda request: next(waiting)))


async def test_session_presses_ask_and_stop(tmp_path: Path):
    """A session is issued, and a press repeated with its client_request_id is one press."""
    async with client_of(tmp_path) as (client, gateway):
        session = (await client.session()).session_id
        first = await client.press(session, "an-author:XC", page_id="S01-P0001", client_request_id="mine")
        again = await client.press(session, 0, page_id="S01-P0001", client_request_id="mine")
        asked = await client.ask(session, "Who is there?")
        assert first == again
        received = Counter([(await gateway.generator.presses.get()).event_id for _ in range(3)])
        assert received == {first.event_id: 2, asked.event_id: 1}  # asks have a topic of their own, so no order
        assert (await client.stop(session, first.event_id)).request_id == first.request_id
        assert (await client.journey(session)).head == 0


async def test_run_returns_page_policy_and_receipt(tmp_path: Path):
    async with client_of(tmp_path, answers=True) as (client, _):
        written = await client.run("0x10", session_id="alice")
        forked = await client.branch("S01-P0002", session_id="alice")
        assert isinstance(written, WrittenPage)
        assert written.seq == 1
        assert forked.seq == 2
        assert written.policy.given is Trajectory.CONTINUE
        assert (await client.receipt(written.page_id)).receipt_id == written.receipt.receipt_id
        assert (await client.page(written.page_id)).text == written.text


async def test_journey_events_are_typed(tmp_path: Path):
    async with client_of(tmp_path) as (client, gateway):
        await gateway.generator.answer("alice", "a")
        await gateway.generator.answer("alice", "b", fault=Fault(code="model_failed", detail="No.", next_step="Again."))
        journey = await client.journey("alice")
        assert [type(event) for event in journey.events] == [PageDone, PageFailed]
        assert (await client.journey("alice", at=1)).state.failures == 0
        assert [event.seq for event in (await client.journey("alice", after=1)).events] == [2]
        preview = await client.preview("alice", page_id="S01-P0001")
        assert len(preview.behaviours) == 16


async def test_unchanged_canon_is_cached(tmp_path: Path):
    """The book is sent again only if it changed."""
    async with client_of(tmp_path) as (client, _):
        first = await client.canon()
        assert await client.canon() is first
        assert len(first.ring) == 48
        symbols = await client.symbols()
        assert len(symbols) == 256
        assert await client.symbols() is symbols
        assert (await client.glyph("an-author:XC")).startswith("<svg")
        assert (await client.section(3)).section == 3


async def test_unchanged_pages_are_cached(tmp_path: Path):
    """A page of the book, and a batch of them, are sent again only if they changed; a journey's page always is."""
    async with client_of(tmp_path, answers=True) as (client, _):
        first = await client.page("S01-P0001")
        assert await client.page("S01-P0001") is first
        batch = await client.pages(["S01-P0001", "S01-P0002", "nothing"])
        assert await client.pages(["S01-P0001", "S01-P0002", "nothing"]) is batch
        assert (batch.pages[0], batch.missing) == (first, ("nothing",))
        assert len((await client.pages(["S01-P0002"])).pages) == 1
        written = await client.run("an-author:XC", session_id="alice")
        mine = await client.page(written.page_id, session_id="alice")
        again = await client.page(written.page_id, session_id="alice")
        assert again == mine
        assert again is not mine


async def test_answers_kept_are_bounded():
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if "if-none-match" in request.headers:
            return httpx.Response(304)
        return httpx.Response(200, json={"pages": [], "missing": []}, headers={"etag": 'W/"1"'})

    asked = list[httpx.Request]()
    async with Client("http://gateway", transport=httpx.MockTransport(answer)) as client:
        for number in [*range(KEPT_ANSWERS + 1), 0, KEPT_ANSWERS]:
            await client.pages([f"p{number}"])
    assert ["if-none-match" in request.headers for request in asked[-2:]] == [False, True]


async def test_health_has_its_components(tmp_path: Path):
    async with client_of(tmp_path) as (client, _):
        assert (await client.alive()).ok
        assert (await client.ready()).parts["store"] == ComponentHealth(ok=True)


async def test_refusal_has_value_cause_next_step_and_status(tmp_path: Path):
    async with client_of(tmp_path) as (client, _):
        with pytest.raises(Refused) as refused:
            await client.press("alice", "nobody:XC")
        assert refused.value.problem.code == "invalid_symbol"
        assert refused.value.problem.status == 422
        assert "nobody:XC" in refused.value.detail
        assert refused.value.next_step == refused.value.problem.next_step
        assert not refused.value.is_temporary


async def test_limit_has_retry_after(tmp_path: Path):
    async with client_of(tmp_path, max_waiting=1) as (client, _):
        await client.press("alice", 0)
        with pytest.raises(Refused) as refused:
            await client.press("alice", 0)
        assert refused.value.problem.status == 429
        assert refused.value.retry_after is not None
        assert refused.value.retry_after > 0
        assert refused.value.is_temporary


@pytest.mark.parametrize("name", ["S01-P0001/receipt", "../canon", "a b", "%2e%2e", "ä?x=1#y"])
async def test_id_is_escaped_in_the_path(tmp_path: Path, name: str):
    async with client_of(tmp_path) as (client, _):
        with pytest.raises(Refused) as refused:
            await client.page(name)
        assert refused.value.problem.status == 404


async def test_unreachable_gateway():
    async with Client("http://127.0.0.1:1") as client:
        with pytest.raises(GatewayUnreachable, match=r"http://127\.0\.0\.1:1 does not answer"):
            await client.ready()


async def test_address_without_a_scheme_is_refused():
    async with Client("127.0.0.1:8000") as client:
        with pytest.raises(GatewayUnreachable, match="http://"):
            await client.ready()


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, text="<html>It works!</html>"),
        httpx.Response(200, json={"ready": "perhaps"}),
        httpx.Response(502, text="Bad gateway"),
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(500, json={}, headers={"content-type": "application/problem+json"}),
        httpx.Response(301, headers={"location": "http://elsewhere/"}),
    ],
    ids=["html", "other json", "proxy", "other service", "empty problem", "redirect"],
)
async def test_answer_of_another_server_is_unreadable(response: httpx.Response):
    async with answering(response) as client:
        with pytest.raises(UnreadableAnswer, match="http://gateway/readyz"):
            await client.ready()


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="alice.jsonl"', "alice.jsonl"),
        ('attachment; filename="../../.ssh/authorized_keys"', "journey"),
        ("attachment", "journey"),
    ],
)
async def test_export_file_name_has_no_folder(header: str, name: str):
    async with (
        answering(httpx.Response(200, content=b"piece", headers={"content-disposition": header})) as client,
        client.export("alice") as file,
    ):
        assert file.name == name
        assert b"".join([piece async for piece in file.pieces]) == b"piece"


@pytest.mark.process
def test_client_imports_no_server():
    code = (
        "import sys, qdpi.client; "
        "print(sorted({'fastapi', 'starlette', 'uvicorn', 'dspy', 'numpy', 'textual'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
