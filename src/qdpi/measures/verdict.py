"""The page to be measured; what a measure says of it; and the verdict on that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qdpi.page_schema import Check, CheckWeight

PLACES = 4
"""Decimal places of scores and thresholds, so that a bound itself passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a model planned of a page: its beats, the question to answer, what its end leads on to.

    `uses` are the passages that it was to draw on, as its writer was shown them.
    """

    beats: tuple[str, ...] = ()
    answers: str = ""
    edges: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A page's text in a voice (0 to 15), with the text and the motifs of its locus.

    `leads_to` is the id of the canon page that it leads to, None where there is none. `matter` are the texts that it
    draws on beside its locus: of where a departure goes, of the reader's own pages. `asked` has the reader's words,
    `shown` the texts beside the canon that its writer was shown. `planned` is None where no model made a plan.
    `own_id` is the page's id where the text itself is a
    page of the book: it is then measured against the rest of the book.
    """

    text: str
    voice: int
    locus: str = ""
    locus_id: str | None = None
    motifs: tuple[str, ...] = ()
    leads_to: str | None = None
    matter: tuple[str, ...] = ()
    asked: str = ""
    shown: tuple[str, ...] = ()
    planned: Planned | None = None
    own_id: str | None = None

    @property
    def is_canon(self) -> bool:
        """Whether the text itself is a page of the book."""
        return self.own_id is not None


@dataclass(frozen=True, slots=True)
class Measured:
    """A score, None where it cannot be known, what it says, how to mend it, and the figures behind it."""

    score: float | None
    says: str
    mend: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


def unknown(why: str) -> Measured:
    """Return that a measure cannot know, and why."""
    return Measured(None, why)


def verdict(
    name: str, weight: CheckWeight, measured: Measured, threshold: float | None, canon_passes: float | None
) -> Check:
    """Return a measure as a check: it passes where the score reaches the threshold."""
    score = None if measured.score is None else round(float(measured.score), PLACES)
    passed = None if score is None or threshold is None else score >= threshold
    return Check(
        name=name,
        passed=passed,
        score=score,
        threshold=threshold,
        reason=measured.says,
        weight=weight,
        canon_passes=canon_passes,
        reasons=(f"{measured.says} {measured.mend}".strip(),) if passed is False else (),
        measures={figure: float(value) for figure, value in measured.figures.items()},
    )
