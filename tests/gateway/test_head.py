"""HEAD works wherever GET does, with the status and headers of the GET and without a body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs
from tests.gateway.test_presses import assert_problem
from tests.support.gateway import GatewayFixture, gateway_in, served, system_in

from qdpi.gateway.middleware import Head
from qdpi.gateway.problems import allow
from qdpi.gateway.web_files import PREFIX, shipped_files

GENERATED = "the first page of the journey"
PATHS = [
    "/", "/p/S01-P0001", "/p/S99-P9999", "/s/2", "/ring", "/vault", "/find?q=page", "/at/3", "/about",
    "/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json",
    f"{PREFIX}{shipped_files().version}/style/tokens.css", f"{PREFIX}nothing/here",
    "/api/v1/symbols", "/api/v1/symbols/0x1F/glyph.svg", "/api/v1/symbols/none/glyph.svg",
    "/api/v1/canon", "/api/v1/pipeline/stats/section/3", "/api/v1/pipeline/stats/section/17",
    "/api/v1/page/S01-P0001", "/api/v1/page/S01-P0001/revisions", "/api/v1/page/S01-P0001/receipt",
    "/api/v1/page/S01-P0001/alternatives?session_id=reader", "/api/v1/page/nothing",
    "/api/v1/journey/reader", "/api/v1/journey/reader/preview", "/api/v1/journey/no:session",
    "/api/v1/vault/reader", "/api/v1/search?q=*", "/api/v1/search?q=",
    "/api/v1/export/reader?format=log", "/api/v1/export/reader?format=markdown", "/api/v1/export/reader?format=epub",
    "/api/v1/export/reader?format=twee", "/api/v1/export/reader?format=none",
    "/api/v1/page/S01-P0001/siblings?session_id=reader", "/api/v1/pages?ids=S01-P0001,none", "/api/v1/pages?ids=",
    "/api/v1/journey/reader/preview/lean", "/api/v1/journey/reader/tree", "/api/v1/about",
    "/api/v1/voices", "/api/v1/voices/london-fox/drawing.svg", "/api/v1/voices/nobody/drawing.svg",
    "/api/v1/event/ws", "/nowhere",
]  # fmt: skip
CHANGING = {"x-request-id", "content-length"}


async def written(gateway: GatewayFixture) -> None:
    """Have a journey with a page."""
    await gateway.client.post("/api/v1/pipeline/run/symbol/0", json={"session_id": "reader"})


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_head_is_get_without_a_body(tmp_path: Path, encoding: str):
    async with gateway_in(tmp_path, answers=True) as gateway:
        await written(gateway)
        for path in PATHS:
            headers = {"accept-encoding": encoding}
            whole = await gateway.client.get(path, headers=headers)
            head = await gateway.client.head(path, headers=headers)
            assert head.status_code == whole.status_code, path
            assert head.content == b"", path
            expected = {name: value for name, value in whole.headers.items() if name not in CHANGING}
            assert {name: value for name, value in head.headers.items() if name not in CHANGING} == expected, path
            if path not in {"/metrics", "/readyz"} and whole.status_code == 200:  # which change by the second
                assert head.headers.get("content-length") == whole.headers.get("content-length"), path


async def test_every_described_get_answers_head(tmp_path: Path):
    """Those that a test forgot to name, too."""
    async with gateway_in(tmp_path) as gateway:
        paths = (await gateway.client.get("/openapi.json")).json()["paths"]
        for path in [path for path, methods in paths.items() if "get" in methods]:
            filled = path.format(
                code="0", id="S01-P0001", page_id="S01-P0001", section="3", seq="4", session_id="reader", character="7"
            )
            status = (await gateway.client.head(filled, params={"session_id": "reader"})).status_code
            assert status not in {405, 500}, path


async def test_a_stream_is_not_opened_for_head(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        head = await gateway.client.head("/api/v1/event/stream?session_id=reader")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert head.headers["cache-control"] == "no-store"
        assert b'qdpi_stream_clients{kind="sse"} 1' not in gateway.system.metrics.render()
        assert (await gateway.client.head("/api/v1/event/stream")).status_code == 422
        assert (await gateway.client.head("/api/v1/event/stream?session_id=a:b")).status_code == 422


async def test_the_methods_of_a_path_are_all_named(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        for path, allowed in {
            "/api/v1/vault/reader": "GET, HEAD, POST",
            "/api/v1/vault/reader/S01-P0001": "DELETE",
            "/api/v1/event/ask": "POST",
            "/api/v1/canon": "GET, HEAD",
            "/healthz": "GET, HEAD",
        }.items():
            refused = await gateway.client.request("PATCH", path)
            assert_problem(refused, 405, "method_not_allowed")
            assert refused.headers["allow"] == allowed, path
        head = await gateway.client.head("/api/v1/event/ask")
        assert (head.status_code, head.headers["allow"], head.content) == (405, "POST", b"")


def test_head_is_allowed_where_get_is():
    assert allow(["POST", "GET"]) == "GET, HEAD, POST"
    assert allow(["DELETE"]) == "DELETE"


@pytest.mark.parametrize("version", ["2.3", "2.4"])
async def test_an_answer_in_pieces_ends_before_its_first_one(version: str):
    """A long file is not built for nobody, whichever way Starlette ends it."""
    built: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(1_000):
            built.append(number)
            yield b"x"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(pieces(), headers={"etag": "a"})(scope, receive, send)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return await asyncio.Future()

    await Head(app)({"type": "http", "method": "HEAD", "asgi": {"spec_version": version}}, receive, send)

    assert [(message.get("status"), message.get("body")) for message in sent] == [(200, None), (None, b"")]
    assert built == [0]


async def test_an_error_before_the_answer_is_raised():
    """A dropped connection of another kind is not taken for the end of the answer."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ClientDisconnect

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    with pytest.raises(ClientDisconnect):
        await Head(app)({"type": "http", "method": "HEAD"}, receive, send)


async def test_the_log_names_head_and_its_route(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        with capture_logs() as logs:
            await gateway.client.head("/api/v1/page/S01-P0001")
        (line,) = [line for line in logs if line["event"] == "http.request"]
        assert (line["method"], line["route"], line["status"]) == ("HEAD", "/api/v1/page/{id}", 200)


async def test_a_connection_serves_more_after_head(tmp_path: Path):
    """Over a real socket: the answer's length is told, its body is not sent, and the connection stays usable."""
    async with (
        asyncio.timeout(30),
        system_in(tmp_path) as system,
        served(system) as (address, _, _),
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        for path in ("/api/v1/canon", "/api/v1/event/stream?session_id=reader", "/api/v1/export/reader", "/nowhere"):
            head = await client.head(path)
            assert head.content == b"", path
            assert (await client.get("/healthz")).status_code == 200
