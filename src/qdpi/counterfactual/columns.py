"""A compared press as text for a terminal: both pages side by side. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

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
_GAP: Final = 3
_LEAST, _MOST = 40, 160


def press_lines(press: ComparedPress, width: int) -> list[str]:
    """Return a press as lines: what was pressed, both sides, and what differs. `width` is the terminal's."""
    width = max(_LEAST, min(width, _MOST))
    head = textwrap.wrap(headline(press), width, subsequent_indent="   ")
    notes = [line for note in press.notes for line in _wrapped(note, width - 3, "   ")]
    if not press.differs:
        return [*head, *notes, *_wrapped(same_in_words(press), width - 3, "   "), ""]
    pages = side_by_side(_side("journey", press.original), _side("shadow", press.shadow), width)
    return [*head, *notes, *pages, *_wrapped(f"differs: {', '.join(press.differs)}", width - 3, "   "), ""]


def headline(press: ComparedPress) -> str:
    """Return what was pressed, where, and with what, as one line."""
    if press.pressed_on is None:
        at = f" at {press.original.locus}" if press.original.locus else ""
    else:
        at = f" at the page of press {press.pressed_on}, each its own"
    words = f" “{press.words}”" if press.words else ""
    wished = f", {press.wished} wished" if press.wished else ""
    return f"{press.seq}  {press.symbol}{at}{words}{wished}"


def same_in_words(press: ComparedPress) -> str:
    """Return that both sides are the same, and what they are."""
    what = "no page on both sides" if press.original.error else "the same page"
    return f"{what}: {', '.join(facts_in_words(press.original))}"


def side_by_side(left: Sequence[str], right: Sequence[str], width: int) -> list[str]:
    """Return two texts, given as paragraphs, in two columns: each paragraph beside its counterpart."""
    half = (width - 3 - _GAP) // 2
    lines = []
    for one, other in zip_longest(left, right, fillvalue=""):
        lines += list(zip_longest(textwrap.wrap(one, half), textwrap.wrap(other, half), fillvalue=""))
    return [f"   {one.ljust(half + _GAP)}{other}".rstrip() for one, other in lines]


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


def _wrapped(paragraph: str, width: int, indent: str) -> list[str]:
    return [f"{indent}{line}" for line in textwrap.wrap(paragraph, width)]
