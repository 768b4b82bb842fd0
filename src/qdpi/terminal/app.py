"""The full screen: the page in a column, a status line, and an input line."""

from __future__ import annotations

import signal
from collections.abc import Awaitable
from typing import ClassVar, Final

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from qdpi.api.responses import PageView, SearchHit
from qdpi.client import Client
from qdpi.concurrency import signal_handlers
from qdpi.errors import QdpiError
from qdpi.events import PageDone, PageFailed
from qdpi.symbols import Trajectory
from qdpi.terminal import render
from qdpi.terminal.commands import Quit, run_command
from qdpi.terminal.printable import printable
from qdpi.terminal.reader import ActiveRun, ReaderSession
from qdpi.terminal.screens import ChoiceScreen, GridScreen, TextScreen
from qdpi.terminal.start import new_client_request_id

_LISTED: Final = 200
"""How many of the pages that were written can be chosen."""
_HINTS: Final = "→ ← pages  s symbols  a ask  / search  v vault  ? all keys"
_ASKED: Final = {
    "ask": "Ask in words",
    "search": "Search",
    "go": "Go to a page: id, title, number",
    "save": "Save the page; a label, if you like",
    "": "Say a command; help lists them",
}
KEYS: Final = (
    ("→  ←", "the page that follows, the page before"),
    ("↑ ↓ space", "scroll"),
    ("s", "symbols: arrows or two hex digits, Enter presses"),
    ("a", "ask in words"),
    ("esc, ^C", "stop the page that is being written"),
    ("=", "press again: a sibling"),
    ("[  ]", "the other pages written at this place"),
    ("r  h", "back to the ring; the book's first page"),
    ("p, ^K", "go to a page"),
    ("/", "search the book, your pages, your vault"),
    ("b  u", "save the page; take it out"),
    ("v", "vault"),
    ("t  o", "what was written; the open branches"),
    ("j", "the sections of the book"),
    ("w  i", "why the page is what it is; where you are"),
    (":", "say a command"),
    ("q, ^C", "leave; the journey is kept"),
)


