"""How a model that only continues prose is led: by the words of a voice, its shape, and the book's measures. Pure.

The drafts of a paragraph are judged by the same measures as the page. So what a reader is shown was chosen by them; a
judge that is to say whether the choice was good must have learnt from other pages (docs/evaluation.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from qdpi.canon.edition import Edition
from qdpi.language.port import Appeal, Guide
from qdpi.measures.lecture import lecture_habits
from qdpi.measures.measures import Measures
from qdpi.measures.verdict import Subject
from qdpi.page_schema import Check
from qdpi.program.prompts import SHORTEST_PAGE
from qdpi.search.text import words

_WEIGHTS: Final[Mapping[str, float]] = {
    "answers": 1.2,
    "voice": 1.0,
    "shape": 0.5,
    "anchored": 0.4,
    "continuity": 0.4,
    "wholeness": 0.3,
}
"""What a measure's score of 1 is worth; one that cannot know is worth nothing for every draft alike."""
_LEAD_WEIGHT: Final = 1.5
_MOST_LEAD: Final = 0.4
"""How far the voice is ahead of the nearest other, in log odds a word: of two drafts in the voice, which is more so."""
_REFUSED: Final = ("copy", "marks", "lecture", "continuity")
_WELL_AHEAD: Final = 0.15
_ENOUGH: Final = ("voice", "shape", "answers", "wholeness")
"""No other draft is tried of a page that is as good by these as a page can be."""
_REFUSED_COST: Final = 4.0
_HABIT_COST: Final = 1.0
"""What one habit of a lecture costs: a page may have one, but it goes on as it began."""
_LONGEST_PAGE: Final = 200
"""The most words of a page, whatever the voice's pages have: a small model loses its thread."""
_USUAL_PARAGRAPH: Final = 60
"""The words of a paragraph of a voice without a page."""
_FEWEST_WORDS: Final = 60
"""A shorter beginning says nothing about the form of a page."""


def appeal_of(measures: Measures, subject: Subject) -> Callable[[str], Appeal]:
    """Return what judges a page so far; `subject` is the page to be, whatever its text is."""

    def judge(text: str) -> Appeal:
        checks = {check.name: check for check in measures.check(replace(subject, text=text))}
        habits = len(lecture_habits(text))
        refused = [name for name in _REFUSED if checks[name].passed is False]
        if checks["form"].passed is False and len(words(text)) >= _FEWEST_WORDS:
            refused.append("form")
        worth = sum(weight * (checks[name].score or 0.0) for name, weight in _WEIGHTS.items())
        lead = max(-_MOST_LEAD, min(_MOST_LEAD, checks["voice"].measures.get("lead", 0.0)))
        score = worth + _LEAD_WEIGHT * lead - _REFUSED_COST * len(refused) - _HABIT_COST * habits
        return Appeal(score, not refused and not habits and all(map(_is_good, map(checks.__getitem__, _ENOUGH))))

    return judge


def _is_good(check: Check) -> bool:
    """Whether a check passes, or cannot be known of any draft; a voice must be well ahead of all others."""
    ahead = check.measures.get("lead", _MOST_LEAD) >= _WELL_AHEAD
    return ahead if check.name == "voice" else check.passed is not False


def guide_to(edition: Edition, character: int, led: Mapping[str, float], subject: Subject) -> Guide:
    """Return the guide to a page in a voice; `led` are the words that lead it, by their log-odds."""
    card = edition.cards[character]
    return Guide(
        words=led,
        paragraph_words=card.paragraph_words or _USUAL_PARAGRAPH,
        page_words=max(SHORTEST_PAGE, min(_LONGEST_PAGE, card.page_words or _LONGEST_PAGE)),
        appeal=appeal_of(edition.measures, subject),
    )
