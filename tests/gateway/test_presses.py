"""POST /event/ui/symbol, /event/ask and /event/stop, field for field."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.gateway import GatewayFixture, gateway_in, until

from qdpi.bus.port import Message, Start
from qdpi.bus.publisher import Publisher
from qdpi.errors import BusUnavailable, PublishUnknown
from qdpi.events import Ask, Press, Stop, decode
from qdpi.ids import press_id, request_id
from qdpi.symbols import Trajectory
from qdpi.system import System

PRESS = "/api/v1/event/ui/symbol"
ASK = "/api/v1/event/ask"
STOP = "/api/v1/event/stop"
SMOKE: dict[str, Any] = {
    "session_id": "00000000-0000-0000-0000-000000000001",
    "symbol_code": 0,
    "page_id": "S01-P0002",
}


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    result: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "next_step", "code"} <= result.keys()
    assert (result["status"], result["code"]) == (status, code)
    assert result["detail"].endswith(".")
    assert result["next_step"]
    assert "Traceback" not in answer.text
    return result


async def test_smoke_press_published(tmp_path: Path):
    """The specification's smoke press is accepted and published unchanged."""
    async with gateway_in(tmp_path) as gateway:
        body = {**SMOKE, "user_intent": "a\tb\nc", "trajectory": "T1", "unknown": 1}
        answer = await gateway.client.post(PRESS, json=body)
        assert answer.status_code == 200
        result = answer.json()
        assert result == {
            "ok": True,
            "event_id": str(UUID(result["event_id"])),
            "request_id": request_id(result["event_id"]),
        }
        press = await gateway.generator.presses.get()
        assert isinstance(press, Press)
        assert (press.event_id, press.session_id) == (result["event_id"], SMOKE["session_id"])
        assert (press.symbol_code, press.page_id) == (0, "S01-P0002")
        assert (press.user_intent, press.trajectory) == ("a\tb\nc", Trajectory.LOOP)
        assert press.model_extra == {}


