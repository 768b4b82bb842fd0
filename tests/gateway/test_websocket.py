"""GET /event/ws on a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.house import PATIENCE, Hand, served, system_in, until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from qdpi.identity import request_id


@pytest.fixture(autouse=True)
async def _patience():
    async with asyncio.timeout(PATIENCE):
        yield


@asynccontextmanager
async def following(address: str, query: str, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://{address}/api/v1/event/ws{query}", **options) as client:
        yield client


async def frame(client: ClientConnection) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(await client.recv())
    assert told.keys() == {"event", "id", "data"}
    return told


async def test_frames_are_json_with_event_id_and_data_and_the_streams_payloads(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        hand = Hand(system)
        await hand.answer("reader", "a")
        async with following(address, "?session_id=reader") as client:
            greeting = await frame(client)
            assert (greeting["event"], greeting["id"], greeting["data"]["seq"]) == ("status", 1, 1)
            await hand.write("reader", "b", "The door", 0)
            piece = await frame(client)
            assert (piece["event"], piece["id"]) == ("generate.page.delta", None)
            assert (piece["data"]["text"], piece["data"]["request_id"]) == ("The door", request_id("b"))
            outcome = await hand.answer("reader", "b")
            done = await frame(client)
            assert (done["event"], done["id"]) == ("generate.page.done", 2)
            assert done["data"] == outcome.event.model_dump(mode="json")


async def test_after_replays_what_follows(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        for press in "abc":
            await Hand(system).answer("reader", press)
        async with following(address, "?session_id=reader&after=1") as client:
            assert (await frame(client))["event"] == "status"
            assert [(await frame(client))["id"] for _ in range(2)] == [2, 3]


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ("", {}, 422, "invalid_input"),
        ("?session_id=a%20b", {}, 422, "invalid_session"),
        ("?session_id=reader&after=x", {}, 422, "invalid_input"),
        ("?session_id=reader", {"origin": "https://elsewhere.example"}, 403, "forbidden_origin"),
        ("?session_id=reader", {"origin": "null"}, 403, "forbidden_origin"),
    ],
)
async def test_what_cannot_be_followed_is_refused_with_a_problem(
    tmp_path: Path, query: str, headers: dict[str, str], status: int, code: str
):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        with pytest.raises(InvalidStatus) as refused:
            async with following(address, query, additional_headers=headers):
                pass
        response = refused.value.response
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["x-request-id"]
        assert json.loads(response.body)["code"] == code


async def test_with_a_secret_an_unsigned_session_is_refused(tmp_path: Path):
    async with system_in(tmp_path, secret="s3cret") as system, served(system) as (address, _, _):
        with pytest.raises(InvalidStatus) as refused:
            async with following(address, "?session_id=reader"):
                pass
        assert refused.value.response.status_code == 401


async def test_a_page_of_this_very_server_may_follow(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        headers = {"origin": f"http://{address}"}
        async with following(address, "?session_id=reader", additional_headers=headers) as client:
            assert (await frame(client))["event"] == "status"


async def test_what_a_client_says_is_ignored(tmp_path: Path):
    async with (
        system_in(tmp_path) as system,
        served(system) as (address, _, _),
        following(address, "?session_id=reader") as client,
    ):
        await frame(client)
        await client.send("anything")
        await client.send(b"\x00")
        await Hand(system).answer("reader", "a")
        assert (await frame(client))["id"] == 1


async def test_a_client_that_leaves_is_forgotten(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, app, _):
        async with following(address, "?session_id=reader") as client:
            await frame(client)
        await until(lambda: not app.state.gateway.hub._followers)
        assert system.metrics.streams.labels("websocket")._value.get() == 0


async def test_when_the_server_stops_a_client_is_told_so(tmp_path: Path):
    async with system_in(tmp_path) as system:
        server = served(system)
        address, _, running = await server.__aenter__()
        async with following(address, "?session_id=reader") as client:
            await frame(client)
            running.should_exit = True
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code in {1001, 1012}
        await server.__aexit__(None, None, None)
