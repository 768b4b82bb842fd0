"""A compared press as text for a terminal: both pages side by side. Pure."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from qdpi.counterfactual.compare import (
    ComparedPress,
    PageFacts,
    Totals,
    differences_in_words,
    facts_in_words,
    total_in_words,
)

SHOWN_WORDS: Final = 60
"""How many words of each page a terminal shows: the whole pages are in the file and in the JSON."""
_INDENT, _GAP = 3, 3
_LEAST, _MOST = 40, 160


def press_lines(press: ComparedPress, width: int) -> list[str]:
    """Return a press as lines: what was pressed, both sides, and what differs. `width` is the terminal's."""
    parts: list[RenderableType] = [Text(headline(press)), *(_indented(Text(note)) for note in press.notes)]
    if press.differs:
        parts += [_indented(_beside(_side("journey", press.original), _side("shadow", press.shadow)))]
        parts += [_indented(Text(f"differs: {', '.join(press.differs)}"))]
    else:
        parts += [_indented(Text(same_in_words(press)))]
    return [*_lines(Group(*parts), max(_LEAST, min(width, _MOST))), ""]


def headline(press: ComparedPress) -> str:
    """Return what was pressed, where, and with what, as one line."""
    if press.pressed_on is None:
        at = f" at {press.original.locus}" if press.original.locus else ""
    else:
        own = ", each its own" if press.original.locus == press.shadow.locus else ""
        at = f" at the page of press {press.pressed_on}{own}"
    words = f" “{press.words}”" if press.words else ""
    wished = f", {press.wished} wished" if press.wished else ""
    return f"{press.seq}  {press.symbol}{at}{words}{wished}"


def same_in_words(press: ComparedPress) -> str:
    """Return that both sides are the same, and what they are."""
    what = "no page on both sides" if press.original.error else "the same page"
    return f"{what}: {', '.join(facts_in_words(press.original))}"


def _beside(left: Sequence[str], right: Sequence[str]) -> Table:
    """Return two texts, given as paragraphs, in two columns: each paragraph beside its counterpart."""
    columns = Table.grid(padding=(0, _GAP, 0, 0), expand=True, pad_edge=False)
    for _ in range(2):
        columns.add_column(ratio=1, overflow="fold")
    for pair in zip_longest(left, right, fillvalue=""):
        columns.add_row(*map(Text, pair))
    return columns


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, _INDENT))


def _lines(what: RenderableType, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(what)
    return [line.rstrip() for line in captured.get().splitlines()]


def summary_lines(journey: str, found: Totals) -> list[str]:
    """Return what a journey's presses came to."""
    return [
        f"{journey}: {differences_in_words(found)}.",
        f"   {total_in_words('journey', found.original)}",
        f"   {total_in_words('shadow', found.shadow)}",
    ]


def _side(name: str, side: PageFacts) -> list[str]:
    said = side.error.detail if side.error else excerpt(side.text)
    return [name, *facts_in_words(side), said]


def excerpt(text: str) -> str:
    """Return the first words of a text."""
    words = text.split()
    return " ".join(words[:SHOWN_WORDS]) + (" …" if len(words) > SHOWN_WORDS else "")
