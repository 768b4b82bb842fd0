"""Means, standard errors, percentiles and paired comparisons."""

from __future__ import annotations

import pytest

from qdpi.evaluation.statistics import Change, Estimate, estimate, paired, percentile


def test_estimate_is_a_mean_with_its_standard_error():
    value, error, size = estimate([1.0, 0.0, None, 1.0, 0.0])
    assert (value, size) == (0.5, 4)
    assert error == pytest.approx((1 / 3) ** 0.5 / 2)


def test_what_is_not_known_is_no_value():
    assert estimate([None]) == Estimate(None, None, 0)
    assert estimate([0.25]) == Estimate(0.25, None, 1)


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.95, 4.0), (0.0, 1.0), (1.0, 4.0)])
def test_percentiles_are_values_that_occur(share: float, value: float):
    assert percentile([4.0, None, 1.0, 3.0, 2.0], share) == value


def test_no_value_has_no_percentile():
    assert percentile([None], 0.5) is None


def test_paired_presses_count_gains_and_losses():
    assert paired([0.0, 1.0, 0.5, None], [1.0, 0.0, 0.5, 1.0]) == Change(gained=1, lost=1, presses=3)