async def test_press_without_a_locus_is_accepted(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        await gateway.press()
        press = await gateway.generator.presses.get()
        assert (press.page_id, press.user_intent) == (None, "")


@pytest.mark.parametrize(
    ("given", "code"),
    [(255, 255), ("255", 255), ("0x1F", 31), ("an-author:XC", 0), ("LONDON-FOX:zs", 31), ("london fox:zs", 31)],
)
async def test_symbol_is_accepted_in_every_form(tmp_path: Path, given: object, code: int):
    async with gateway_in(tmp_path) as gateway:
        await gateway.press(symbol_code=given)
        press = await gateway.generator.presses.get()
        assert isinstance(press, Press)
        assert press.symbol_code == code


async def test_repeated_press_is_the_same_event(tmp_path: Path):
    """A press repeated with its client_request_id is the same event."""
    async with gateway_in(tmp_path) as gateway:
        first = await gateway.press(client_request_id="once")
        second = await gateway.press(client_request_id="once", symbol_code=9)
        other = await gateway.press(client_request_id="twice")
        assert first == second == press_id("reader", "press", "once")
        assert other != first
        assert len(gateway.hub.pending.of("reader")) == 2


async def test_repeat_of_an_answered_press_is_not_published(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        press = await gateway.press(client_request_id="once")
        assert (await gateway.generator.presses.get()).event_id == press
        await gateway.generator.answer("reader", press)
        assert await gateway.press(client_request_id="once") == press
        following = await gateway.press()
        assert (await gateway.generator.presses.get()).event_id == following


async def test_ask_is_published(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.post(
            ASK, json={"session_id": "reader", "user_intent": "Who lit it?", "client_request_id": "q"}
        )
        result = answer.json()
        assert result == {"ok": True, "event_id": result["event_id"], "request_id": request_id(result["event_id"])}
        ask = await gateway.generator.presses.get()
        assert isinstance(ask, Ask)
        assert (ask.user_intent, ask.page_id, ask.event_id) == ("Who lit it?", None, result["event_id"])
        assert ask.event_id == press_id("reader", "ask", "q")


async def test_stop_is_published_with_its_session(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        async with gateway.system.bus.tap([Stop.topic], Start.LATEST) as stops:
            body = {"session_id": "reader", "event_id": "the-press"}
            result = [(await gateway.client.post(STOP, json=body)).json() for _ in range(2)]
            stop = decode(Stop, (await anext(stops)).value)
        assert result[0] == result[1]
        assert result[0] == {"ok": True, "event_id": stop.event_id, "request_id": request_id("the-press")}
        assert (stop.session_id, stop.press_id, stop.cause_id) == ("reader", "the-press", "the-press")


@pytest.mark.parametrize(
    ("change", "status", "code", "says"),
    [
        ({"symbol_code": 256}, 422, "invalid_symbol", "256"),
        ({"symbol_code": -1}, 422, "invalid_symbol", "-1"),
        ({"symbol_code": "nobody:XC"}, 422, "invalid_symbol", "nobody:XC"),
        ({"symbol_code": True}, 422, "invalid_symbol", "True"),
        ({"symbol_code": 1.5}, 422, "invalid_symbol", "1.5"),
        ({"symbol_code": None}, 422, "invalid_symbol", "None"),
        ({"symbol_code": ...}, 422, "invalid_input", "symbol_code is missing"),
        ({"session_id": ...}, 422, "invalid_input", "session_id is missing"),
        ({"session_id": 5}, 422, "invalid_input", "session_id is 5"),
        ({"session_id": "../x"}, 422, "invalid_session", "../x"),
        ({"session_id": "a" * 65}, 422, "invalid_session", "a" * 65),
        ({"page_id": "S01-P0099"}, 404, "unknown_page", "S01-P0099"),
        ({"page_id": "../../etc/passwd"}, 404, "unknown_page", "../../etc/passwd"),
        ({"page_id": ""}, 404, "unknown_page", "''"),
        ({"page_id": 7}, 422, "invalid_input", "page_id is 7"),
        ({"user_intent": "x" * 4_001}, 422, "invalid_input", "4,001 characters"),
        ({"user_intent": "x" * 100_000}, 422, "invalid_input", "100,000 characters"),
        ({"user_intent": "ring\x07"}, 422, "invalid_input", "U+0007 at position 4"),
        ({"user_intent": "a\r\nb"}, 422, "invalid_input", "U+000D"),
        ({"user_intent": "a\x00b"}, 422, "invalid_input", "U+0000"),
        ({"user_intent": ["a"]}, 422, "invalid_input", "user_intent is ['a']"),
        ({"trajectory": "T9"}, 422, "invalid_input", "trajectory is 'T9'"),
        ({"client_request_id": ""}, 422, "invalid_input", "client_request_id is ''"),
        ({"client_request_id": "x" * 129}, 422, "invalid_input", "client_request_id"),
        ({"client_request_id": "a\nb"}, 422, "invalid_input", "not printable"),
    ],
)
async def test_invalid_press_refused(tmp_path: Path, change: dict[str, Any], status: int, code: str, says: str):
    """An invalid press is refused with its value and the cause."""
    async with gateway_in(tmp_path) as gateway:
        body = {name: value for name, value in {**SMOKE, **change}.items() if value is not ...}
        result = assert_problem(await gateway.client.post(PRESS, json=body), status, code)
        assert says in result["detail"]
        assert gateway.hub.pending.of(SMOKE["session_id"]) == {}


@pytest.mark.parametrize(
    ("content", "type_", "status", "code"),
    [
        (b"{", "application/json", 400, "not_json"),
        (b"\xff\xfe", "application/json", 400, "not_json"),
        (b"symbol_code=0", "application/x-www-form-urlencoded", 400, "not_json"),
        (b'{"session_id": "a"}', "text/plain", 400, "not_json"),
        (b"[" * 100_000, "application/json", 400, "not_json"),
        (b"9" * 10_000, "application/json", 400, "not_json"),
        (b"", "application/json", 422, "invalid_input"),
        (b"[]", "application/json", 422, "invalid_input"),
        (b"null", "application/json", 422, "invalid_input"),
        (b'"press"', "application/json", 422, "invalid_input"),
        (b'{"session_id": "a", "symbol_code": NaN}', "application/json", 422, "invalid_symbol"),
        (b'{"session_id": "\\ud800", "symbol_code": 0}', "application/json", 422, None),
        (b'{"session_id": "a", "symbol_code": 0, "user_intent": "\\ud800"}', "application/json", 422, None),
        (b'{"session_id": "a", "symbol_code": "\\ud800:XC"}', "application/json", 422, "invalid_symbol"),
    ],
)
async def test_body_other_than_a_json_object_is_refused(
    tmp_path: Path, content: bytes, type_: str, status: int, code: str | None
):
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.post(PRESS, content=content, headers={"content-type": type_})
        assert_problem(answer, status, code or answer.json()["code"])


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        (ASK, {"session_id": "reader"}, "user_intent is missing"),
        (ASK, {"session_id": "reader", "user_intent": " \n"}, "user_intent is empty"),
        (ASK, {"session_id": "reader", "user_intent": None}, "user_intent is None"),
        (STOP, {"session_id": "reader"}, "event_id is missing"),
        (STOP, {"session_id": "reader", "event_id": ""}, "event_id is ''"),
    ],
)
async def test_invalid_ask_and_stop_are_refused(tmp_path: Path, path: str, body: dict[str, Any], says: str):
    async with gateway_in(tmp_path) as gateway:
        result = assert_problem(await gateway.client.post(path, json=body), 422, "invalid_input")
        assert says in result["detail"]


async def test_locus_is_a_page_of_the_own_journey(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        page = (await gateway.generator.answer("reader", await gateway.press())).page
        assert page is not None
        other = await gateway.client.post(PRESS, json={**SMOKE, "page_id": page.page_id})
        assert_problem(other, 404, "unknown_page")
        await gateway.press("reader", page_id=page.page_id)


async def test_locus_may_lack_its_projections(tmp_path: Path):
    """A committed page is a locus before its projections are written."""
    async with gateway_in(tmp_path) as gateway:
        outcome = await gateway.generator.commit("reader", await gateway.press(), derive=False)
        assert outcome.page is not None
        assert await gateway.system.store.page(outcome.page.page_id) is None
        await gateway.press("reader", page_id=outcome.page.page_id)


async def test_dropped_canon_page_is_a_locus(tmp_path: Path):
    from tests.support.gateway import put_book

    async with gateway_in(tmp_path) as gateway:
        await put_book(gateway.system, pages_a_section=2, revision=2)
        await gateway.press(page_id="S16-P0048")


async def test_pending_limit_of_a_journey(tmp_path: Path):
    async with gateway_in(tmp_path, max_waiting=2) as gateway:
        first, second = await gateway.press(), await gateway.press(client_request_id="b")
        for path in (PRESS, ASK):
            refused = await gateway.client.post(
                path, json={"session_id": "reader", "symbol_code": 0, "user_intent": "more"}
            )
            result = assert_problem(refused, 429, "too_many_waiting")
            assert "2 presses pending" in result["detail"]
            assert refused.headers["retry-after"] == "1"
        assert await gateway.press(client_request_id="b") == second
        await gateway.press("another")
        await gateway.generator.commit("reader", first)  # not published: the store is read before a refusal
        await gateway.press()
        assert_problem(
            await gateway.client.post(PRESS, json={"session_id": "reader", "symbol_code": 0}),
            429,
            "too_many_waiting",
        )


async def test_presses_of_another_gateway_count(tmp_path: Path):
    async with gateway_in(tmp_path, max_waiting=1) as gateway, gateway_in(tmp_path, max_waiting=1) as other:
        press = await other.press()
        await until(lambda: press in gateway.hub.pending.of("reader"))
        refused = await gateway.client.post(PRESS, json={"session_id": "reader", "symbol_code": 0})
        assert_problem(refused, 429, "too_many_waiting")


def failing_bus(error: Exception):
    """Return a wrap of a system whose publishing fails."""

    class Failing:
        def __init__(self, bus: Any) -> None:
            self._bus = bus

        def __getattr__(self, name: str) -> Any:
            return getattr(self._bus, name)

        async def publish(self, message: Message) -> None:
            raise error

    def wrap(system: System) -> System:
        bus: Any = Failing(system.bus)
        return replace(system, bus=bus, publisher=Publisher(bus))

    return wrap


async def test_press_is_refused_during_a_bus_outage(tmp_path: Path):
    """During an outage of the bus a press is refused, and no request waits."""
    async with gateway_in(tmp_path, wrap=failing_bus(BusUnavailable("The bus does not answer."))) as gateway:
        answer = await gateway.client.post(PRESS, json=SMOKE)
        result = assert_problem(answer, 503, "bus_unavailable")
        assert "Nothing was accepted" in result["next_step"]
        assert "event_id" not in result
        assert answer.headers["retry-after"] == "1"
        assert gateway.hub.pending.of(SMOKE["session_id"]) == {}


async def test_unknown_acknowledgement_says_whether_to_retry(tmp_path: Path):
    """An unknown acknowledgement returns the event id and says whether a retry is safe."""
    async with gateway_in(tmp_path, wrap=failing_bus(PublishUnknown("No answer."))) as gateway:
        named = await gateway.client.post(PRESS, json={**SMOKE, "client_request_id": "c"})
        result = assert_problem(named, 503, "publish_unknown")
        assert result["event_id"] == press_id(SMOKE["session_id"], "press", "c")
        assert result["request_id"] == request_id(result["event_id"])
        assert "same client_request_id" in result["next_step"]
        unnamed = assert_problem(await gateway.client.post(PRESS, json=SMOKE), 503, "publish_unknown")
        assert str(UUID(unnamed["event_id"])) == unnamed["event_id"]
        assert "before you press again" in unnamed["next_step"]


async def test_trace_continues_from_client_to_bus(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway, gateway.system.bus.tap([Press.topic], Start.LATEST) as presses:
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        await gateway.client.post(PRESS, json=SMOKE, headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        record = await anext(presses)
        assert f"-{trace}-" in (record.header("traceparent") or "")
        assert record.key == SMOKE["session_id"].encode()


async def signed_press(gateway: GatewayFixture, session_id: str) -> Any:
    return await gateway.client.post(PRESS, json={**SMOKE, "session_id": session_id})


async def test_signed_sessions_only(tmp_path: Path):
    """With a secret only signed sessions are accepted, and only the journey is the key."""
    async with gateway_in(tmp_path, secret="a secret of tests") as gateway:
        issued = (await gateway.client.post("/api/v1/session")).json()
        assert issued["signed"] is True
        journey = issued["session_id"].partition(".")[0]
        assert (await signed_press(gateway, issued["session_id"])).status_code == 200
        press = await gateway.generator.presses.get()
        assert press.session_id == journey
        for forged in (journey, f"{journey}.", "x", issued["session_id"] + "x"):
            assert_problem(await signed_press(gateway, forged), 401, "unauthorized")


async def test_unsigned_session_id(tmp_path: Path):
    """Without a secret a session is an unguessable, well-formed id."""
    async with gateway_in(tmp_path) as gateway:
        issued = [(await gateway.client.post("/api/v1/session")).json() for _ in range(2)]
        assert [each["signed"] for each in issued] == [False, False]
        assert issued[0]["session_id"] != issued[1]["session_id"]
        assert (await signed_press(gateway, issued[0]["session_id"])).status_code == 200