class ReaderApp(App[int]):
    """A reader session on the full screen."""

    CSS = """
    Screen { layout: vertical; }
    #scroll { height: 1fr; padding: 1 2; scrollbar-size-vertical: 1; align-horizontal: center; }
    #page { max-width: 76; width: 100%; }
    #status { height: 1; padding: 0 2; }
    #line { height: 1; border: none; padding: 0 2; display: none; }
    #over { max-width: 80; max-height: 90%; height: auto; padding: 1 2; border: round $primary; background: $surface; }
    ModalScreen { align: center middle; }
    OptionList { border: none; height: auto; max-height: 100%; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", show=False, priority=True),
        Binding("escape", "quiet", show=False),
        Binding("q", "leave", show=False),
        Binding("right", "run_command('next')", show=False),
        Binding("left", "run_command('previous')", show=False),
        Binding("r", "run_command('return')", show=False),
        Binding("h", "first", show=False),
        Binding("equals_sign", "run_command('again')", show=False),
        Binding("right_square_bracket,alt+down", "run_command('other')", show=False),
        Binding("left_square_bracket,alt+up", "run_command('other -')", show=False),
        Binding("u", "run_command('unsave')", show=False),
        Binding("w", "run_command('why')", show=False),
        Binding("i", "run_command('where')", show=False),
        Binding("o", "run_command('branches')", show=False),
        Binding("s", "symbols", show=False),
        Binding("v", "vault", show=False),
        Binding("t", "pages", show=False),
        Binding("j", "ring", show=False),
        Binding("a", "ask('ask')", show=False),
        Binding("slash", "ask('search')", show=False),
        Binding("p,ctrl+k", "ask('go')", show=False),
        Binding("b", "ask('save')", show=False),
        Binding("colon", "ask('')", show=False),
        Binding("question_mark", "keys", show=False),
    ]

    def __init__(self, client: Client, session_id: str) -> None:
        super().__init__(ansi_color=True)
        self.reader = ReaderSession(client, session_id, self, new_client_request_id)
        self.failure: Exception | None = None
        self._asked = ""
        self._symbol = 0
        self._stopping = False
        self._writing_shown = False
        self._journey_status = ""

    def compose(self) -> ComposeResult:
        """Arrange the page above the status line and the input line."""
        with VerticalScroll(id="scroll"):
            yield Static(id="page")
        yield Static(id="status")
        yield Input(id="line")

    async def on_mount(self) -> None:
        """Open the book and follow the journey."""
        self.run_worker(self._read(), exit_on_error=False)

    async def _read(self) -> None:
        try:
            journey = await self.reader.begin()
            self._journey_status = render.journey_status(journey)
            self._open()
            await self.reader.follow(journey.head)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.failure = error
        self.exit(1)

    # Display: callbacks of the reader session

    def run_started(self, run: ActiveRun) -> None:
        """Clear the page for the new one."""
        self._stopping, self._writing_shown = False, True
        self._write(run)

    def phase_changed(self, run: ActiveRun) -> None:
        """Show the phase of the run."""
        self._show_status()

    def text_arrived(self, run: ActiveRun, piece: str, restarted: bool) -> None:
        """Show the text so far."""
        if self._writing_shown:
            self._write(run)

    def run_ended(self, run: ActiveRun, outcome: PageDone | PageFailed, page: PageView | None) -> None:
        """Show the page, or why the run failed."""
        self._writing_shown = False
        if isinstance(outcome, PageFailed):
            self._open(keep_place=True)
            self.show_message(render.failure_view(outcome))
        else:
            self._open(keep_place=True)
            self.show_message(Text("Saved in the journey."))
        self.run_worker(self._measure(), exit_on_error=False)

    def other_run_ended(self, outcome: PageDone | PageFailed) -> None:
        """Report a run that was started elsewhere."""
        self.show_message(render.outcome_line(outcome))

    def gateway_unavailable(self, error: QdpiError) -> None:
        """Report that the gateway is unavailable."""
        self.show_message(render.plain(f"Waiting for the gateway: {error.detail}"))

    # actions

    def action_run_command(self, line: str) -> None:
        """Run a command line."""
        self._try(self._run_command(line))

    async def _run_command(self, line: str) -> None:
        before = self.reader.page
        shown = await run_command(self.reader, line)
        if self.reader.page is not before:
            self._writing_shown = False
            self._open()
        elif shown is not None:
            self._over(shown, line)
        await self._measure()

    def _over(self, shown: RenderableType, line: str) -> None:
        if isinstance(shown, Text):
            self.show_message(shown)
        else:
            self.push_screen(TextScreen(shown))

    def action_first(self) -> None:
        """Open the book's first page."""
        if self.reader.canon is not None:
            self.action_run_command(f"go {self.reader.canon.ring[0].page_id}")

    def action_ask(self, verb: str) -> None:
        """Open the input line for the argument of a command."""
        self._asked = verb
        line = self.query_one("#line", Input)
        line.placeholder = _ASKED[verb]
        line.value = ""
        line.display = True
        line.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run the command on the input line."""
        self._close_line()
        words = event.value.strip()
        if self._asked == "search" and words:
            self._try(self._search(words))
        elif words or self._asked == "save":
            self.action_run_command(f"{self._asked} {words}".strip())

    def action_quiet(self) -> None:
        """Close the input line; if it is closed, stop the page that is being written."""
        if self.query_one("#line", Input).display:
            self._close_line()
        elif self.reader.busy:
            self._try(self._stop())

    def action_interrupt(self) -> None:
        """Stop the page that is being written; leave if there is none, or if it is stopping already."""
        if not self.reader.busy or self._stopping:
            self.exit(0)
        else:
            self._stopping = True
            self._try(self._stop())

    def action_leave(self) -> None:
        """Leave; the journey is kept, and the gateway finishes the page that is being written."""
        self.exit(0)

    async def _stop(self) -> None:
        await self.reader.stop()
        self.show_message(Text("Stopping …"))

    def action_symbols(self) -> None:
        """Choose a symbol on the grid, and press it."""

        async def choose() -> None:
            preview, voices = await self.reader.preview(), await self.reader.client.voices()
            self.push_screen(GridScreen(preview, voices, self._symbol), self._press)

        self._try(choose())

    def _press(self, code: int | None) -> None:
        if code is not None:
            self._symbol = code
            self._try(self.reader.press(code))

    def action_vault(self) -> None:
        """Choose a saved page."""

        async def choose() -> None:
            vault = await self.reader.client.vault(self.reader.session_id)
            self._choose(
                "Vault",
                [(each.page_id, f"{each.label or '–'}  {each.title or each.page_id}") for each in vault.entries],
                "The vault is empty: b saves the page that is open.",
            )

        self._try(choose())

    def action_pages(self) -> None:
        """Choose a page that was written."""

        async def choose() -> None:
            tree = await self.reader.client.tree(self.reader.session_id)
            rows = zip(tree.page_id, tree.seq, tree.title, tree.trajectory, strict=True)
            written = [(page, f"#{seq}  {title}  ({_verb(way)})") for page, seq, title, way in rows if page is not None]
            self._choose("Written in this journey", written[: -_LISTED - 1 : -1], "Nothing is written yet.")

        self._try(choose())

    def action_ring(self) -> None:
        """Choose a section of the book."""
        if self.reader.canon is not None:
            choices = [(s.first_page, f"{s.section}  {s.name}, {s.pages} pages") for s in self.reader.canon.sections]
            self._choose(self.reader.canon.title, choices, "")

    async def _search(self, words: str) -> None:
        found = await self.reader.client.search(words, session_id=self.reader.session_id, limit=20)
        ways = [(way.page_id, f"→ {way.title}  {render.short_id(way.page_id)}") for way in found.goto[:3]]
        hits = [(hit.page_id, _hit_line(hit)) for hit in found.hits]
        self._choose(f"{found.total} found for {words}", ways + hits, f"Nothing is found for {words}.")

    def _choose(self, title: str, choices: list[tuple[str, str]], nothing: str) -> None:
        if choices:
            self.push_screen(ChoiceScreen(title, choices), self._go)
        else:
            self.show_message(render.plain(nothing))

    def _go(self, page_id: str | None) -> None:
        if page_id is not None:
            self._try(self._opened(page_id))

    async def _opened(self, page_id: str) -> None:
        await self.reader.open(page_id)
        self._writing_shown = False
        self._open()

    def action_keys(self) -> None:
        """Show the keys."""
        self.push_screen(TextScreen(render.columns(KEYS)))

    # display

    def _try(self, work: Awaitable[None]) -> None:
        async def trying() -> None:
            try:
                await work
            except Quit:
                self.exit(0)
            except QdpiError as error:
                self.show_message(render.error_line(error))
            except Exception as error:
                self._fail(error)

        self.run_worker(trying(), exit_on_error=False)

    async def _measure(self) -> None:
        try:
            self._journey_status = render.journey_status(await self.reader.journey())
        except QdpiError as error:
            self.show_message(render.error_line(error))

    def show_message(self, text: RenderableType) -> None:
        """Show a message in the status line until the next one."""
        self.query_one("#status", Static).update(text)

    def _show_status(self) -> None:
        run = self.reader.run
        if run is None:
            self.show_message(
                Text(f"{self._journey_status}   {_HINTS}", style="dim", no_wrap=True, overflow="ellipsis")
            )
            return
        asked = f" · you asked: {' '.join(run.words.split())}" if run.words else ""
        self.show_message(render.plain(f"{render.run_line(run).plain} · Esc stops it{asked}"))

    def _open(self, *, keep_place: bool = False) -> None:
        if self.reader.page is not None:
            self.query_one("#page", Static).update(render.page_view(self.reader.page, self.reader.canon))
        if not keep_place:
            self.query_one("#scroll", VerticalScroll).scroll_home(animate=False)
        self._show_status()

    def _write(self, run: ActiveRun) -> None:
        scroll = self.query_one("#scroll", VerticalScroll)
        at_end = scroll.scroll_offset.y >= scroll.max_scroll_y - 1
        words = [*render.prose(printable(run.text))][:-1] if run.text else []
        self.query_one("#page", Static).update(Group(Text("…", style="dim"), Text(""), *words))
        self._show_status()
        if at_end:
            self.call_after_refresh(scroll.scroll_end, animate=False)

    def _close_line(self) -> None:
        line = self.query_one("#line", Input)
        line.display = False
        self.query_one("#scroll", VerticalScroll).focus()


def _verb(trajectory: Trajectory | None) -> str:
    return render.TRAJECTORY_VERBS[trajectory] if trajectory else "–"


def _hit_line(hit: SearchHit) -> str:
    return f"{hit.title}  {render.short_id(hit.page_id)}\n  {render.marked(hit.passage, hit.marks).plain}"


async def read_on_screen(client: Client, session_id: str) -> int:
    """Read on the full screen; return the exit code. Raises the client's errors."""
    app = ReaderApp(client, session_id)
    with signal_handlers({signal.SIGTERM: app.action_leave, signal.SIGHUP: app.action_leave}):
        code = await app.run_async()
    if app.failure is not None:
        raise app.failure
    return code or 0
