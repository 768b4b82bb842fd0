"""The line mode: commands from standard input, pages to standard output, on any terminal and in scripts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.text import Text

from qdpi.api.responses import PageView
from qdpi.concurrency import first_of
from qdpi.errors import QdpiError
from qdpi.events import PageDone, PageFailed
from qdpi.terminal import render
from qdpi.terminal.commands import Quit, command_of, run_command
from qdpi.terminal.input import InputLines
from qdpi.terminal.printable import printable
from qdpi.terminal.reader import ActiveRun, ReaderSession
from qdpi.terminal.typewriter import Typewriter


@dataclass
class LineDisplay:
    """Shows a reader session on a console that scrolls. With `live`, a page is shown while it is written."""

    console: Console
    live: bool
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    _typewriter: Typewriter | None = None
    _waited: bool = False

    def __post_init__(self) -> None:
        self.idle.set()

    def show(self, what: RenderableType | None) -> None:
        """Print a renderable, at a readable width."""
        if what is not None:
            self._end_typing()
            self.console.print(what, width=min(self.console.width, render.LINE_WIDTH + 8))

    def run_started(self, run: ActiveRun) -> None:
        """Prepare for the page of a run; say which one it is if it was under way before."""
        self.idle.clear()
        self._typewriter = None
        if run.from_before:
            self.show(render.still_line(run))

    def phase_changed(self, run: ActiveRun) -> None:
        """Show the phase of the run, on a live display only."""
        if self.live and not run.text:
            self.show(Text(f"{render.run_line(run).plain} …", style="dim"))

    def text_arrived(self, run: ActiveRun, piece: str, restarted: bool) -> None:
        """Type a piece of text, on a live display only."""
        self._waited = False
        if not self.live:
            return
        if restarted:
            self.show(Text("The page is restarted.", style="dim"))
        if self._typewriter is None:
            self.console.print()
            self._typewriter = Typewriter(self._write, lambda: min(self.console.width, render.LINE_WIDTH))
        self._typewriter.type(printable(piece))

    def run_ended(self, run: ActiveRun, outcome: PageDone | PageFailed, page: PageView | None) -> None:
        """Show the page, or why the run failed. Text that was typed already is not repeated."""
        typed = self._typewriter.text.strip() if self._typewriter else None
        self._end_typing()
        if isinstance(outcome, PageFailed):
            self.show(render.failure_view(outcome))
        elif page is not None and typed == printable(page.text).strip():
            self.show(render.frame_view(page))
        elif page is not None:
            self.show(render.page_view(page, None))
        self.idle.set()

    def other_run_ended(self, outcome: PageDone | PageFailed) -> None:
        """Report a run that was started elsewhere."""
        self.show(render.outcome_line(outcome))

    def gateway_unavailable(self, error: QdpiError) -> None:
        """Report once that the gateway is unavailable."""
        if not self._waited:
            self.show(render.plain(f"Waiting for the gateway: {error.detail}", "dim"))
        self._waited = True

    def _write(self, text: str) -> None:
        self.console.file.write(text)
        self.console.file.flush()

    def _end_typing(self) -> None:
        if self._typewriter is not None:
            self._typewriter.end()
            self._typewriter = None


class LineReader:
    """Runs commands in order. All but the immediate ones wait for the page that is being written."""

    def __init__(self, reader: ReaderSession, display: LineDisplay, lines: InputLines, *, prompt: bool) -> None:
        self._reader, self._display, self._lines, self._prompt = reader, display, lines, prompt
        self._leaving = asyncio.Event()
        self._stopping: asyncio.Task[bool] | None = None
        self.refused = 0

    async def run(self) -> None:
        """Read until the end of input, `quit` or a second interrupt. Raises the error that ends the stream."""
        journey = await self._reader.begin()
        self._display.show(render.page_view(self._reader.here, self._reader.canon))
        if self._prompt:
            self._display.show(Text(f"{render.journey_status(journey)} · `help` lists what you can say", style="dim"))
        await first_of(self._reader.follow(journey.head), self._obey(), self._leaving.wait())

    def interrupt(self) -> None:
        """Stop the page that is being written; leave if there is none, or if it is stopping already."""
        if not self._reader.busy or self._stopping is not None:
            self.leave()
            return
        self._stopping = asyncio.get_running_loop().create_task(self._reader.stop())
        self._stopping.add_done_callback(self._stopped)

    def leave(self) -> None:
        """Leave at once; the gateway finishes the page that is being written."""
        self._leaving.set()

    def _stopped(self, task: asyncio.Task[bool]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, QdpiError):
            self._display.show(render.error_line(error))

    async def _obey(self) -> None:
        while True:
            if self._prompt and self._display.idle.is_set():
                self._display.console.print("> ", end="")
            line = await self._lines.next()
            if line is None:
                await self._display.idle.wait()
                return
            try:
                await self._do(line)
            except Quit:
                return
            except QdpiError as error:
                self.refused += 1
                self._display.show(render.error_line(error))

    async def _do(self, line: str) -> None:
        if not line.strip():
            return
        if not command_of(line.split()[0]).immediate:
            await self._display.idle.wait()
            self._stopping = None
        self._display.show(await run_command(self._reader, line))
