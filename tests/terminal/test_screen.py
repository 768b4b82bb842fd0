"""The full screen, driven by keys."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.terminal.conftest import Desk, desk_in
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from qdpi.events import Ask, Fault, Press
from qdpi.terminal.app import ReaderApp
from qdpi.terminal.screens import ChoiceScreen, GridScreen, TextScreen


class Screen:
    """A running app and its display."""

    def __init__(self, app: ReaderApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    def text(self, widget: str = "#page") -> str:
        """The text of a widget as one line: on the page, or on the top screen."""
        below = widget in {"#page", "#status"}
        host = self.app.screen_stack[0] if below else self.app.screen
        console = Console(width=80, file=io.StringIO())
        with console.capture() as captured:
            for static in host.query(widget).results(Static):
                console.print(static.content)
        return " ".join(captured.get().split())

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)

    async def shows(self, words: str, widget: str = "#page") -> None:
        """Wait until something is shown."""
        await self.until(lambda: words in self.text(widget))

    async def until(self, condition: Callable[[], object]) -> None:
        """Run the app until a condition holds; the test's own timeout bounds it."""
        while not condition():
            await self.pilot.pause(0.01)


@asynccontextmanager
async def screen_at(desk: Desk, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Screen]:
    app = ReaderApp(desk.client, desk.session_id)
    async with app.run_test(size=size) as pilot:
        screen = Screen(app, pilot)
        await screen.shows("S01-P0001")
        yield screen


