"""The test vectors of texts, for a second implementation: `python -m tests.client.regenerate_text_vectors` writes them.

A text is a list of deltas; after each the vectors say what is shown: attempt, text, whether the delta restarted it, and
whether nothing is missing. A passage is cut at its marks. All numbers count Unicode code points.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import qdpi
from qdpi.api.texts import RunText, marked_pieces
from qdpi.search.snippets import Snippet

VECTORS: Final = Path(qdpi.__file__).parent / "text_vectors.json"
ABOUT: Final = (
    "Offsets and marks count Unicode code points. `texts`: deltas (attempt, offset, text), and after each the text "
    "that is shown, whether the delta restarted it, and whether it is whole so far. `passages`: a text, its marks "
    "[start, end), its pieces with whether each is marked, and the same as HTML."
)
FOX: Final = "\N{FOX FACE}"
KEEPER: Final = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{WRENCH}"
E_ACUTE: Final = "e\N{COMBINING ACUTE ACCENT}"

Delta = tuple[int, int, str]
TEXTS: Final[dict[str, tuple[Delta, ...]]] = {
    "pieces in order": ((1, 0, "The "), (1, 4, "door"), (1, 8, " opened.")),
    "a phase without text": ((1, 0, ""), (1, 0, "The door"), (1, 8, "")),
    "code points, not UTF-16 units": ((1, 0, f"{FOX} and {FOX}"), (1, 7, " ran"), (1, 11, ".")),
    "a joined emoji cut in pieces": ((1, 0, KEEPER[0]), (1, 1, KEEPER[1]), (1, 2, KEEPER[2]), (1, 3, "!")),
    "an accent that arrives after its letter": ((1, 0, E_ACUTE[0]), (1, 1, E_ACUTE[1]), (1, 2, "t")),
    "right to left": ((1, 0, "الباب "), (1, 6, "مفتوح"), (1, 11, ".")),
    "lines and paragraphs": ((1, 0, "One.\n\n"), (1, 6, "Two.\r\n"), (1, 12, "\N{LINE SEPARATOR}Three.")),
    "a new attempt starts over": ((1, 0, "A wrong"), (2, 0, "The "), (2, 4, "right"), (2, 9, " one")),
    "a late piece of an older attempt": ((2, 0, "The "), (1, 4, "wrong"), (2, 4, "right")),
    "a piece that comes twice": ((1, 0, "The "), (1, 0, "The "), (1, 4, "door"), (1, 4, "door")),
    "a lost piece": ((1, 0, "The "), (1, 9, "open"), (1, 13, "ed.")),
    "a lost piece, then all of it again": ((1, 0, f"{FOX} "), (1, 6, "ed"), (1, 0, f"{FOX} opened"), (1, 8, ".")),
    "joined in the middle of a page": ((3, 0, "What was written before, "), (3, 25, "and what follows.")),
    "joined where the beginning is lost": ((1, 40, "the end of it"), (1, 53, "."), (2, 0, "Again.")),
    "a piece that repeats what is there and goes on": ((1, 0, "The door"), (1, 4, f"door {FOX}"), (1, 10, "!")),
    "a piece of what is there": ((1, 0, "The door"), (1, 4, "do"), (1, 8, " opened")),
}
PASSAGES: Final[dict[str, tuple[str, tuple[tuple[int, int], ...]]]] = {
    "no marks": ("The door", ()),
    "one mark": ("The door opened", ((4, 8),)),
    "marks at both ends": ("door and door", ((0, 4), (9, 13))),
    "marks side by side": ("open door", ((0, 4), (4, 9))),
    "after emoji": (f"…{FOX}{FOX} the door", ((7, 11),)),
    "an emoji is marked": (f"a {KEEPER} b", ((2, 5),)),
    "a letter with its accent": (f"caf{E_ACUTE} open", ((0, 5),)),
    "right to left": ("الباب مفتوح", ((6, 11),)),
    "what HTML would read": ('<b> & "door"', ((0, 3), (7, 11))),
    "all of it": ("door", ((0, 4),)),
    "nothing": ("", ()),
}


def vectors() -> dict[str, Any]:
    """Return the vectors."""
    return {
        "about": ABOUT,
        "texts": [{"name": name, "steps": _steps(deltas)} for name, deltas in TEXTS.items()],
        "passages": [_passage(name, *passage) for name, passage in PASSAGES.items()],
    }


def _steps(deltas: tuple[Delta, ...]) -> list[dict[str, Any]]:
    shown, steps = RunText(), []
    for attempt, offset, piece in deltas:
        restarted = shown.take(attempt, offset, piece)
        delta = {"attempt": attempt, "offset": offset, "text": piece}
        after = {"attempt": shown.attempt, "text": shown.text, "restarted": restarted, "whole": shown.whole}
        steps.append({"delta": delta, "shown": after})
    return steps


def _passage(name: str, text: str, marks: tuple[tuple[int, int], ...]) -> dict[str, Any]:
    pieces = [list(piece) for piece in marked_pieces(text, marks)]
    return {"name": name, "text": text, "marks": marks, "pieces": pieces, "html": Snippet(text, marks).html}


def text() -> str:
    """Return the file's content: ASCII, so that no editor changes its letters."""
    return json.dumps(vectors(), indent=1) + "\n"


if __name__ == "__main__":
    VECTORS.write_text(text(), encoding="utf-8")
