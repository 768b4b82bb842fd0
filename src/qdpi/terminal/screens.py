"""Screens over the page: a text, a choice, the grid of symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.console import RenderableType
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from qdpi.api.responses import Preview, VoiceEntry
from qdpi.terminal import render

_HEX: Final = "0123456789abcdef"
_CLOSE: Final = Binding("escape,q", "close", "Close", show=False)


class TextScreen(ModalScreen[None]):
    """A text that the reader closes."""

    BINDINGS: ClassVar[list[BindingType]] = [_CLOSE]

    def __init__(self, text: RenderableType) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Arrange the text in a scroll view."""
        with VerticalScroll(id="over"):
            yield Static(self._text)

    def action_close(self) -> None:
        """Close the screen."""
        self.dismiss()


class ChoiceScreen(ModalScreen[str | None]):
    """A list of pages; dismissed with the id of the chosen one."""

    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [_CLOSE]

    def __init__(self, title: str, choices: list[tuple[str, str]]) -> None:
        super().__init__()
        self._title, self._choices = title, choices

    def compose(self) -> ComposeResult:
        """Arrange the choices under their title."""
        with VerticalScroll(id="over"):
            yield Static(render.plain(self._title, "bold"))
            options = [Option(render.plain(text), id=str(place)) for place, (_, text) in enumerate(self._choices)]
            yield OptionList(*options)

    def on_mount(self) -> None:
        """Highlight the first choice."""
        self.query_one(OptionList).highlighted = 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Dismiss with the chosen page."""
        self.dismiss(self._choices[event.option_index][0])

    def action_close(self) -> None:
        """Dismiss without a choice."""
        self.dismiss(None)


class GridScreen(ModalScreen[int | None]):
    """The 16 by 16 symbols: arrows or two hex digits, then Enter; dismissed with the symbol's code."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", show=False, priority=True),
        Binding("up", "move(-1, 0)", show=False, priority=True),
        Binding("down", "move(1, 0)", show=False, priority=True),
        Binding("left", "move(0, -1)", show=False, priority=True),
        Binding("right", "move(0, 1)", show=False, priority=True),
        Binding("enter", "press", show=False, priority=True),
    ]

    def __init__(self, preview: Preview, voices: Sequence[VoiceEntry], at: int) -> None:
        super().__init__()
        self._preview, self._voices, self._at = preview, voices, at
        self._typed = ""

    def compose(self) -> ComposeResult:
        """Arrange the grid above the preview of the marked symbol."""
        with VerticalScroll(id="over"):
            yield Static(id="grid")
            yield Static(id="symbol")
            yield Static(render.legend_view(self._preview), id="legend")

    def on_mount(self) -> None:
        """Draw the grid."""
        self._draw()

    def on_key(self, event: events.Key) -> None:
        """Handle a hex digit: the first selects the character, the second the behaviour."""
        digit = (event.character or "").lower()
        if not digit or digit not in _HEX:
            return
        event.stop()
        self._typed = (self._typed + digit)[-2:] if len(self._typed) < 2 else digit
        character, behavior = divmod(self._at, 16)
        number = int(digit, 16)
        self._at = number << 4 | behavior if len(self._typed) == 1 else character << 4 | number
        self._draw()

    def action_move(self, down: int, right: int) -> None:
        """Move the mark, wrapping around at the edges."""
        character, behavior = divmod(self._at, 16)
        self._at = (character + down) % 16 << 4 | (behavior + right) % 16
        self._typed = ""
        self._draw()

    def action_press(self) -> None:
        """Dismiss with the marked symbol."""
        self.dismiss(self._at)

    def action_close(self) -> None:
        """Dismiss without a symbol."""
        self.dismiss(None)

    def _draw(self) -> None:
        self.query_one("#grid", Static).update(render.table_view(self._preview, divmod(self._at, 16)))
        self.query_one("#symbol", Static).update(render.symbol_view(self._preview, self._at, self._voices))
