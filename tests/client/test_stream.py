"""`Client.stream`: typed frames, each outcome and each piece of text once, also after broken connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import factories
from tests.support.gateway import PATIENCE, ScriptedGenerator, delta, served, system_in

from qdpi.api.responses import Following, RunStatus
from qdpi.api.sse import LineTooLong, ServerEvent, server_events
from qdpi.client import Client, Frame, GatewayUnreachable, Refused, UnreadableAnswer
from qdpi.events import Fault, PageDelta, PageDone, PageFailed, ReaderPlace, VaultChange
from qdpi.gateway.streams.frames import RETRY, change_frame, delta_frame, greeting_frame, outcome_frame
from qdpi.retry import Backoff

AT_ONCE = Backoff(first=0.0, most=0.0, chance=lambda: 0.0)
NOW = b"retry: 0\n"


@pytest.fixture(autouse=True)
async def _patience():
    async with asyncio.timeout(PATIENCE):
        yield


async def take(client: Client, count: int, **options: Any) -> list[Frame]:
    """Return the first frames of alice's stream."""
    frames: list[Frame] = []
    async with aclosing(client.stream("alice", **options)) as stream:
        async for frame in stream:
            frames.append(frame)
            if len(frames) == count:
                break
    return frames


class Broken(httpx.AsyncByteStream):
    """A response body that yields its pieces and then breaks or ends."""

    def __init__(self, pieces: list[bytes], *, breaks: bool = True) -> None:
        self._pieces, self._breaks = pieces, breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._breaks:
            raise httpx.ReadError("connection reset by peer")


class Server:
    """A server that gives each connection the prepared response, and records its `Last-Event-ID`."""

    def __init__(self, *connections: httpx.Response | Exception) -> None:
        self._connections = iter(connections)
        self.came_back_with: list[str | None] = []

    def client(self) -> Client:
        return Client("http://gateway", transport=httpx.MockTransport(self._answer), backoff=AT_ONCE)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.came_back_with.append(request.headers.get("last-event-id"))
        given = next(self._connections)
        if isinstance(given, Exception):
            raise given
        return given


def stream(*frames: bytes, breaks: bool = True) -> httpx.Response:
    return httpx.Response(200, stream=Broken([NOW, *frames], breaks=breaks))


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    result = {"type": "t", "title": "T", "status": status, "detail": "D.", "next_step": "N.", "code": code}
    return httpx.Response(
        status, content=json.dumps(result), headers={"content-type": "application/problem+json", **headers}
    )


def done(seq: int, text: str = "The door.") -> PageDone:
    asked = factories.request("alice", seq)
    return factories.done(factories.generated_page(asked, seq=seq, text=text), asked, seq=seq)


def test_gateway_sends_a_retry_of_one_second():
    assert RETRY == b"retry: 1000\n"


async def test_stream_frames_are_typed(tmp_path: Path):
    async with system_in(tmp_path) as system, served(system) as (address, _, _):
        generator = ScriptedGenerator(system)
        await generator.answer("alice", "first")
        async with Client(f"http://{address}") as client, aclosing(client.stream("alice", after=0)) as frames:
            assert await anext(frames) == Following(seq=1, after=0)
            assert isinstance(await anext(frames), PageDone)
            press = await client.press("alice", 0)
            queued = await anext(frames)
            assert isinstance(queued, RunStatus)
            assert (queued.phase, queued.press_id) == ("queued", press.event_id)
            await generator.publish_delta("alice", press.event_id, "The \u2028door", 0)
            piece = await anext(frames)
            assert isinstance(piece, PageDelta)
            assert piece.text == "The \u2028door"
            await generator.answer("alice", press.event_id, fault=Fault(code="stopped", detail="d", next_step="n"))
            failed = await anext(frames)
            assert isinstance(failed, PageFailed)
            assert failed.seq == 2


