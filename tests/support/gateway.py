"""A gateway on the embedded bus and store, with a small book and a scripted page generator."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from tests.support import factories
from tests.support.ports import LOOPBACK, kept_port

from qdpi.bootstrap import build_system, opened
from qdpi.bus.port import Start
from qdpi.events import Ask, Fault, PageDelta, PageDone, PageFailed, Phase, Press, decode, reader_fields
from qdpi.gateway.app import create_app
from qdpi.gateway.server import GatewayServer
from qdpi.gateway.streams.hub import Hub
from qdpi.ids import derived_id, request_id
from qdpi.journey import JourneyState, fold
from qdpi.measures.checks import Thresholds
from qdpi.outcome import Outcome
from qdpi.page_schema import Voice
from qdpi.retry import Backoff
from qdpi.settings import Settings
from qdpi.store.ports import Committed
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES
from qdpi.system import System

PATIENCE = 60.0
"""The longest wait of a test, in seconds."""


async def put_book(system: System, *, pages_a_section: int = 3, revision: int = 1, **facts: Any) -> None:
    """Give a system a book of sixteen sections; `facts` are fields of its revision, such as `content_hash`."""
    numbered = [(n, 1 + (n - 1) // pages_a_section) for n in range(1, 16 * pages_a_section + 1)]
    following = [*numbered[1:], numbered[0]]
    pages = [
        factories.canon_page(
            n, section=s, next_id=factories.canon_id(*after), revision=revision, canon_revision=revision
        )
        for (n, s), after in zip(numbered, following, strict=True)
    ]
    voices = tuple(
        Voice(
            character=c,
            slug=CHARACTER_MAP[c],
            name=CHARACTER_NAMES[c],
            profile="Speaks plainly.",
            color=f"#0000{c:02x}",
            symbol_svg=None,
            source="profile",
        )
        for c in range(16)
    )
    await system.store.put_canon(revision, 0, pages)
    await system.store.switch_canon(
        factories.canon_revision(revision, len(pages), voices=voices, thresholds=Thresholds().as_dict(), **facts)
    )


@dataclass
class ScriptedGenerator:
    """A page generator that commits and publishes outcomes when the test says so."""

    system: System
    presses: asyncio.Queue[Press | Ask] = field(default_factory=asyncio.Queue)

    async def receive_presses(self, listening: asyncio.Event) -> None:
        """Put presses and asks into `presses` as they arrive; set `listening` once the tap is open."""
        async with self.system.bus.tap([Press.topic, Ask.topic], Start.LATEST) as records:
            listening.set()
            async for record in records:
                press = decode(Ask if record.topic == Ask.topic else Press, record.value)
                await self.presses.put(press)  # type: ignore[arg-type]

    async def answer_all(self) -> None:
        """Answer every press as it arrives."""
        while True:
            press = await self.presses.get()
            await self.answer(press.session_id, press.event_id)

    async def commit(
        self, journey: str, press: str, *, fault: Fault | None = None, derive: bool = True, **page: Any
    ) -> Outcome:
        """Commit a press's outcome as the journey's next, and derive its page, without publishing it."""
        last = await self.system.store.last_outcome(journey)
        state = last.state if last else JourneyState()
        outcome = outcome_of(journey, press, state, fault, **page)
        run = request_id(press)
        assert isinstance(await self.system.store.commit_outcome(journey, run, state.seq, outcome), Committed)
        if derive:
            await self.derive(outcome)
        return outcome

    async def derive(self, outcome: Outcome) -> None:
        """Store an outcome's page."""
        if outcome.page is not None:
            await self.system.store.link_page(outcome.page)
            await self.system.store.put_page(outcome.page)

    async def publish(self, outcome: Outcome) -> None:
        """Publish an outcome."""
        await self.system.publisher.publish(outcome.event)

    async def answer(self, journey: str, press: str, *, fault: Fault | None = None, **page: Any) -> Outcome:
        """Commit, derive and publish."""
        outcome = await self.commit(journey, press, fault=fault, **page)
        await self.publish(outcome)
        return outcome

    async def publish_delta(
        self,
        journey: str,
        press: str,
        text: str,
        offset: int,
        *,
        attempt: int = 1,
        phase: Phase = Phase.WRITING,
    ) -> None:
        """Publish a delta."""
        await self.system.publisher.publish(delta(journey, press, text, offset, attempt=attempt, phase=phase))


def delta(
    journey: str,
    press: str,
    text: str,
    offset: int = 0,
    *,
    attempt: int = 1,
    phase: Phase = Phase.WRITING,
) -> PageDelta:
    """Return a delta of the run of a press."""
    return PageDelta(
        event_id=derived_id("test-delta", press, str(attempt), str(offset), text),
        ts=factories.at(0),
        session_id=journey,
        press_id=press,
        request_id=request_id(press),
        attempt=attempt,
        offset=offset,
        text=text,
        phase=phase,
    )


