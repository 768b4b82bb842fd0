"""Means with their standard errors, and percentiles. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Estimate(NamedTuple):
    """A mean (of ones and zeros: a share), its standard error, and how many values (`size`) it is made from.

    Both are None where there is no value; the error also of a single one.
    """

    value: float | None
    error: float | None
    size: int


def estimate(values: Iterable[float | None]) -> Estimate:
    """Return the mean of the values that are known, and its standard error."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return Estimate(None, None, 0)
    mean = math.fsum(known) / len(known)
    if len(known) == 1:
        return Estimate(mean, None, 1)
    variance = math.fsum((value - mean) ** 2 for value in known) / (len(known) - 1)
    return Estimate(mean, math.sqrt(variance / len(known)), len(known))


def percentile(values: Iterable[float | None], share: float) -> float | None:
    """Return the smallest known value that a share (0..1) of them do not exceed; None without any."""
    known = sorted(value for value in values if value is not None)
    return known[max(0, math.ceil(share * len(known)) - 1)] if known else None


class Change(NamedTuple):
    """How many presses gained a property and how many lost it, between two writers; both answered each press."""

    gained: int
    lost: int
    presses: int


def paired(before: Sequence[float | None], after: Sequence[float | None]) -> Change:
    """Compare the same presses of two writers: one value a press, in the same order."""
    both = [(b, a) for b, a in zip(before, after, strict=True) if b is not None and a is not None]
    return Change(sum(a > b for b, a in both), sum(a < b for b, a in both), len(both))
