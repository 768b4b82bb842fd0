"""Middleware of every request: ids, headers, limits, logs and unexpected errors."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.gateway.test_presses import assert_problem
from tests.support.gateway import gateway_in

from qdpi.gateway.middleware import BODY_LIMIT, SECURITY_HEADERS
from qdpi.gateway.web_files import shipped_files
from qdpi.system import System

PRESS = "/api/v1/event/ui/symbol"
PATHS = ["/", "/p/S01-P0001", "/p/S99-P9999", "/find?q=page",
         "/healthz", "/api/v1/canon", "/api/v1/symbols/0/glyph.svg", "/nowhere", "/openapi.json",
         "/api/v1/page/x", "/web/x/style/tokens.css"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_request_id_and_security_headers(tmp_path: Path, path: str):
    """Every answer has a request id and the security headers."""
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get(path)
        assert answer.headers["x-request-id"]
        assert SECURITY_HEADERS.keys() <= answer.headers.keys()
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers


async def test_well_formed_request_id_is_kept(tmp_path: Path):
    """A client's own request id is kept if it is well-formed."""
    async with gateway_in(tmp_path) as gateway:
        kept = await gateway.client.get("/nowhere", headers={"x-request-id": "mine-1"})
        assert kept.headers["x-request-id"] == "mine-1"
        assert kept.json()["instance"] == "urn:gibsey:request:mine-1"
        odd = await gateway.client.get("/healthz", headers={"x-request-id": "a b<"})
        assert odd.headers["x-request-id"] != "a b<"


