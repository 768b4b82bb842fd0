"""The plan of a page: what a model said of it, read leniently. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MOST_BEATS: Final = 5
MOST_EDGES: Final = 2
MOST_CHARACTERS: Final = 300
"""The most characters of one line of a plan: a model may write pages where lines were asked for."""
_LABELLED: Final = re.compile(
    r"^\W{0,6}(intent|beats?|mood|answers?|edges?|uses?)\W{0,3}\s*\d{0,2}\s*[:.–—-]\s*(.*)$", re.IGNORECASE
)
_MARK: Final = re.compile(r"^(?:[-•*–—]|\(?\d{1,2}[.):])\s+")


@dataclass(frozen=True, slots=True)
class PagePlan:
    """What a page is to do: its intent, its beats in order, its mood, the question that it answers, and its edges.

    `edges` are what its end leads on to, `uses` the ids of the pages whose passages it draws on. Each may be empty: a
    plan that no model made is.
    """

    intent: str = ""
    beats: tuple[str, ...] = ()
    mood: str = ""
    answers: str = ""
    edges: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


def read_plan(said: str, sources: Sequence[str]) -> PagePlan:
    """Return the plan in a model's words; `sources` are the ids of the pages whose passages it was given, in order.

    Lines that begin with none of the labels are beats. Nothing that a model writes is a fault.
    """
    found: dict[str, list[str]] = {}
    for label, line in _lines(said):
        found.setdefault(label, []).append(line)
    numbers = [int(number) for line in found.get("use", []) for number in re.findall(r"\d{1,3}", line)]
    return PagePlan(
        intent=next(iter(found.get("intent", [])), ""),
        beats=tuple(found.get("beat", [])[:MOST_BEATS]),
        mood=next(iter(found.get("mood", [])), ""),
        answers=next(iter(found.get("answer", [])), ""),
        edges=tuple(found.get("edge", [])[:MOST_EDGES]),
        uses=tuple(dict.fromkeys(sources[number - 1] for number in numbers if 0 < number <= len(sources))),
    )


def _lines(said: str) -> Iterator[tuple[str, str]]:
    for line in said.splitlines():
        labelled = _LABELLED.match(line.strip())
        label, text = (labelled[1].lower().rstrip("s"), labelled[2]) if labelled else ("beat", line)
        bare = _MARK.sub("", text.strip().strip("*").strip())[:MOST_CHARACTERS].strip()
        if re.search(r"\w", bare):
            yield label, bare