@pytest.fixture(params=[(80, 24), (60, 20)], ids=["80x24", "60x20"])
def size(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_arrows_turn_the_pages(tmp_path: Path, size: tuple[int, int]):
    async with desk_in(tmp_path) as desk, screen_at(desk, size) as screen:
        await screen.press("right")
        await screen.shows("S01-P0002")
        await screen.press("left", "left")
        await screen.shows("S16-P0048")
        await screen.press("h")
        await screen.shows("S01-P0001")


@pytest.mark.slow
async def test_grid_press_shows_its_page(tmp_path: Path, size: tuple[int, int]):
    async with desk_in(tmp_path) as desk, screen_at(desk, size) as screen:
        await screen.press("s")
        await screen.until(lambda: isinstance(screen.app.screen, GridScreen))
        await screen.press("1", "f", "left", "up")
        await screen.shows("0x0E an-author:ZU", "#symbol")
        assert "T3 is outside the licence of ZU" in screen.text("#symbol")
        await screen.press("enter")
        press = await desk.pressed()
        assert isinstance(press, Press)
        assert press.symbol_code == 0x0E
        await desk.generator.publish_delta("alice", press.event_id, "The door was op", 0)
        await screen.shows("The door was op")
        await screen.shows("4 words", "#status")
        await desk.generator.answer("alice", press.event_id, text="The door was open.", title="A door")
        await screen.shows("A door")
        await screen.shows("The door was open.")


async def test_escape_closes_the_grid_and_presses_nothing(tmp_path: Path):
    async with desk_in(tmp_path) as desk, screen_at(desk) as screen:
        await screen.press("s")
        await screen.until(lambda: isinstance(screen.app.screen, GridScreen))
        await screen.press("escape")
        await screen.until(lambda: not isinstance(screen.app.screen, GridScreen))
        assert not screen.app.reader.busy


async def test_letters_in_an_ask_are_no_keys(tmp_path: Path):
    async with desk_in(tmp_path) as desk, screen_at(desk) as screen:
        await screen.press("a", *"quiet?", "enter")
        asked = await desk.pressed()
        assert isinstance(asked, Ask)
        assert asked.user_intent == "quiet?"
        assert not screen.app.query_one("#line", Input).display


async def test_escape_stops_the_page_and_reports_it(tmp_path: Path):
    async with desk_in(tmp_path) as desk, screen_at(desk) as screen:
        await screen.press("a", *"go on", "enter")
        asked = await desk.pressed()
        await screen.until(lambda: screen.app.reader.run)
        await screen.press("escape")
        await screen.shows("Stopping", "#status")
        fault = Fault(code="stopped", detail="It was stopped.", next_step="Press again.")
        await desk.generator.answer("alice", asked.event_id, fault=fault)
        await screen.shows("No page: It was stopped.", "#status")
        await screen.shows("S01-P0001")


async def test_first_interrupt_stops_and_second_leaves(tmp_path: Path):
    async with desk_in(tmp_path) as desk:
        async with screen_at(desk) as screen:
            await screen.press("a", *"go on", "enter")
            await desk.pressed()
            await screen.press("ctrl+c")
            assert screen.app.is_running
            await screen.shows("Stopping", "#status")
            await screen.press("ctrl+c")
        assert screen.app.return_value == 0


@pytest.mark.slow
async def test_choose_saved_found_and_written_pages(tmp_path: Path):
    """Pages are saved, and chosen from the vault, the search and the journey."""
    async with desk_in(tmp_path) as desk, screen_at(desk) as screen:
        await screen.press("b", *"the lamp", "enter")
        await screen.shows("Saved: Page 1, as the lamp.", "#status")
        await screen.press("right")
        await screen.shows("S01-P0002")
        await screen.press("v")
        await chosen(screen, "the lamp")
        await screen.shows("S01-P0001")
        await screen.press("slash", *"stair 5", "enter")
        await chosen(screen, "[stair 5]")
        await screen.shows("S02-P0005")
        press = (await desk.client.press("alice", 0)).event_id
        await desk.pressed()
        await desk.generator.answer("alice", press, title="From elsewhere")
        await screen.shows("From elsewhere", "#status")
        await screen.press("t")
        await chosen(screen, "From elsewhere")
        await screen.shows("From elsewhere")


async def chosen(screen: Screen, words: str) -> None:
    """Choose the first of the choices, which holds these words."""
    await screen.until(lambda: isinstance(screen.app.screen, ChoiceScreen))
    options = screen.app.screen.query_one(OptionList)
    prompts = [str(options.get_option_at_index(place).prompt) for place in range(options.option_count)]
    fitting = [place for place, prompt in enumerate(prompts) if words in prompt]
    assert fitting, prompts
    await screen.press(*(["down"] * fitting[0]), "enter")
    await screen.until(lambda: not isinstance(screen.app.screen, ChoiceScreen))


async def test_refusal_is_shown_in_the_status_line(tmp_path: Path):
    async with desk_in(tmp_path) as desk, screen_at(desk) as screen:
        await screen.press("colon", *"fly", "enter")
        await screen.shows("'fly' is no command.", "#status")
        await screen.press("w")
        await screen.shows("has no receipt", "#status")


async def test_keys_are_listed(tmp_path: Path):
    async with desk_in(tmp_path) as desk, screen_at(desk) as screen:
        await screen.press("question_mark")
        await screen.until(lambda: isinstance(screen.app.screen, TextScreen))
        await screen.press("q")
        await screen.until(lambda: not isinstance(screen.app.screen, TextScreen))
        assert screen.app.is_running


async def test_expired_session_ends_screen(tmp_path: Path):
    """An expired session ends the screen with the reason."""
    async with desk_in(tmp_path) as desk:
        desk.session_id = "not a session"
        app = ReaderApp(desk.client, desk.session_id)
        async with app.run_test() as pilot:
            while app.failure is None:
                await pilot.pause(0.01)
        assert "not a session" in str(app.failure)
        assert app.return_code == 0 or app.return_value == 1


@pytest.mark.slow
async def test_resize_during_a_page(tmp_path: Path):
    async with desk_in(tmp_path) as desk, screen_at(desk) as screen:
        await screen.press("a", *"go", "enter")
        asked = await desk.pressed()
        await desk.generator.publish_delta("alice", asked.event_id, "word " * 400, 0)
        await screen.shows("word word")
        for width, height in ((60, 10), (20, 4), (200, 60)):
            await screen.pilot.resize_terminal(width, height)
        await desk.generator.answer("alice", asked.event_id, text="word " * 400, title="Resized")
        await screen.shows("Resized")
