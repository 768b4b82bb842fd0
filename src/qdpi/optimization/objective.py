"""What an optimiser looks for: pages that pass the product's own checks, by their weight. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from qdpi.page_schema import CheckWeight

WEIGHTS: Final[Mapping[str, float]] = {CheckWeight.REWORK: 3.0, CheckWeight.ADVICE: 2.0, CheckWeight.NOTE: 1.0}
"""How much a check counts: what sends a page back counts most."""
NEARLY: Final = 0.5
"""The most that a check counts which a page does not pass: for the one that all but passes it."""


def score_of(validation: Mapping[str, Any]) -> float:
    """Return a page's score from 0 to 1: 1 where it passes every check that can be known of it.

    A check that it does not pass counts for at most half, by how near its score is to the threshold.
    """
    known = [check for check in validation.get("checks", ()) if check.get("passed") is not None]
    total = sum(WEIGHTS[check["weight"]] for check in known)
    return sum(WEIGHTS[check["weight"]] * _share(check) for check in known) / total if total else 0.0


def _share(check: Mapping[str, Any]) -> float:
    if check["passed"]:
        return 1.0
    score, threshold = check.get("score"), check.get("threshold")
    return NEARLY * min(1.0, score / threshold) if score is not None and threshold else 0.0


def failed_checks(validation: Mapping[str, Any]) -> list[str]:
    """Return the names of the checks that a page does not pass."""
    return [check["name"] for check in validation.get("checks", ()) if check.get("passed") is False]


def feedback_of(validation: Mapping[str, Any]) -> str:
    """Return what the checks say of a page, the heaviest faults first, as an editor would be told it."""
    failed = [check for check in validation.get("checks", ()) if check.get("passed") is False]
    ranked = sorted(failed, key=lambda check: -WEIGHTS[check["weight"]])
    lines = [f"{check['name']}: {' '.join(check['reasons']) or check['reason']}" for check in ranked]
    return "\n".join(lines) if lines else "The page passes every check."
