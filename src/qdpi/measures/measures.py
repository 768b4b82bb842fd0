"""The checks of a page against one book, in one verdict."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from qdpi.measures.book import BookStatistics
from qdpi.measures.calibration import Calibration, calibrated, is_current
from qdpi.measures.checks import check_copy, check_form, check_marks
from qdpi.measures.table import MEASURES
from qdpi.measures.verdict import Subject, verdict
from qdpi.page_schema import Check, CheckWeight, Page, Reading, Validation

_STYLE: Final = ("voice", "shape")


class Measures:
    """Measures pages against a book. What the book teaches is learnt at the first use, then only read: any thread may.

    `stored` is the book's calibration as a JSON object; one of another version is taken anew.
    """

    def __init__(
        self, pages: Sequence[Page], readings: Mapping[str, Reading], stored: Mapping[str, Any] | None = None
    ) -> None:
        self._pages, self._readings = pages, readings
        self._stored = Calibration.from_dict(stored) if stored and is_current(stored) else None
        self._learnt: tuple[BookStatistics, Calibration] | None = None
        self._learning = threading.Lock()

    def learn(self) -> tuple[BookStatistics, Calibration]:
        """Return what the book teaches; the first call learns it, in some tenths of a second for a novel."""
        with self._learning:
            if self._learnt is None:
                book = BookStatistics.of(self._pages, self._readings)
                self._learnt = book, self._stored or calibrated(book, self._pages, self._readings)
            return self._learnt

    @property
    def is_learnt(self) -> bool:
        """Whether `learn` returns at once."""
        return self._learnt is not None

    @property
    def calibration(self) -> Calibration:
        """The book's thresholds and the shares of its pages that pass."""
        return self._stored or self.learn()[1]

    def check(self, subject: Subject) -> tuple[Check, ...]:
        """Return every check of a page, in the order of `NAMES`."""
        book, calibration = self.learn()
        bounded = (
            check_form(subject.text, calibration.form, book.grams, held_out=subject.is_canon),
            check_copy(subject.text, calibration.form, book.grams, subject.shown, held_out=subject.is_canon),
            check_marks(subject.text),
        )
        measured = (
            verdict(
                measure.name,
                measure.weight,
                measure.of(book, subject),
                calibration.thresholds[measure.name],
                calibration.passes[measure.name],
            )
            for measure in MEASURES
        )
        known = (check.model_copy(update={"canon_passes": calibration.passes[check.name]}) for check in bounded)
        return (*known, *measured)

    def validate(self, subject: Subject) -> Validation:
        """Return the verdict on a page."""
        checks = self.check(subject)
        by_name = {check.name: check for check in checks}
        refused = [c for c in checks if c.weight is CheckWeight.REWORK and c.passed is False]
        return Validation(
            passed=not refused,
            style_ok=_style([by_name[name].passed for name in _STYLE]),
            continuity_score=by_name["continuity"].score,
            reasons=tuple(reason for check in refused for reason in check.reasons),
            advice=tuple(reason for c in checks if c.weight is CheckWeight.ADVICE for reason in c.reasons),
            checks=checks,
            thresholds_version=self.calibration.version,
        )


def _style(verdicts: Sequence[bool | None]) -> bool | None:
    known = [passed for passed in verdicts if passed is not None]
    return all(known) if known else None