@pytest.mark.slow
async def test_stream_continues_at_another_gateway(tmp_path: Path):
    """A gateway ends during the stream and another replaces it; no outcome is missed or repeated."""
    waits: list[str] = []
    async with system_in(tmp_path) as system:
        generator = ScriptedGenerator(system)
        async with served(system) as (address, _, _):
            port = int(address.rpartition(":")[2])
            client = Client(f"http://{address}", backoff=AT_ONCE)
            frames = client.stream("alice", on_wait=lambda error: waits.append(str(error)))
            assert await anext(frames) == Following(seq=0, after=0)
            await generator.answer("alice", "a")
            assert (await anext(frames)).seq == 1  # type: ignore[union-attr]
        await generator.answer("alice", "b")
        async with served(system, port=port):
            assert await anext(frames) == Following(seq=2, after=1)
            assert (await anext(frames)).seq == 2  # type: ignore[union-attr]
            await frames.aclose()
            await client.close()
    assert waits


async def test_reconnect_sends_last_id_and_drops_repeats():
    first, second = done(1), done(2)
    server = Server(
        stream(greeting_frame(0, 0).sse, outcome_frame(first).sse),
        stream(greeting_frame(1, 2).sse, outcome_frame(first).sse, outcome_frame(second).sse, breaks=False),
        stream(greeting_frame(2, 2).sse),
    )
    async with server.client() as client:
        frames = await take(client, 5)
    assert frames == [
        Following(seq=0, after=0),
        first,
        Following(seq=2, after=1),
        second,
        Following(seq=2, after=2),
    ]
    assert server.came_back_with == [None, "1", "2"]


async def test_repeated_text_is_dropped():
    """Each piece of text is yielded once, although the stream repeats it after a reconnect."""
    pieces = [delta("alice", "p", "The door", 0), delta("alice", "p", " opens", 8)]
    whole = delta("alice", "p", "The door opens now", 0)
    anew = delta("alice", "p", "A window", 0, attempt=2)
    late = delta("alice", "p", " of attempt one", 18)
    server = Server(
        stream(*(delta_frame(each).sse for each in pieces)),
        stream(*(delta_frame(each).sse for each in (whole, whole, anew, late)), outcome_frame(done(1)).sse),
    )
    async with server.client() as client:
        frames = await take(client, 5)
    texts = [(f.attempt, f.offset, f.text) for f in frames if isinstance(f, PageDelta)]
    assert texts == [(1, 0, "The door"), (1, 8, " opens"), (1, 14, " now"), (2, 0, "A window")]


async def test_changes_repeated_after_a_reconnection_are_dropped():
    """A vault's change and a page turn are yielded once, although the gateway repeats them to whoever resumes."""
    saved = VaultChange(
        event_id="v-1", ts=factories.at(1), session_id="alice", action="saved", page_id="S01-P0001", label="mine"
    )
    turned = ReaderPlace(event_id="p-1", ts=factories.at(2), session_id="alice", page_id="S01-P0002", seq=0)
    again = saved.model_copy(update={"event_id": "v-2", "action": "labelled"})
    first = [change_frame(saved).sse, change_frame(turned).sse]
    server = Server(stream(*first), stream(*first, change_frame(again).sse))
    async with server.client() as client:
        frames = await take(client, 3)
    assert [frame for frame in frames if not isinstance(frame, Following)] == [saved, turned, again]


async def test_delta_after_a_lost_one_has_its_offset():
    server = Server(stream(delta_frame(delta("alice", "p", "far", 40)).sse))
    async with server.client() as client:
        (piece,) = await take(client, 1)
    assert isinstance(piece, PageDelta)
    assert piece.offset == 40


@pytest.mark.parametrize(
    "refusal",
    [problem(401, "unauthorized"), problem(503, "store_unavailable"), httpx.ConnectError("refused")],
    ids=["unauthorized", "away", "nobody there"],
)
async def test_first_connection_error_raised(refusal: httpx.Response | Exception):
    """An error of the first connection is raised."""
    async with Server(refusal).client() as client:
        with pytest.raises((Refused, GatewayUnreachable)):
            await take(client, 1)


