"""GET /event/stream on a real server: replay, order, resumption, texts in flight, slow and leaving clients."""

import asyncio
import json
import socket
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.gateway.test_presses import assert_problem
from tests.support import factories
from tests.support.gateway import (
    PATIENCE,
    Listener,
    ScriptedGenerator,
    Sent,
    gateway_in,
    listening,
    served,
    system_in,
    until,
)

from qdpi.events import Fault, Phase
from qdpi.gateway.streams.sse import seq_of
from qdpi.ids import request_id

DONE, FAILED, DELTA, STATUS = (
    "generate.page.done",
    "generate.page.failed",
    "generate.page.delta",
    "status",
)
FAULT = Fault(code="model_failed", detail="Nothing came.", next_step="Press again.")


@pytest.fixture(autouse=True)
async def _patience():
    async with asyncio.timeout(PATIENCE):
        yield


async def until_joined(client: Listener) -> None:
    """Read the greeting, and the status of the run under way with which a follower goes live."""
    assert [(await client.next()).data["phase"] for _ in range(2)] == ["following", "queued"]


async def next_but_statuses(client: Listener) -> Sent:
    while (frame := await client.next()).event == STATUS:
        pass
    return frame


async def outcomes(client: Listener, count: int) -> list[Sent]:
    return [await next_outcome(client) for _ in range(count)]


async def next_outcome(client: Listener) -> Sent:
    while (frame := await client.next()).event not in {DONE, FAILED}:
        pass
    return frame


