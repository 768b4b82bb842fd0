"""Any request is answered with a success or a problem, never with a status of 500."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.gateway import gateway_in

FIELDS = ("session_id", "symbol_code", "page_id", "user_intent", "trajectory", "client_request_id", "event_id")
PATHS = (
    "/api/v1/event/ui/symbol",
    "/api/v1/event/ask",
    "/api/v1/event/stop",
    "/api/v1/pipeline/run/symbol/0",
    "/api/v1/branch/S01-P0001",
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=80), st.just("reader"),
    st.just("S01-P0001"), st.just("T2"), st.integers(0, 255),
)  # fmt: skip
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner))
bodies = st.one_of(st.dictionaries(st.sampled_from(FIELDS), values), values)


def as_json(body: Any) -> bytes:
    return json.dumps(body).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.slow
async def test_any_json_is_taken_or_refused(tmp_path: Path, path: str):
    async with gateway_in(tmp_path, answers=True, run_timeout=0.05, max_waiting=1_000_000) as gateway:
        loop = asyncio.get_running_loop()

        async def post(content: bytes) -> httpx.Response:
            return await gateway.client.post(path, content=content, headers={"content-type": "application/json"})

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(content=st.one_of(bodies.map(as_json), st.binary(max_size=200)))
        def check(content: bytes) -> None:
            answer = asyncio.run_coroutine_threadsafe(post(content), loop).result(20)
            assert answer.status_code in {200, 400, 401, 404, 409, 422, 429, 504}, (content, answer.text)
            assert answer.headers["content-type"] in {"application/json", "application/problem+json"}

        await asyncio.to_thread(check)


@pytest.mark.parametrize("depth", [5, 900, 940, *range(950, 970), 10_000])
async def test_deeply_nested_value_is_refused(tmp_path: Path, depth: int):
    async with gateway_in(tmp_path) as gateway:
        nested = "[" * depth + "]" * depth
        for field in ("symbol_code", "user_intent"):
            body = f'{{"session_id": "reader", "symbol_code": 0, "{field}": {nested}}}'
            answer = await gateway.client.post(
                PATHS[0], content=body.encode(), headers={"content-type": "application/json"}
            )
            assert answer.status_code in {400, 422}, answer.text
            assert len(answer.text) < 1_000


@pytest.mark.parametrize(
    "path",
    ["/api/v1/page/{}", "/api/v1/page/{}/receipt", "/api/v1/journey/{}", "/api/v1/journey/{}/preview",
     "/api/v1/pipeline/stats/section/{}", "/api/v1/symbols/{}/glyph.svg", "/api/v1/event/stream?after=x&session_id={}"],
)  # fmt: skip
async def test_any_path_is_answered_or_refused(tmp_path: Path, path: str):
    async with gateway_in(tmp_path) as gateway:
        loop = asyncio.get_running_loop()

        async def get(part: str) -> httpx.Response:
            quoted = "".join(f"%{byte:02X}" for byte in part.encode("utf-8", "surrogatepass"))
            return await gateway.client.get(path.format(quoted))

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(part=st.text(min_size=1, max_size=80))
        def check(part: str) -> None:
            answer = asyncio.run_coroutine_threadsafe(get(part), loop).result(20)
            assert answer.status_code in {200, 307, 404, 422}, (part, answer.text)

        await asyncio.to_thread(check)
