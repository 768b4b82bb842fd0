"""Every measure of a page: its name, what follows from it, its threshold, and how far a book may loosen it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from qdpi.measures.book import BookStatistics
from qdpi.measures.lecture import FEWEST_HABITS, HABITS
from qdpi.measures.style import lecture, shape, voice, wholeness
from qdpi.measures.ties import anchored, answers, bridges, continuity, plan
from qdpi.measures.verdict import Measured, Subject
from qdpi.page_schema import CheckWeight


class Measure(NamedTuple):
    """A measure, beside form, copying and marks, whose bounds are in `checks`.

    A threshold that fewer than the share `kept` of a book's own pages reach is lowered to one that so many reach.
    """

    name: str
    weight: CheckWeight
    threshold: float
    kept: float
    of: Callable[[BookStatistics, Subject], Measured]


MEASURES: Final = (
    Measure("lecture", CheckWeight.REWORK, 1 - (FEWEST_HABITS - 1) / len(HABITS), 0.90, lecture),
    Measure("continuity", CheckWeight.REWORK, 0.05, 0.90, continuity),
    Measure("voice", CheckWeight.ADVICE, 0.93, 0.80, voice),
    Measure("shape", CheckWeight.ADVICE, 0.5, 0.60, shape),
    Measure("plan", CheckWeight.ADVICE, 0.5, 0.0, plan),
    Measure("anchored", CheckWeight.NOTE, 1.0, 0.0, anchored),
    Measure("answers", CheckWeight.NOTE, 1.0, 0.0, answers),
    Measure("bridges", CheckWeight.NOTE, 0.5, 0.0, bridges),
    Measure("wholeness", CheckWeight.NOTE, 1.0, 0.60, wholeness),
)
"""Continuity's score is already a share of the book's own neighbours: its threshold is the least alike of twenty.

Voice's is that of the first two of sixteen voices. Of a share of 0 the threshold is a definition, and never lowered.
Plan only advises: no book says how closely pages keep to plans, and words cannot tell a paraphrase from a departure.
"""