def outcome_of(
    journey: str,
    press: str,
    state: JourneyState,
    fault: Fault | None = None,
    answers: Press | Ask | None = None,
    **page: Any,
) -> Outcome:
    """Return the outcome of a press after a state: a page, or the fault it failed with.

    With `answers`, the press itself, it has the symbol, the words and the wish of that.
    """
    seq = state.seq + 1
    given = reader_fields(answers) if answers else {}
    if isinstance(answers, Press):
        given["symbol_code"] = answers.symbol_code
    asked = factories.request(journey, seq, press_id=press, cause_id=press, request_id=request_id(press), **given)
    if fault is not None:
        event: PageDone | PageFailed = factories.failed(asked, seq=seq).model_copy(update={"error": fault})
        written = None
    else:
        written = factories.generated_page(asked, seq=seq, **page)
        event = factories.done(written, asked, seq=seq)
    return Outcome(
        event=event,
        page=written,
        receipt=factories.receipt(asked),
        state=fold(state, event),
        request=asked,
    )


@dataclass
class GatewayFixture:
    """A system with a book, its gateway, a client and the scripted generator."""

    system: System
    app: FastAPI
    generator: ScriptedGenerator
    client: httpx.AsyncClient

    @property
    def hub(self) -> Hub:
        """The gateway's hub."""
        hub: Hub = self.app.state.gateway.hub
        return hub

    async def press(self, journey: str = "reader", **body: Any) -> str:
        """Press symbol 0 and return the press's id."""
        answer = await self.client.post(
            "/api/v1/event/ui/symbol", json={"session_id": journey, "symbol_code": 0, **body}
        )
        assert answer.status_code == 200, answer.text
        event_id: str = answer.json()["event_id"]
        return event_id


def settings(directory: Path, **changes: Any) -> Settings:
    """Return the settings of a test's gateway."""
    return Settings(data_dir=directory, **changes)


def brisk() -> Backoff:
    """Return a backoff for tests: short and not random."""
    return Backoff(first=0.001, most=0.01, chance=lambda: 1.0)


@asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines in the background of a block and cancel them at its end; their errors are raised there."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for result in ended:
        if isinstance(result, Exception):
            raise result


async def until(condition: Callable[[], object]) -> None:
    """Let other tasks run until a condition holds; the test's own timeout bounds it."""
    while not condition():  # noqa: ASYNC110 (the condition has no event of its own)
        await asyncio.sleep(0.001)  # usually a thread changes it, and needs the processor too


@asynccontextmanager
async def system_in(
    directory: Path, *, book: bool = True, wrap: Callable[[System], System] = lambda s: s, **changes: Any
) -> AsyncIterator[System]:
    """Open a system in a directory, with the small book."""
    built = build_system(settings(directory, **changes), backoff=brisk(), now=lambda: datetime.now(UTC))
    async with opened(built) as system:
        if book and await system.store.canon() is None:
            await put_book(system)
        yield wrap(system)


@asynccontextmanager
async def gateway_in(
    directory: Path,
    *,
    book: bool = True,
    answers: bool = False,
    wrap: Callable[[System], System] = lambda system: system,
    app_options: dict[str, Any] | None = None,
    **changes: Any,
) -> AsyncIterator[GatewayFixture]:
    """Open a gateway whose client calls the app without a socket. With `answers` every press is answered."""
    async with (
        asyncio.timeout(PATIENCE),
        system_in(directory, book=book, wrap=wrap, **changes) as system,
    ):
        app, generator, listening = (
            create_app(system, **(app_options or {})),
            ScriptedGenerator(system),
            asyncio.Event(),
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            background(generator.receive_presses(listening), *([generator.answer_all()] if answers else [])),
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            await listening.wait()
            await app.state.gateway.hub.listening.wait()
            yield GatewayFixture(system, app, generator, client)


@asynccontextmanager
async def served(
    system: System, *, port: int | None = None, **app_options: Any
) -> AsyncIterator[tuple[str, FastAPI, GatewayServer]]:
    """Serve a system's gateway on a port of this machine, by default a free one; yields its address, app and server.

    It can be served at the same port again.
    """
    app = create_app(system, **app_options)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port or kept_port()))
        listener.listen()
        server = GatewayServer(app, host="127.0.0.1", port=0)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await app.state.gateway.hub.listening.wait()
            yield f"{LOOPBACK}:{listener.getsockname()[1]}", app, server
        finally:
            server.should_exit = True
            await serving


@dataclass(frozen=True)
class Sent:
    """A server-sent event as a client reads it."""

    event: str
    id: str | None
    data: Any


class Listener:
    """An SSE client: reads frames one by one; comments are counted."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self.retry: str | None = None
        self._lines = response.aiter_lines()

    async def next(self) -> Sent:
        """Read the next frame. Raises `StopAsyncIteration` at the stream's end."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                self.retry = fields.get("retry", self.retry)
                return Sent(fields["event"], fields.get("id"), json.loads(fields["data"]))
        raise StopAsyncIteration

    async def until(self, event: str) -> Sent:
        """Read on to the next frame of a name."""
        while (frame := await self.next()).event != event:
            pass
        return frame

    async def rest(self) -> list[Sent]:
        """Read to the stream's end."""
        frames = []
        while True:
            try:
                frames.append(await self.next())
            except StopAsyncIteration:
                return frames


@asynccontextmanager
async def listening(
    address: str, journey: str, after: int | None = None, *, last_event_id: str | None = None
) -> AsyncIterator[Listener]:
    """Follow a journey on a served gateway."""
    query = {"session_id": journey} | ({} if after is None else {"after": str(after)})
    headers = {} if last_event_id is None else {"last-event-id": last_event_id}
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream("GET", f"http://{address}/api/v1/event/stream", params=query, headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        yield Listener(response)
