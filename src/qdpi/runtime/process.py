"""Serving: workers and gateway side by side, and an orderly end on a signal."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from fastapi import FastAPI

from qdpi.errors import QdpiError
from qdpi.gateway.server import GatewayServer
from qdpi.services.workers import WorkerGroup
from qdpi.settings import Settings

DRAIN_SECONDS: Final = 10.0
"""How long the workers may take to finish what they have when they are asked to stop."""


class Server(GatewayServer):
    """The gateway's server in a process whose signals are not its own; `answers` is set once it has started."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(app, host=settings.host, port=settings.port)
        self.answers = asyncio.Event()

    def capture_signals(self) -> Any:
        """Leave the signals to `signals_to`."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        await super().startup(sockets)
        if self.started:
            self.answers.set()


@contextmanager
def signals_to(stopping: asyncio.Event) -> Iterator[None]:
    """Set an event at the first SIGINT or SIGTERM of a block; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def heard(number: int) -> None:
        if stopping.is_set():
            sys.stdout.flush()
            os._exit(128 + number)  # what is durable is on the disk already, and the rest is redone
        stopping.set()

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, heard, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def first_of(*events: asyncio.Event) -> None:
    """Return when one of the events is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def serve_until(stopping: asyncio.Event, server: Server, listening: socket.socket) -> None:
    """Serve until the event is set; then take nothing more, end the streams, and close."""

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
    """Have actors work until the event is set; then they finish what they have, within `seconds`.

    What is not finished then is dropped uncommitted, and done again by whoever comes next.
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
    """Await works together; when one ends, all are asked to. Raises the first failure once all have ended."""

    async def ending(work: Awaitable[None]) -> None:
        try:
            await work
        finally:
            stopping.set()

    for result in await asyncio.gather(*map(ending, works), return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
