"""The thresholds of one book, taken from its own pages, and what share of them passes each check. Stored with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from qdpi.errors import InvalidInput
from qdpi.measures.book import BookStatistics
from qdpi.measures.checks import Thresholds, calibrate, check_copy, check_form, check_marks
from qdpi.measures.table import MEASURES, Measure
from qdpi.measures.verdict import PLACES, Measured, Subject
from qdpi.page_schema import Page, Reading

MEASURES_VERSION: Final = "measures/2"
BOUNDED: Final = ("form", "copy", "marks")
"""The checks with bounds of their own."""
NAMES: Final = (*BOUNDED, *(measure.name for measure in MEASURES))
"""Every check of a page, in the order of a validation."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The bounds of form and copying, the threshold of each measure, and the share of the book's pages that passes.

    A share is None where no page of the book could be measured. `pages` is how many were.
    """

    form: Thresholds
    thresholds: Mapping[str, float]
    passes: Mapping[str, float | None]
    pages: int
    version: str = MEASURES_VERSION

    def as_dict(self) -> dict[str, Any]:
        """Return the calibration as a JSON object."""
        return {
            "form": self.form.as_dict(),
            "thresholds": dict(self.thresholds),
            "passes": dict(self.passes),
            "pages": self.pages,
            "version": self.version,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Calibration:
        """Return a stored calibration. Raises `InvalidInput` where a field is missing, unknown or mistyped."""
        if stored.keys() != {"form", "thresholds", "passes", "pages", "version"}:
            raise InvalidInput(f"The fields of a stored calibration are {sorted(stored)}.")
        named = {"thresholds": {measure.name for measure in MEASURES}, "passes": set(NAMES)}
        for field, names in named.items():
            values = stored[field]
            if not isinstance(values, Mapping) or values.keys() != names or not all(map(_is_share, values.values())):
                raise InvalidInput(
                    f"{field} of a stored calibration are not shares of {sorted(names)}: {values!r:.200}"
                )
        if type(stored["pages"]) is not int or not isinstance(stored["form"], Mapping):
            raise InvalidInput("A stored calibration has no number of pages, or no bounds of form.")
        return cls(
            Thresholds.from_dict(stored["form"]),
            dict(stored["thresholds"]),
            dict(stored["passes"]),
            stored["pages"],
            str(stored["version"]),
        )


def _is_share(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def is_current(stored: Mapping[str, Any]) -> bool:
    """Return whether a stored calibration is of this version: one of another is taken anew from the book."""
    return stored.get("version") == MEASURES_VERSION


def calibrated(book: BookStatistics, pages: Sequence[Page], readings: Mapping[str, Reading]) -> Calibration:
    """Return a book's calibration. Each page is measured against the rest, as an answer to the page before it.

    Raises `InvalidInput` for a book without pages.
    """
    form = calibrate([page.text for page in pages], book.grams)
    subjects = list(subjects_of(pages, readings))
    scores = {measure.name: [_score(measure.of(book, subject)) for subject in subjects] for measure in MEASURES}
    thresholds = {measure.name: _fitted(measure, scores[measure.name]) for measure in MEASURES}
    texts = [page.text for page in pages]
    passes: dict[str, float | None] = {
        "form": _share([check_form(text, form, book.grams, held_out=True).passed for text in texts]),
        "copy": _share([check_copy(text, form, book.grams, held_out=True).passed for text in texts]),
        "marks": _share([check_marks(text).passed for text in texts]),
    }
    for name, threshold in thresholds.items():
        passes[name] = _share([None if score is None else score >= threshold for score in scores[name]])
    return Calibration(form, thresholds, passes, len(pages))


def subjects_of(pages: Sequence[Page], readings: Mapping[str, Reading]) -> Iterator[Subject]:
    """Yield each page of a book as an answer to its voice's page before it, leading to the page after it."""
    last: dict[int, Page] = {}
    following: dict[str, Page] = {}
    for page in reversed(pages):
        if page.char_hex in last:
            following[page.page_id] = last[page.char_hex]
        last[page.char_hex] = page
    last.clear()
    for page in pages:
        before, after = last.get(page.char_hex), following.get(page.page_id)
        last[page.char_hex] = page
        yield Subject(
            text=page.text,
            voice=page.char_hex,
            locus=before.text if before else "",
            locus_id=before.page_id if before else None,
            motifs=readings[before.page_id].motifs if before else (),
            leads_to=after.page_id if after else None,
            own_id=page.page_id,
        )


def _score(measured: Measured) -> float | None:
    return None if measured.score is None else round(float(measured.score), PLACES)


def _fitted(measure: Measure, scores: Sequence[float | None]) -> float:
    default = round(measure.threshold, PLACES)
    known = sorted((score for score in scores if score is not None), reverse=True)
    if not known or not measure.kept or sum(score >= default for score in known) >= measure.kept * len(known):
        return default
    return min(default, known[math.ceil(measure.kept * len(known)) - 1])


def _share(passed: Sequence[bool | None]) -> float | None:
    known = [each for each in passed if each is not None]
    return round(sum(known) / len(known), PLACES) if known else None
