"""A process: a gateway, workers, or both over one system, side by side until a signal or the first failure."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import partial
from typing import Any, Final

from fastapi import FastAPI

from qdpi.bootstrap import build_model, build_system, build_workers, check_program, ensure_book
from qdpi.concurrency import first_of, signal_handlers
from qdpi.errors import QdpiError
from qdpi.events import TOPICS
from qdpi.gateway.server import GatewayServer
from qdpi.language.port import LanguageModel
from qdpi.runtime.startup import Startup, closing, open_model
from qdpi.services.ingest import Progress
from qdpi.services.workers import WorkerGroup
from qdpi.settings import Settings
from qdpi.system import System
from qdpi.topology import WORKERS

DRAIN_SECONDS: Final = 10.0
"""How long workers that are asked to stop may take to finish the records they have."""


class Server(GatewayServer):
    """The gateway's server in a process that handles its own signals; `answers` is set once it has started."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(app, host=settings.host, port=settings.port)
        self.answers = asyncio.Event()

    def capture_signals(self) -> Any:
        """Leave the signals to `stop_on_signal`."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and set `answers`."""
        await super().startup(sockets)
        if self.started:
            self.answers.set()


class Process:
    """The parts that run in one process, over one system.

    `workers` are names of the topology, with the `model` that writes their pages; `listening` is the gateway's
    socket, None for a process without a gateway. With `first_book` a book is ingested where there is none, which is
    reported to that progress. While the bus or the store is unavailable the start is retried, unless `retry` is
    False. Workers that are asked to stop have `drain_seconds` for what they have begun.
    """

    def __init__(
        self,
        system: System,
        model: LanguageModel | None = None,
        *,
        workers: Collection[str] = (),
        listening: socket.socket | None = None,
        first_book: Progress | None = None,
        retry: bool = True,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self.system, self.model, self.workers = system, model, tuple(workers)
        self.stopping = asyncio.Event()
        self._listening, self._first_book, self._drain_seconds = listening, first_book, drain_seconds
        self._startup = Startup(system, self._prepare, retry=retry)
        self._server: Server | None = None
        if listening is not None:
            from qdpi.gateway.app import create_app  # the routes: a process of workers alone starts without them

            health = (lambda: None) if model is None else model.health
            app = create_app(system, model_health=health, model_name=lambda: self.model_name or None)
            self._server = Server(app, system.settings)

    @property
    def model_name(self) -> str:
        """The name of the model that writes pages here, "" where none does."""
        return self.model.name if self.model else ""

    def stop(self) -> None:
        """Ask every part to finish what it has and end."""
        self.stopping.set()

    async def run(self, announce: Callable[[], Awaitable[None]]) -> None:
        """Run until `stop` or the first failure, which is raised once every part has ended.

        `announce` is awaited when everything is ready and the gateway answers, before the workers begin.
        """
        async with closing(self.system), self._open_model():
            await side_by_side(self.stopping, self._serve(), self._work(announce))

    def _open_model(self) -> AbstractAsyncContextManager[object]:
        if self.model is None or not any(WORKERS[name].needs_model for name in self.workers):
            return nullcontext()
        return open_model(self.model)

    async def _prepare(self) -> None:
        if self._first_book is not None:
            await ensure_book(self.system, self._first_book)
        await self.system.bus.create_topics(TOPICS.values())
        needs_book = any(WORKERS[name].needs_book for name in self.workers)
        if needs_book or (self._server is not None and await self.system.store.canon() is not None):
            await self.system.editions.current()

    async def _serve(self) -> None:
        if self._server is None or self._listening is None:
            await self.stopping.wait()
            return
        await first_of(self._startup.answerable.wait(), self.stopping.wait())
        if self._startup.answerable.is_set():
            await serve_until(self.stopping, self._server, self._listening)

    async def _work(self, announce: Callable[[], Awaitable[None]]) -> None:
        if not await self._startup.ready(self.stopping):
            return
        group = self._build_workers()
        if self._server is not None:
            await first_of(self._server.answers.wait(), self.stopping.wait())
        if self.stopping.is_set():
            return
        await announce()
        await (work_until(self.stopping, group, self._drain_seconds) if group else self.stopping.wait())

    def _build_workers(self) -> WorkerGroup | None:
        return build_workers(self.system, self.workers, self.model) if self.model and self.workers else None


async def build_process(
    settings: Settings,
    *,
    workers: Collection[str] = (),
    listening: socket.socket | None = None,
    first_book: Progress | None = None,
    retry: bool = True,
) -> Process:
    """Return a process of the parts that the settings name. Raises `InvalidSetting`."""
    model = await build_model(settings) if workers else None
    if workers:
        check_program(settings)  # refused at the start, not when the first worker is built
    return Process(
        build_system(settings), model, workers=workers, listening=listening, first_book=first_book, retry=retry
    )


@asynccontextmanager
async def running(process: Process) -> AsyncIterator[None]:
    """Run a process for a block, which begins once its gateway answers, and end it after the block.

    Raises what the start fails with, and after the block what the process failed with meanwhile.
    """
    ready = asyncio.Event()

    async def announce() -> None:
        ready.set()

    task = asyncio.create_task(process.run(announce))
    try:
        await first_of(ready.wait(), asyncio.shield(task))
        yield
    finally:
        process.stop()
        await task


def run_on_uvloop(work: Coroutine[Any, Any, None]) -> None:
    """Run a process to its end on uvloop: a press takes a fifth less time there than on asyncio's own loop."""
    import uvloop

    uvloop.run(work)


@contextmanager
def stop_on_signal(stopping: asyncio.Event) -> Iterator[None]:
    """Set an event at the first SIGINT or SIGTERM of a block; a second one ends the process at once."""

    def stop(number: int) -> None:
        if stopping.is_set():
            sys.stdout.flush()
            os._exit(128 + number)  # durable writes are on the disk already, and the rest is redone
        stopping.set()

    with signal_handlers({number: partial(stop, number) for number in (signal.SIGINT, signal.SIGTERM)}):
        yield


async def serve_until(stopping: asyncio.Event, server: Server, listening: socket.socket) -> None:
    """Serve until the event is set; then accept nothing more, end the streams, and close."""

    async def end() -> None:
        await stopping.wait()
        server.should_exit = True

    ending = asyncio.create_task(end())
    try:
        await server.serve(sockets=[listening])
    finally:
        ending.cancel()
    if not server.started:
        raise QdpiError("The gateway could not start.", next_step="The log lines above say why.")


async def work_until(stopping: asyncio.Event, group: WorkerGroup, seconds: float = DRAIN_SECONDS) -> None:
    """Run workers until the event is set; then let them finish what they have, within `seconds`.

    Records that are not finished then stay uncommitted, and another member of the group handles them again.
    """
    working = asyncio.create_task(group.run())
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        group.stop()
        await asyncio.wait({working}, timeout=seconds)
        if working.done():
            working.result()
    finally:
        waiting.cancel()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def side_by_side(stopping: asyncio.Event, *works: Awaitable[None]) -> None:
    """Await works together; when one ends, set the event for the others. Raises the first failure after all ended."""

    async def ending(work: Awaitable[None]) -> None:
        try:
            await work
        finally:
            stopping.set()

    for result in await asyncio.gather(*map(ending, works), return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