async def test_unknown_path_or_method_is_a_problem(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        assert_problem(await gateway.client.get("/api/v1/nowhere"), 404, "not_found")
        refused = await gateway.client.get(PRESS)
        assert_problem(refused, 405, "method_not_allowed")
        assert refused.headers["allow"] == "POST"
        for method in ("POST", "PUT", "DELETE"):
            refused = await gateway.client.request(method, "/api/v1/event/stream")
            assert refused.status_code == 405
            assert refused.headers["allow"] == "GET, HEAD"
        assert_problem(await gateway.client.post("/api/v1/event/stream"), 405, "method_not_allowed")


async def test_cors_off_by_default(tmp_path: Path):
    """Without QDPI_CORS_ORIGINS no other origin is allowed."""
    async with gateway_in(tmp_path) as gateway:
        asked = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
        preflight = await gateway.client.options(PRESS, headers=asked)
        assert preflight.status_code == 405
        assert "access-control-allow-origin" not in preflight.headers


async def chunks(count: int, size: int = 1 << 16) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * size


async def test_body_above_the_limit_is_refused(tmp_path: Path):
    """A body above the limit is refused, whether or not its length is declared."""
    async with gateway_in(tmp_path) as gateway:
        for body in (b"x" * (BODY_LIMIT + 1), chunks(17)):
            answer = await gateway.client.post(PRESS, content=body, headers={"content-type": "application/json"})
            assert_problem(answer, 413, "body_too_large")


async def test_body_is_refused_once_too_large(tmp_path: Path):
    """A body is refused as soon as it is too large, before it is read to its end."""
    async with gateway_in(tmp_path) as gateway:
        received: list[int] = []
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            received.append(1)
            return {"type": "http.request", "body": b"x" * (BODY_LIMIT // 2), "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        scope: dict[str, Any] = {
            "type": "http", "method": "POST", "path": PRESS, "raw_path": PRESS.encode(),
            "headers": [(b"host", b"localhost")],
            "query_string": b"", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "server": ("gateway", 80), "client": None, "root_path": "",
        }  # fmt: skip
        await gateway.app(scope, receive, send)
        assert len(received) == 3
        assert sent[0]["status"] == 413


async def test_body_of_the_limit_is_accepted(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        body = b'{"session_id": "reader", "symbol_code": 0}'.ljust(BODY_LIMIT)
        answer = await gateway.client.post(PRESS, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 200


def breaking(system: System) -> System:
    """Return a system whose publisher raises an unexpected error."""

    class Broken:
        async def publish(self, event: Any) -> None:
            raise ZeroDivisionError("secret inside")

    broken: Any = Broken()
    return replace(system, publisher=broken)


async def test_internal_error_problem_and_log(tmp_path: Path):
    """An unexpected error is a problem with its ids, and is logged once."""
    async with gateway_in(tmp_path, wrap=breaking) as gateway:
        with capture_logs() as logs:
            answer = await gateway.client.post(PRESS, json={"session_id": "reader", "symbol_code": 0})
        result = assert_problem(answer, 500, "error")
        assert "secret inside" not in answer.text
        assert result["event_id"]
        assert result["http_request_id"] == answer.headers["x-request-id"]
        (logged,) = [line for line in logs if line["event"] == "http.request_failed"]
        assert (logged["event_id"], logged["http_request_id"]) == (result["event_id"], result["http_request_id"])
        assert gateway.hub.pending.of("reader") == {}


async def test_log_line_of_request(tmp_path: Path):
    """A request is one log line, without a session id in clear text."""
    async with gateway_in(tmp_path) as gateway:
        with capture_logs() as logs:
            press = await gateway.press("my-own-journey")
            await gateway.client.get("/api/v1/journey/my-own-journey")
            await gateway.client.get("/api/v1/journey/my-own-journey?at=x")
        lines = [line for line in logs if line["event"] == "http.request"]
        assert [(line["route"], line["status"], line["log_level"]) for line in lines] == [
            (PRESS, 200, "info"),
            ("/api/v1/journey/{session_id}", 200, "info"),
            ("/api/v1/journey/{session_id}", 422, "info"),
        ]
        assert lines[0]["event_id"] == press
        assert lines[0]["journey"] == lines[1]["journey"]
        assert lines[0]["ms"] >= 0
        assert "my-own-journey" not in str(logs)


async def test_files_of_the_reader_s_page_are_logged_for_who_debugs(tmp_path: Path):
    """A page asks for dozens of them; one that is not there is a request like others."""
    async with gateway_in(tmp_path) as gateway:
        address = f"{shipped_files().address()}/app.js"
        with capture_logs() as logs:
            assert (await gateway.client.get(address)).status_code == 200
            assert (await gateway.client.get("/web/0/app.js")).status_code == 404
        assert [(line["event"], line["log_level"]) for line in logs] == [
            ("http.file", "debug"),
            ("http.request", "info"),
        ]


async def test_log_omits_signature(tmp_path: Path):
    """With a secret, the log names the journey and never its signature."""
    async with gateway_in(tmp_path, secret="a secret of tests") as gateway:
        signed = (await gateway.client.post("/api/v1/session")).json()["session_id"]
        journey, _, signature = signed.partition(".")
        with capture_logs() as logs:
            await gateway.press(signed)
        assert journey in str(logs)
        assert signature not in str(logs)


async def test_refusal_has_its_request_id(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway, asyncio.timeout(60):
        answer = await gateway.client.get("/api/v1/page/nothing")
        assert answer.json()["instance"] == f"urn:gibsey:request:{answer.headers['x-request-id']}"


BOOK = "https://book.example"


async def test_cors_named_origins_only(tmp_path: Path):
    """Only the origins in QDPI_CORS_ORIGINS are allowed."""
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    async with gateway_in(tmp_path, cors_origins=f"{BOOK}, https://b.example") as gateway:
        preflight = await gateway.client.options(PRESS, headers={**asked, "origin": BOOK})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == BOOK
        assert preflight.headers["x-request-id"]
        assert "access-control-allow-credentials" not in preflight.headers
        for header in ("if-none-match", "last-event-id"):  # which a script of that origin gives itself
            wanted = {**asked, "origin": BOOK, "access-control-request-headers": header}
            assert (await gateway.client.options("/api/v1/canon", headers=wanted)).status_code == 200
        for path in ("/api/v1/canon", "/api/v1/page/nothing", "/api/v1/event/stream"):
            result = await gateway.client.get(path, headers={"origin": BOOK})
            assert result.headers["access-control-allow-origin"] == BOOK
            assert "x-request-id" in result.headers["access-control-expose-headers"]
        for origin in ("https://c.example", "null", "https://book.example.evil", "http://book.example"):
            result = await gateway.client.get("/api/v1/canon", headers={"origin": origin})
            assert "access-control-allow-origin" not in result.headers
            preflight = await gateway.client.options(PRESS, headers={**asked, "origin": origin})
            assert preflight.status_code == 400
            assert "access-control-allow-origin" not in preflight.headers


async def test_private_answers_not_cached(tmp_path: Path):
    """Answers about a journey are not cached."""
    async with gateway_in(tmp_path) as gateway:
        assert (await gateway.client.get("/api/v1/journey/reader")).headers["cache-control"] == "no-store"
        assert "no-store" not in (await gateway.client.get("/api/v1/canon")).headers["cache-control"]


async def test_valid_session_renewed(tmp_path: Path):
    """A valid session id is exchanged for a new one of the same journey."""
    async with gateway_in(tmp_path, secret="a secret of tests", session_days=30) as gateway:
        first = (await gateway.client.post("/api/v1/session")).json()
        assert first["signed"] is True
        assert first["expires_at"] > f"{gateway.system.now() + timedelta(days=29):%Y-%m-%d}"
        again = (await gateway.client.post("/api/v1/session", json={"session_id": first["session_id"]})).json()
        assert again["session_id"].partition(".")[0] == first["session_id"].partition(".")[0]
        other = (await gateway.client.post("/api/v1/session", json={})).json()
        assert other["session_id"].partition(".")[0] != first["session_id"].partition(".")[0]
        for bad in ("x", first["session_id"] + "x", "j.0."):
            assert_problem(await gateway.client.post("/api/v1/session", json={"session_id": bad}), 401, "unauthorized")


async def test_expired_session_refused(tmp_path: Path):
    """An expired session is refused everywhere."""
    late = [timedelta(0)]

    def ageing(system: System) -> System:
        return replace(system, now=lambda: system.now() + late[0])

    async with gateway_in(tmp_path, secret="a secret of tests", session_days=1, wrap=ageing) as gateway:
        session = (await gateway.client.post("/api/v1/session")).json()["session_id"]
        assert (await gateway.client.get(f"/api/v1/journey/{session}")).status_code == 200
        late[0] = timedelta(days=1)
        for answer in (
            await gateway.client.get(f"/api/v1/journey/{session}"),
            await gateway.client.get(f"/api/v1/event/stream?session_id={session}"),
            await gateway.client.post(PRESS, json={"session_id": session, "symbol_code": 0}),
            await gateway.client.post("/api/v1/event/stop", json={"session_id": session, "event_id": "e"}),
            await gateway.client.post("/api/v1/session", json={"session_id": session}),
        ):
            assert_problem(answer, 401, "session_expired")