async def test_temporary_errors_are_retried_after_the_first_frame():
    """Once the stream has connected, temporary errors are retried."""
    waits: list[str] = []
    server = Server(
        stream(greeting_frame(4, 4).sse),
        httpx.ConnectError("refused"),
        problem(503, "store_unavailable"),
        problem(429, "too_many_requests", **{"retry-after": "0"}),
        stream(greeting_frame(4, 4).sse),
    )
    async with server.client() as client:
        assert len(await take(client, 2, on_wait=lambda error: waits.append(error.code))) == 2
    assert waits == ["gateway_unreachable", "gateway_unreachable", "refused", "refused"]
    assert server.came_back_with == [None, "4", "4", "4", "4"]


async def test_later_refusal_of_the_session_ends_the_stream():
    server = Server(stream(greeting_frame(0, 0).sse), problem(401, "unauthorized"))
    async with server.client() as client:
        with pytest.raises(Refused):
            await take(client, 2)


async def test_unknown_event_is_skipped():
    server = Server(stream(b"event: weather\ndata: {}\n\n", greeting_frame(0, 0).sse))
    async with server.client() as client:
        assert await take(client, 1) == [Following(seq=0, after=0)]


async def test_malformed_event_is_raised():
    server = Server(stream(b"event: generate.page.done\nid: 1\ndata: {}\n\n"))
    async with server.client() as client:
        with pytest.raises(UnreadableAnswer, match=r"generate\.page\.done"):
            await take(client, 1)


async def read(text: bytes, cuts: list[int]) -> list[ServerEvent]:
    async def chunks() -> AsyncIterator[bytes]:
        places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
        for begin, end in pairwise(places):
            yield text[begin:end]

    return [event async for event in server_events(chunks())]


@given(
    events=st.lists(
        st.tuples(
            st.from_regex(r"[a-z.]{1,12}", fullmatch=True),
            st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=40),
        ),
        max_size=5,
    ),
    end=st.sampled_from(["\n", "\r", "\r\n"]),
    cuts=st.lists(st.integers(min_value=0), max_size=8),
)
@pytest.mark.slow
async def test_events_with_any_line_ends_and_chunks(events: list[tuple[str, str]], end: str, cuts: list[int]):
    """Events are read with every kind of line end, wherever the chunks are cut."""
    text = "".join(f": ping{end}event: {name}{end}data: {data}{end}{end}" for name, data in events)
    assert await read(text.encode(), cuts) == [ServerEvent(event=name, data=data) for name, data in events]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"data: a\ndata\ndata:b\n\n", [ServerEvent(data="a\n\nb")]),
        (b"id: 7\nretry: 20\ndata: x\n\n", [ServerEvent(data="x", id="7", retry=20)]),
        (b"retry: soon\nid: a\0b\ndata: x\n\n", [ServerEvent(data="x")]),
        (b"event: cut off\ndata: x\n", []),
        (b"\xef\xbb\xbfdata: x\n\n", [ServerEvent(data="x")]),
    ],
    ids=["many lines", "id and retry", "bad id and retry", "no end", "byte order mark"],
)
async def test_fields_follow_the_standard(text: bytes, events: list[ServerEvent]):
    assert await read(text, []) == events


async def test_endless_line_is_refused():
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * (1 << 20)

    with pytest.raises(LineTooLong, match="longer than"):
        async for _ in server_events(chunks()):
            pass


@pytest.mark.parametrize(("kept", "events"), [(False, ["one"]), (True, ["one", "two"])])
async def test_event_that_no_blank_line_ends(kept: bool, events: list[str]):
    """The standard drops it; who must read other people's servers may keep it."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"data: one\n\ndata: t"
        yield b"wo"

    assert [event.data async for event in server_events(chunks(), is_lenient=kept)] == events


@pytest.mark.parametrize(("lenient", "events"), [(False, []), (True, ["lamp", "error"])])
async def test_what_is_no_event_by_the_standard(lenient: bool, events: list[str]):
    """Servers write an error as a line of its own, or as the name of an event without data."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b": a comment\n\nevent: lamp\nBad Gateway\nid: 7\n\nid: 8\n\nevent: error\n\n"

    read = [event async for event in server_events(chunks(), is_lenient=lenient)]
    assert [event.event for event in read] == events
    assert [event.stray for event in read] == ["Bad Gateway", ""][: len(events)]
