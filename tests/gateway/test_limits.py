"""Limits of journeys and addresses: requests refused with 429 and Retry-After, and exempt ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.test_presses import assert_problem
from tests.support import factories
from tests.support.gateway import PATIENCE, GatewayFixture, Listener, gateway_in, listening, served, system_in, until
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from qdpi.gateway.limits import Rate, address_of
from qdpi.gateway.streams.pending import PendingPresses


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def gateway(directory: Path, clock: Clock | None = None, **changes: Any) -> Any:
    return gateway_in(directory, app_options={"clock": clock or Clock()}, **changes)


def limited(answer: httpx.Response, code: str = "too_many_requests") -> int:
    result = assert_problem(answer, 429, code)
    assert answer.headers["x-request-id"]
    assert int(answer.headers["retry-after"]) == result["retry_after"] >= 1
    return int(answer.headers["retry-after"])


def test_rate_allows_a_burst_and_then_an_even_rate():
    rate = Rate(60)
    assert [rate.take("a", 0) for _ in range(60)] == [0] * 60
    assert rate.take("a", 0) == pytest.approx(1)
    assert rate.take("a", 0.5) == pytest.approx(0.5)
    assert rate.take("a", 1) == 0
    assert rate.take("a", 1) > 0
    assert rate.take("b", 1) == 0


def test_rate_drops_the_least_recent_keys():
    rate = Rate(1, kept=2)
    assert [rate.take(key, 0) for key in "aba"] == [0, 0, 60]
    assert rate.take("c", 0) == 0
    assert rate.take("a", 0) > 0
    assert rate.take("b", 0) == 0


@given(st.integers(1, 100), st.lists(st.floats(0, 30), min_size=1, max_size=200))
def test_rate_bounds_any_minute(limit: int, gaps: list[float]):
    """No minute has more than twice the limit, and waiting for Retry-After is enough."""
    rate, now, taken = Rate(limit), 0.0, list[float]()
    for gap in gaps:
        now += gap
        wait = rate.take("a", now)
        if wait:
            assert 0 < wait <= 60
            assert Rate.take(rate, "a", now + wait * 1.000001 + 1e-9) == 0
            now += wait * 1.000001 + 1e-9
        taken.append(now)
    assert max(sum(since <= t < since + 60 for t in taken) for since in taken) <= 2 * limit


@pytest.mark.parametrize(
    ("client", "address"),
    [(("10.1.2.3", 1), "10.1.2.3"), (("2001:db8::1", 1), "2001:db8::/64"), (("2001:db8::ffff:1", 2), "2001:db8::/64"),
     (("::ffff:10.1.2.3", 1), "10.1.2.3"), (None, "local"), (("testclient", 1), "testclient")],
)  # fmt: skip
def test_address_of_a_client(client: tuple[str, int] | None, address: str):
    """An IPv6 client counts with its /64 network."""
    assert address_of({"type": "http", "client": client}) == address


async def test_request_limit_of_a_journey(tmp_path: Path):
    clock = Clock()
    async with gateway(tmp_path, clock, max_requests=3) as here:
        for _ in range(3):
            assert (await here.client.get("/api/v1/journey/reader")).status_code == 200
        wait = limited(await here.client.get("/api/v1/journey/reader"))
        limited(await press(here))
        assert (await here.client.get("/api/v1/journey/another")).status_code == 200
        clock.seconds += wait
        assert (await press(here)).status_code == 200


async def test_address_request_limit_exempts_health(
    tmp_path: Path,
):
    """Requests of an address are limited; the health paths are exempt."""
    clock = Clock()
    async with gateway(tmp_path, clock, address_requests=2) as here:
        for path in ("/api/v1/canon", "/nowhere"):
            assert (await here.client.get(path)).status_code != 429
        wait = limited(await here.client.get("/api/v1/canon"))
        limited(await press(here))
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await here.client.get(path)).status_code == 200
        clock.seconds += wait
        assert (await here.client.get("/api/v1/canon")).status_code == 200


async def press(here: GatewayFixture, journey: str = "reader", **body: Any) -> httpx.Response:
    return await here.client.post("/api/v1/event/ui/symbol", json={"session_id": journey, "symbol_code": 0, **body})


async def test_pending_limit_of_address(tmp_path: Path):
    """The pending presses of an address are limited over all its journeys."""
    async with gateway(tmp_path, address_waiting=2) as here:
        first = await here.press("a")
        assert (await press(here, "b", client_request_id="again")).status_code == 200
        limited(await press(here, "c"), "too_many_waiting")
        assert (await press(here, "b", client_request_id="again")).status_code == 200
        await here.generator.answer("a", first)
        await until(lambda: here.hub.pending.answered(first))
        assert (await press(here, "c")).status_code == 200
        limited(await press(here, "d"), "too_many_waiting")


def test_address_count_released():
    """Pending presses of an address are counted once and released in every case."""
    waiting = PendingPresses(2, journeys=2)
    for _ in range(2):
        waiting.add(factories.press("j", "p"), "here")
    waiting.add(factories.press("j", "q"))
    assert waiting.of_address("here") == 1
    waiting.answer("j", "p")
    waiting.discard("j", "p")
    assert waiting.of_address("here") == 0
    waiting.add(factories.press("k", "r"), "here")
    waiting.add(factories.press("l", "s"), "here")
    waiting.add(factories.press("m", "t"), "here")
    assert waiting.of_address("here") == 2
    waiting.restart()
    waiting.answer("m", "t")
    assert waiting.of_address("here") == 0


@pytest.mark.parametrize("limit", ["max_streams", "address_streams"])
async def test_stream_limit_frees_on_end(tmp_path: Path, limit: str):
    """The number of open streams is limited; one that ends makes room."""
    changes: dict[str, Any] = {limit: 2}
    async with system_in(tmp_path, **changes) as system, served(system) as (address, app, _):
        url, query = f"http://{address}/api/v1/event/stream", {"session_id": "reader", "after": "0"}
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            async with listening(address, "reader", 0), listening(address, "reader", 0) as second:
                await second.next()
                limited(await client.get(url, params=query), "too_many_streams")
                with pytest.raises(InvalidStatus) as refused:
                    await connect(f"ws://{address}/api/v1/event/ws?session_id=reader")
                assert refused.value.response.status_code == 429
                assert refused.value.response.headers["retry-after"] == "1"
            hub = app.state.gateway.hub
            await until(lambda: not hub._followers)
            async with client.stream("GET", url, params=query) as again:
                assert again.status_code == 200
                assert (await Listener(again).next()).event == "status"


@pytest.mark.slow
async def test_forwarded_address_of_a_trusted_proxy_only(tmp_path: Path):
    spoofed = [{"x-forwarded-for": f"203.0.113.{n}"} for n in range(4)]
    for trusted, refusals in ((None, 2), ("127.0.0.1", 0), ("10.0.0.0/8", 2)):
        async with (
            system_in(tmp_path / str(trusted).replace("/", "_"), address_requests=2, trusted_proxies=trusted) as system,
            served(system, clock=Clock()) as (address, _, _),
            httpx.AsyncClient(timeout=PATIENCE) as client,
        ):
            answers = [await client.get(f"http://{address}/api/v1/canon", headers=headers) for headers in spoofed]
            assert [answer.status_code for answer in answers].count(429) == refusals


@pytest.mark.slow
async def test_default_limits_allow_500_journeys(tmp_path: Path):
    """With the defaults, 500 journeys of one address stay below the limits."""
    async with gateway(tmp_path) as here:
        answers = [await press(here, f"reader-{n}") for n in range(500)]
        assert {answer.status_code for answer in answers} == {200}
