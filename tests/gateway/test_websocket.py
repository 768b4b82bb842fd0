"""GET /event/ws on a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import httpx
import pytest
from tests.support.gateway import PATIENCE, ScriptedGenerator, gateway_in, served, system_in, until
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from qdpi.bus.port import Start
from qdpi.events import Ask, Press, Stop, decode
from qdpi.gateway.context import Exchange
from qdpi.gateway.routes.websocket import _receive_until_left
from qdpi.gateway.streams.hub import Subscription
from qdpi.ids import press_id, request_id


@pytest.fixture(autouse=True)
async def _patience():
    async with asyncio.timeout(PATIENCE):
        yield


@asynccontextmanager
async def following(address: str, query: str, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://{address}/api/v1/event/ws{query}", **options) as client:
        yield client


async def frame(client: ClientConnection) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(await client.recv())
    assert result.keys() == {"event", "id", "data"}
    return result


async def test_websocket_frames_match_stream(tmp_path: Path):
    """Frames are JSON with event, id and data, and have the stream's payloads."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        await generator.answer("reader", "a")
        async with following(address, "?session_id=reader") as client:
            greeting = await frame(client)
            assert (greeting["event"], greeting["id"], greeting["data"]["seq"]) == ("status", 1, 1)
            await generator.publish_delta("reader", "b", "The door", 0)
            status, piece = await frame(client), await frame(client)
            assert (status["event"], status["data"]["press_id"]) == ("status", "b")
            assert (piece["event"], piece["id"]) == ("generate.page.delta", None)
            assert (piece["data"]["text"], piece["data"]["request_id"]) == ("The door", request_id("b"))
            outcome = await generator.answer("reader", "b")
            done = await frame(client)
            assert (done["event"], done["id"]) == ("generate.page.done", 2)
            assert done["data"] == outcome.event.model_dump(mode="json")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_websockets_path_without_upgrade_says_so(tmp_path: Path, method: str):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        async with httpx.AsyncClient(base_url=f"http://{address}") as client:
            refused = await client.request(method, "/api/v1/event/ws?session_id=reader")
            other = await client.post("/api/v1/event/ws")
        assert (refused.status_code, refused.headers["upgrade"]) == (426, "websocket")
        assert refused.headers["connection"] == "Upgrade"
        assert refused.headers["content-type"] == "application/problem+json"
        if method == "GET":
            problem = refused.json()
            assert problem["code"] == "upgrade_required"
            assert "wss://" in problem["next_step"]
        assert (other.status_code, other.headers["allow"]) == (405, "GET, HEAD")


