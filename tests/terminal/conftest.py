"""A reader at a served gateway, with a scripted page generator."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console
from tests.support.gateway import PATIENCE, ScriptedGenerator, background, served, system_in, until

from qdpi.client import Client
from qdpi.events import Ask, Press
from qdpi.retry import Backoff
from qdpi.terminal.input import InputLines
from qdpi.terminal.lines import LineDisplay, LineReader
from qdpi.terminal.reader import ReaderSession


@dataclass
class Desk:
    """A gateway's scripted page generator, and a client."""

    generator: ScriptedGenerator
    client: Client
    session_id: str = "alice"

    async def pressed(self) -> Press | Ask:
        """Wait for the next press."""
        return await self.generator.presses.get()


@asynccontextmanager
async def desk_in(directory: Path, **options: Any) -> AsyncIterator[Desk]:
    async with (
        asyncio.timeout(PATIENCE),
        system_in(directory) as system,
        served(system, **options) as (address, _, _),
    ):
        generator, received = ScriptedGenerator(system), asyncio.Event()
        async with (
            background(generator.receive_presses(received)),
            Client(f"http://{address}", backoff=Backoff(first=0.001, most=0.01)) as client,
        ):
            await received.wait()
            yield Desk(generator, client)


class LinesAtWork:
    """A line reader with lines typed by the test, and its output."""

    def __init__(self, desk: Desk, *, live: bool = False) -> None:
        read_end, self._write_end = os.pipe()
        self._out = io.StringIO()
        console = Console(file=self._out, width=60, highlight=False)
        names = count()
        display = LineDisplay(console, live)
        self.reader = ReaderSession(desk.client, desk.session_id, display, lambda: f"name-{next(names)}")
        self.line_reader = LineReader(self.reader, display, InputLines(read_end), prompt=False)

    def type(self, *lines: str) -> None:
        """Type lines."""
        os.write(self._write_end, "".join(f"{line}\n" for line in lines).encode())

    def end(self) -> None:
        """End the input."""
        os.close(self._write_end)

    @property
    def printed(self) -> str:
        """The output so far, as one line."""
        return " ".join(self._out.getvalue().split())

    async def prints(self, words: str) -> None:
        """Wait until some words were printed."""
        await until(lambda: words in self.printed)