async def test_first_frame_is_a_status_with_seq(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        async with listening(address, "reader") as client:
            first = await client.next()
            assert (first.event, first.id, first.data["seq"]) == (STATUS, "0", 0)
            assert client.retry == "1000"
            headers = client.response.headers
            assert headers["content-type"] == "text/event-stream; charset=utf-8"
            assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
        generator = ScriptedGenerator(system)
        for press in "ab":
            await generator.answer("reader", press)
        async with listening(address, "reader") as client:
            first = await client.next()
            assert (first.event, first.id, first.data["seq"]) == (STATUS, "2", 2)


async def test_outcome_frame_has_seq_and_event(tmp_path: Path):
    """An outcome's frame has its seq as id and the event as data."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        async with listening(address, "reader") as client:
            await client.next()
            written = await generator.answer("reader", "a")
            failed = await generator.answer("reader", "b", fault=FAULT)
            first, second = await outcomes(client, 2)
            assert (first.event, first.id) == (DONE, "1")
            assert first.data == written.event.model_dump(mode="json")
            assert {"edges", "validation", "policy", "return_to", "locus", "receipt_id"} <= first.data.keys()
            assert (second.event, second.id) == (FAILED, "2")
            assert second.data == failed.event.model_dump(mode="json")
            assert second.data["error"] == FAULT.model_dump()


async def test_stream_begins_now_by_default(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        await generator.answer("reader", "a")
        async with listening(address, "reader") as client:
            await client.next()
            await generator.answer("reader", "b")
            assert (await next_outcome(client)).id == "2"


async def test_after_replays_later_outcomes(tmp_path: Path):
    """`after` replays the later outcomes, and 0 replays all."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        for press in "abc":
            await generator.answer("reader", press)
        for after in range(4):
            async with listening(address, "reader", after) as client:
                await client.next()
                replayed = await outcomes(client, 3 - after)
                assert [frame.id for frame in replayed] == [str(seq) for seq in range(after + 1, 4)]


async def test_an_empty_last_event_id_is_none(tmp_path: Path):
    """Some clients send the header before they have an id. An empty `after` is none as well."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        for press in ("a", "b"):
            await ScriptedGenerator(system).answer("reader", press)
        async with listening(address, "reader", last_event_id="") as client:
            assert (await client.next()).id == "2"
        async with listening(address, "reader", 1, last_event_id="") as client:
            assert (await client.next()).id == "1"


@pytest.mark.parametrize(
    ("last_id", "after", "seq"),
    [("", "7", 7), (" ", "7", 7), ("\t", None, None), (None, "", None), (None, " ", None), (" 3 ", "7", 3)],
)
def test_white_space_is_no_seq(last_id: str | None, after: str | None, seq: int | None):
    assert seq_of(last_id, after) == seq


async def test_last_event_id_overrides_after(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        for press in "abc":
            await generator.answer("reader", press)
        async with listening(address, "reader", 0, last_event_id="2") as client:
            assert (await client.next()).id == "2"
            assert (await next_outcome(client)).id == "3"


async def test_future_seq_continues_from_the_newest(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        await generator.answer("reader", "a")
        async with listening(address, "reader", 10) as client:
            assert (await client.next()).id == "1"
            await generator.answer("reader", "b")
            assert (await next_outcome(client)).id == "2"


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "٣", "9" * 30, "0x1"])
async def test_malformed_seq_is_refused(tmp_path: Path, value: str):
    async with gateway_in(tmp_path) as gateway:
        stream = "/api/v1/event/stream"
        asked = await gateway.client.get(stream, params={"session_id": "reader", "after": value})
        assert_problem(asked, 422, "invalid_input")
        header = {b"last-event-id": value.encode()}
        resumed = await gateway.client.get(stream, params={"session_id": "reader"}, headers=header)
        assert_problem(resumed, 422, "invalid_input")


async def test_stream_needs_its_session(tmp_path: Path):
    """A stream without a session, or with another's, is refused."""
    async with gateway_in(tmp_path, secret="a secret of tests") as gateway:
        stream = "/api/v1/event/stream"
        assert_problem(await gateway.client.get(stream), 422, "invalid_input")
        unsigned = await gateway.client.get(stream, params={"session_id": "reader"})
        assert_problem(unsigned, 401, "unauthorized")


async def test_stream_has_only_its_own_journey(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        async with listening(address, "reader") as client:
            await client.next()
            await generator.publish_delta("other", "x", "Not for you", 0)
            await generator.answer("other", "x")
            await generator.answer("reader", "a")
            assert (await client.next()).data["session_id"] == "reader"


async def test_press_frames_in_order(tmp_path: Path):
    """The frames of a press: queued, its phases, its text, its page."""
    async with system_in(tmp_path) as system, served(system) as (address, app, _):
        generator = ScriptedGenerator(system)
        async with listening(address, "reader") as client, httpx.AsyncClient() as poster:
            await client.next()
            body = {"session_id": "reader", "symbol_code": 0}
            posted = await poster.post(f"http://{address}/api/v1/event/ui/symbol", json=body)
            press = posted.json()["event_id"]
            queued = await client.next()
            assert (queued.event, queued.id, queued.data["phase"]) == (STATUS, None, "queued")
            assert (queued.data["event_id"], queued.data["request_id"]) == (press, request_id(press))
            await generator.publish_delta("reader", press, "", 0, phase=Phase.PLANNING)
            phase = await client.next()
            assert (phase.event, phase.id) == (STATUS, None)
            assert phase.data == {
                "phase": "planning",
                "attempt": 1,
                "press_id": press,
                "request_id": request_id(press),
                "place": 1,
                "symbol_code": 0,
                "user_intent": "",
                "pressed_at": queued.data["pressed_at"],
            }
            await generator.publish_delta("reader", press, "The door", 0)
            text = await client.next()
            assert (text.event, text.id) == (DELTA, None)
            assert (text.data["text"], text.data["offset"], text.data["attempt"]) == ("The door", 0, 1)
            assert text.data["request_id"] == request_id(press)
            await generator.answer("reader", press)
            assert (await client.next()).event == DONE
            assert app.state.gateway.hub.pending.of("reader") == {}


async def test_join_mid_page_gets_text(tmp_path: Path):
    """A follower that joins in the middle of a page gets its text so far."""
    async with system_in(tmp_path) as system, served(system) as (address, app, _):
        generator = ScriptedGenerator(system)
        app.state.gateway.hub.pending.add(factories.press("reader", "a"))
        async with listening(address, "reader") as early, AsyncExitStack() as stack:
            await until_joined(early)
            await generator.publish_delta("reader", "a", "", 0, phase=Phase.WRITING)
            await generator.publish_delta("reader", "a", "The ", 0)
            await generator.publish_delta("reader", "a", "door", 4)
            await early.until(DELTA)
            await early.until(DELTA)
            late = await stack.enter_async_context(listening(address, "reader"))
            assert (await late.next()).event == STATUS
            assert (await late.next()).data["phase"] == "writing"
            caught_up = await late.next()
            assert (caught_up.event, caught_up.id) == (DELTA, None)
            assert (caught_up.data["offset"], caught_up.data["text"]) == (0, "The door")
            await generator.publish_delta("reader", "a", " stood", 8)
            assert (await late.next()).data["text"] == " stood"
            await generator.answer("reader", "a")
            assert (await late.next()).event == DONE


async def test_older_attempts_are_dropped(tmp_path: Path):
    """After a frame of a newer attempt, none of an older one is sent."""
    async with system_in(tmp_path) as system, served(system) as (address, app, _):
        generator = ScriptedGenerator(system)
        app.state.gateway.hub.pending.add(factories.press("reader", "a"))
        async with listening(address, "reader") as client:
            await until_joined(client)
            await generator.publish_delta("reader", "a", "The ", 0, attempt=1)
            await generator.publish_delta("reader", "a", "A ", 0, attempt=2)
            await generator.publish_delta("reader", "a", "door", 4, attempt=1)
            await generator.publish_delta("reader", "a", "gate", 2, attempt=2)
            await generator.answer("reader", "a")
            await generator.publish_delta("reader", "a", " late", 6, attempt=2)
            await generator.answer("reader", "b")
            received = [await next_but_statuses(client) for _ in range(5)]
            assert [(f.event, f.data.get("attempt"), f.data["text"][:4]) for f in received[:3]] == [
                (DELTA, 1, "The "),
                (DELTA, 2, "A "),
                (DELTA, 2, "gate"),
            ]
            assert [f.id for f in received[3:]] == ["1", "2"]


async def test_outcomes_deduplicated_and_ordered(tmp_path: Path):
    """Outcomes published twice and out of order arrive once and in order."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        async with listening(address, "reader") as client:
            await client.next()
            first = await generator.commit("reader", "a")
            second = await generator.commit("reader", "b")
            third = await generator.commit("reader", "c")
            for outcome in (second, first, second, third, third):
                await generator.publish(outcome)
            await generator.answer("reader", "d")
            assert [frame.id for frame in await outcomes(client, 4)] == ["1", "2", "3", "4"]


async def test_unreadable_outcome_held_back(tmp_path: Path):
    """An outcome whose page is not readable yet is held back until it is published."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        await generator.answer("reader", "a")
        underived = await generator.commit("reader", "b", derive=False)
        async with listening(address, "reader", 0) as client, httpx.AsyncClient() as reader:
            await client.next()
            assert (await next_outcome(client)).id == "1"
            await generator.publish_delta("reader", "c", "on", 0)
            assert (await client.until(DELTA)).data["text"] == "on"
            await generator.derive(underived)
            await generator.publish(underived)
            result = await next_outcome(client)
            assert result.id == "2"
            page = await reader.get(f"http://{address}/api/v1/page/{result.data['page_id']}")
            assert page.status_code == 200


@pytest.mark.slow
async def test_reconnect_after_every_frame(tmp_path: Path):
    """A client that reconnects after every frame gets each seq once and in order."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator, total = ScriptedGenerator(system), 8
        result: list[str] = []
        last_id: str | None = None

        async def write() -> None:
            for number in range(total):
                press = f"press-{number}"
                await generator.publish_delta("reader", press, "Some ", 0)
                await generator.publish_delta("reader", press, "text", 5)
                await generator.answer("reader", press, fault=FAULT if number % 3 == 1 else None)

        frames_taken = 1
        async with listening(address, "reader") as client:
            last_id = (await client.next()).id
        writing = asyncio.create_task(write())
        while len(result) < total:
            async with listening(address, "reader", last_event_id=last_id) as client:
                for _ in range(frames_taken % 4 + 1):
                    frame = await client.next()
                    last_id = frame.id or last_id
                    if frame.event in {DONE, FAILED}:
                        result.append(frame.id or "")
                    if len(result) == total:
                        break
            frames_taken += 1
        await writing
        assert result == [str(seq) for seq in range(1, total + 1)]


async def test_reconnect_at_every_frame_of_a_replay(tmp_path: Path):
    """A client that is cut at every frame of a replay misses nothing."""
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        for press in "abcd":
            await generator.answer("reader", press)
        for cut in range(1, 6):
            async with listening(address, "reader", 0) as client:
                before = [await client.next() for _ in range(cut)]
            last_id = [frame.id for frame in before if frame.id is not None][-1]
            ids = [frame.id for frame in before if frame.event == DONE]
            async with listening(address, "reader", 0, last_event_id=last_id) as client:
                await client.next()
                ids += [frame.id for frame in await outcomes(client, 4 - len(ids))]
            assert ids == ["1", "2", "3", "4"]


async def test_any_gateway_serves_any_journey(tmp_path: Path):
    async with AsyncExitStack() as stack:
        systems = [await stack.enter_async_context(system_in(tmp_path)) for _ in range(2)]
        addresses = [(await stack.enter_async_context(served(system)))[0] for system in systems]
        generator = ScriptedGenerator(systems[0])
        one = await stack.enter_async_context(listening(addresses[0], "reader"))
        two = await stack.enter_async_context(listening(addresses[1], "reader"))
        assert [(await one.next()).id, (await two.next()).id] == ["0", "0"]
        poster = await stack.enter_async_context(httpx.AsyncClient())
        body = {"session_id": "reader", "symbol_code": 0}
        posted = await poster.post(f"http://{addresses[1]}/api/v1/event/ui/symbol", json=body)
        press = posted.json()["event_id"]
        assert (await one.next()).data["event_id"] == press
        await generator.answer("reader", press)
        first = await next_outcome(one)
        assert (await next_outcome(two)).data == first.data
        await ScriptedGenerator(systems[1]).answer("reader", "b")
        resumed = await stack.enter_async_context(listening(addresses[1], "reader", last_event_id=first.id))
        assert [(await next_outcome(resumed)).id, (await next_outcome(one)).id] == ["2", "2"]


def slow_client(address: str, path: str) -> socket.socket:
    """Request a stream and read nothing of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    host, _, port = address.partition(":")
    client.connect((host, int(port)))
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n".encode())
    client.setblocking(False)
    return client


@pytest.mark.slow
async def test_slow_client_disconnected(tmp_path: Path):
    """A slow client is disconnected; the others get every frame without delay."""
    async with (
        system_in(tmp_path) as system,
        served(system, queue_limit=16, send_seconds=3) as (address, app, server),
        listening(address, "reader") as client,
    ):
        hub, generator = app.state.gateway.hub, ScriptedGenerator(system)
        hub.pending.add(factories.press("reader", "a"))
        await until_joined(client)
        with slow_client(address, "/api/v1/event/stream?session_id=reader"):
            await until(lambda: len(hub._followers["reader"]) == 2)
            offset, piece = 0, "x" * 60_000
            while not any(follower.overflowed for follower in hub._followers["reader"]):
                await generator.publish_delta("reader", "a", piece, offset)
                assert (await client.until(DELTA)).data["text"]
                offset += len(piece)
            await until(lambda: system.metrics.dropped._value.get())
            await generator.answer("reader", "a")
            assert (await next_outcome(client)).id == "1"
            assert system.metrics.dropped._value.get() == 1
            server.drop_undrained()
            server.drop_undrained()
            await until(lambda: len(server.server_state.connections) == 1)


async def test_left_client_is_removed(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, app, _):
        async with listening(address, "reader") as client:
            await client.next()
            assert len(app.state.gateway.hub._followers["reader"]) == 1
        await until(lambda: not app.state.gateway.hub._followers)
        assert system.metrics.streams.labels("sse")._value.get() == 0


async def test_quiet_stream_sends_pings(tmp_path: Path):
    async with (
        system_in(tmp_path) as system,
        served(system, ping_seconds=0.01) as (address, _, _),
        listening(address, "reader") as client,
    ):
        await client.next()
        comments = (line async for line in client._lines if line.startswith(":"))
        assert await anext(comments) == ": ping"
        await comments.aclose()


async def test_frames_are_sent_without_delay(tmp_path: Path):
    """Nagle's algorithm is off, so each frame is sent at once."""
    async with (
        system_in(tmp_path) as system,
        served(system) as (address, _, server),
        listening(address, "reader") as client,
    ):
        await client.next()
        (connection,) = server.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_server_stop_ends_open_streams(tmp_path: Path):
    async with system_in(tmp_path) as system:
        async with AsyncExitStack() as stack:
            server = served(system)
            address, _, running = await server.__aenter__()
            clients = [await stack.enter_async_context(listening(address, f"reader-{n}")) for n in range(3)]
            for client in clients:
                await client.next()
            running.should_exit = True
            for client in clients:
                assert await client.rest() == []
            await server.__aexit__(None, None, None)
        assert not running.server_state.connections


class Interrupted:
    """A bus whose taps the test can end, as an outage does."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus
        self.cut = asyncio.Event()
        self.restored = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    def tap(self, *args: Any, **kwargs: Any) -> Any:
        from contextlib import asynccontextmanager

        from qdpi.errors import BusUnavailable

        @asynccontextmanager
        async def tapped():
            if self.cut.is_set():
                await self.restored.wait()
            async with self._bus.tap(*args, **kwargs) as records:

                async def until_unavailable():
                    reading = aiter(records)
                    while True:
                        coming = asyncio.ensure_future(anext(reading))
                        leaving = asyncio.ensure_future(self.cut.wait())
                        try:
                            await asyncio.wait({coming, leaving}, return_when=asyncio.FIRST_COMPLETED)
                            if self.cut.is_set():
                                raise BusUnavailable("The bus failed.")
                            yield coming.result()
                        finally:
                            for task in (coming, leaving):
                                task.cancel()
                                with suppress(asyncio.CancelledError, StopAsyncIteration):
                                    await task

                yield until_unavailable()

        return tapped()


async def test_outage_recovered_from_store(tmp_path: Path):
    """Outcomes published during an outage of the bus are read from the store."""
    from dataclasses import replace

    async with system_in(tmp_path) as whole:
        bus: Any = Interrupted(whole.bus)
        system, generator = replace(whole, bus=bus), ScriptedGenerator(whole)
        async with served(system) as (address, app, _), listening(address, "reader") as client:
            await client.next()
            await generator.answer("reader", "a")
            assert (await next_outcome(client)).id == "1"
            bus.cut.set()
            await until(lambda: app.state.gateway.hub.away_since)
            async with httpx.AsyncClient() as asker:
                ready = await asker.get(f"http://{address}/readyz")
                assert ready.status_code == 503
                assert ready.json()["parts"]["bus"]["since"]
            await generator.answer("reader", "b")
            await generator.answer("reader", "c")
            bus.cut.clear()
            bus.restored.set()
            assert [frame.id for frame in await outcomes(client, 2)] == ["2", "3"]
            await generator.answer("reader", "d")
            assert (await next_outcome(client)).id == "4"


async def test_malformed_event_does_not_stop_the_streams(tmp_path: Path):
    from qdpi.bus.port import Message

    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        async with listening(address, "reader") as client:
            await client.next()
            for garbage in (b"", b"\xff", b"{}", b'{"session_id": 5}', None):
                for topic in ("gibsey.generate.page.done", "gibsey.ui.symbol"):
                    await system.bus.publish(Message(topic, b"reader", garbage))
            await generator.answer("reader", "a")
            assert (await next_outcome(client)).id == "1"


def test_frame_is_one_line_of_json():
    from tests.support.gateway import delta

    from qdpi.gateway.streams.frames import delta_frame

    frame = delta_frame(delta("j", "p", "a\nb\r\nc\u2028d\x85"))
    data = frame.sse.decode().split("\n")[1]
    assert json.loads(data.removeprefix("data: "))["text"] == "a\nb\r\nc\u2028d\x85"
    assert "\r" not in frame.sse.decode()
    assert json.loads(frame.text)["data"]["text"] == "a\nb\r\nc\u2028d\x85"