async def test_an_empty_after_of_a_websocket_is_none(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        await ScriptedGenerator(system).answer("reader", "a")
        async with following(address, "?session_id=reader&after=") as client:
            assert (await frame(client))["id"] == 1


async def test_websocket_after_replays_later_outcomes(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        for press in "abc":
            await ScriptedGenerator(system).answer("reader", press)
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
async def test_refused_websocket_has_a_problem(
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


async def test_websocket_needs_a_signed_session(tmp_path: Path):
    """With a secret, an unsigned session is refused."""
    async with system_in(tmp_path, secret="a secret of tests") as system, served(system) as (address, _, _):
        with pytest.raises(InvalidStatus) as refused:
            async with following(address, "?session_id=reader"):
                pass
        assert refused.value.response.status_code == 401


async def test_websocket_from_the_same_origin_is_accepted(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        headers = {"origin": f"http://{address}"}
        async with following(address, "?session_id=reader", additional_headers=headers) as client:
            assert (await frame(client))["event"] == "status"


async def say(client: ClientConnection, **message: Any) -> dict[str, Any]:
    """Send a message and return the frame that answers it; earlier frames are skipped."""
    await client.send(json.dumps(message))
    return await answered(client)


async def answered(client: ClientConnection) -> dict[str, Any]:
    while (result := await frame(client))["event"] not in {"accepted", "problem"}:
        pass
    assert result["id"] is None
    return result


async def test_websocket_presses_asks_and_stops(tmp_path: Path):
    """Presses, asks and stops are sent as messages and acknowledged."""
    async with (
        system_in(tmp_path) as system,
        served(system) as (address, app, _),
        system.bus.tap([Press.topic, Ask.topic, Stop.topic], Start.LATEST) as records,
        following(address, "?session_id=reader") as client,
    ):
        received = aiter(records)
        pressed = await say(client, type="press", symbol_code="an-author:XP", client_request_id="c1", user_intent="On.")
        assert pressed["event"] == "accepted"
        assert pressed["data"] == {
            "ok": True,
            "event_id": press_id("reader", "press", "c1"),
            "request_id": request_id(press_id("reader", "press", "c1")),
            "message": "press",
            "client_request_id": "c1",
        }
        press = decode(Press, (await anext(received)).value)
        assert (press.session_id, press.symbol_code, press.user_intent) == ("reader", 1, "On.")
        asked = await say(client, type="ask", user_intent="Who?")
        assert (asked["event"], asked["data"]["message"]) == ("accepted", "ask")
        assert decode(Ask, (await anext(received)).value).user_intent == "Who?"
        stopped = await say(client, type="stop", event_id=press.event_id)
        assert stopped["data"]["request_id"] == pressed["data"]["request_id"]
        assert decode(Stop, (await anext(received)).value).press_id == press.event_id
        assert app.state.gateway.hub.pending.of("reader").keys() == {press.event_id, asked["data"]["event_id"]}
        await ScriptedGenerator(system).answer("reader", press.event_id)
        while (result := await frame(client))["event"] != "generate.page.done":
            pass
        assert (result["id"], result["data"]["press_id"]) == (1, press.event_id)


async def test_websocket_repeat_is_one_press(tmp_path: Path):
    """A repeated message with the same client_request_id is one press."""
    async with (
        gateway_in(tmp_path) as gateway,
        served(gateway.system) as (address, _, _),
        following(address, "?session_id=reader") as client,
    ):
        said = {"type": "press", "symbol_code": 3, "client_request_id": "c"}
        first, again = await say(client, **said), await say(client, **{**said, "symbol_code": 9})
        over_http = await gateway.press(client_request_id="c")
        assert {first["data"]["event_id"], again["data"]["event_id"]} == {over_http}


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ("anything", 400, "not_json"),
        (b"\x00", 400, "not_json"),
        ("[]", 422, "invalid_input"),
        ("{}", 422, "invalid_input"),
        ('{"type": "dance"}', 422, "invalid_input"),
        ('{"type": ["press"]}', 422, "invalid_input"),
        ('{"type": "press"}', 422, "invalid_input"),
        ('{"type": "press", "symbol_code": 256}', 422, "invalid_symbol"),
        ('{"type": "press", "symbol_code": 0, "page_id": "S99-P9999"}', 404, "unknown_page"),
        ('{"type": "press", "symbol_code": 0, "session_id": "another"}', 422, "invalid_session"),
        ('{"type": "ask", "user_intent": " "}', 422, "invalid_input"),
        ('{"type": "ask", "user_intent": "\\u0000"}', 422, "invalid_input"),
        ('{"type": "stop"}', 422, "invalid_input"),
        ("[" * 10_000, 400, "not_json"),
        ("1" * 50_000, 400, "not_json"),
    ],
)
async def test_invalid_websocket_message_is_a_problem(tmp_path: Path, message: str | bytes, status: int, code: str):
    """An invalid message is answered with a problem, and the stream continues."""
    async with (
        system_in(tmp_path) as system,
        served(system) as (address, _, _),
        following(address, "?session_id=reader", additional_headers={"x-request-id": "mine"}) as client,
    ):
        await client.send(message)
        result = await answered(client)
        assert (result["event"], result["data"]["status"], result["data"]["code"]) == ("problem", status, code)
        assert result["data"]["detail"]
        assert result["data"]["next_step"]
        assert result["data"]["instance"] == "urn:gibsey:request:mine"
        await ScriptedGenerator(system).answer("reader", "a")
        assert (await frame(client))["id"] == 1


async def test_websocket_messages_count_as_requests(tmp_path: Path):
    """Messages count as requests of the journey and of the address."""
    for changes in cast("list[dict[str, Any]]", [{"max_requests": 2}, {"address_requests": 2}]):
        async with (
            system_in(tmp_path / str(*changes), **changes) as system,
            served(system, clock=lambda: 0.0) as (address, _, _),
            following(address, "?session_id=reader") as client,
        ):
            assert (await say(client, type="press", symbol_code=0))["event"] == "accepted"
            result = await say(client, type="press", symbol_code=0)
            assert (result["event"], result["data"]["code"], result["data"]["retry_after"]) == (
                "problem",
                "too_many_requests",
                30,
            )


async def test_websocket_presses_have_the_pending_limit(tmp_path: Path):
    async with (
        system_in(tmp_path, max_waiting=1) as system,
        served(system) as (address, _, _),
        following(address, "?session_id=reader") as client,
    ):
        assert (await say(client, type="press", symbol_code=0))["event"] == "accepted"
        result = await say(client, type="press", symbol_code=0, client_request_id="second")
        assert (result["data"]["code"], result["data"]["client_request_id"]) == ("too_many_waiting", "second")


async def test_signed_websocket_own_journey_only(tmp_path: Path):
    """With a secret, presses are accepted only in the own journey and before the session expires."""
    async with (
        gateway_in(tmp_path, secret="a secret of tests", session_days=1) as gateway,
        served(gateway.system) as (address, app, _),
    ):
        mine = (await gateway.client.post("/api/v1/session")).json()["session_id"]
        async with following(address, f"?session_id={mine}") as client:
            result = await say(client, type="press", symbol_code=0, session_id=mine.partition(".")[0])
            assert result["data"]["code"] == "invalid_session"
            assert (await say(client, type="press", symbol_code=0, session_id=mine))["event"] == "accepted"
            app.state.gateway.sessions.__class__.now.__set__(
                app.state.gateway.sessions, lambda: gateway.system.now() + timedelta(days=2)
            )
            assert (await say(client, type="press", symbol_code=0))["data"]["code"] == "session_expired"


async def test_websocket_from_a_configured_origin_is_accepted(tmp_path: Path):
    origin = "https://book.example"
    named = f"https://a.example,{origin}"
    async with system_in(tmp_path, cors_origins=named) as system, served(system) as (address, _, _):
        async with following(address, "?session_id=reader", additional_headers={"origin": origin}) as client:
            assert (await frame(client))["event"] == "status"
        other = {"origin": "https://c.example"}
        with pytest.raises(InvalidStatus):
            await connect(f"ws://{address}/api/v1/event/ws?session_id=reader", additional_headers=other)


async def test_no_messages_after_overflow(tmp_path: Path):
    """After an overflow no more messages are accepted."""
    async with gateway_in(tmp_path) as gateway:
        said = iter(["press", "press", "press", None])
        subscription = Subscription("reader", 2)

        class Mute:
            query_params: ClassVar = {"session_id": "reader"}

            async def receive(self) -> dict[str, Any]:
                return {"type": "websocket.receive", "text": json.dumps({"type": next(said), "symbol_code": 0})}

        mute: Any = Mute()
        parts = gateway.app.state.gateway
        assert await _receive_until_left(mute, parts, Exchange("r", "here"), subscription) is False
        assert subscription.overflowed
        assert next(said) is None
        assert len(gateway.hub.pending.of("reader")) == 3


async def test_left_websocket_client_is_removed(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, app, _):
        async with following(address, "?session_id=reader") as client:
            await frame(client)
        await until(lambda: not app.state.gateway.hub._followers)
        assert system.metrics.streams.labels("websocket")._value.get() == 0


async def test_server_stop_closes_websockets_with_a_code(tmp_path: Path):
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
