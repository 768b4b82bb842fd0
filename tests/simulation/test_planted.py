"""Tests of the simulation: it finds each planted fault and names it."""

from __future__ import annotations

from inspect import isfunction

import pytest
from tests.faults.checker import Broken
from tests.simulation import planted
from tests.simulation.planted import Plant
from tests.simulation.scenario import BLAMED, FIGURES, WASTED, run

SEEDS = 300
"""Each fault must be found within so many seeds."""
UNANSWERED = "Overdue"

PLANTED: dict[Plant, set[str]] = {
    planted.worker_commits_unfinished_records: {UNANSWERED, Broken.LOG_MISSING, Broken.UNPUBLISHED},
    planted.worker_handles_a_key_concurrently: {Broken.OUT_OF_ORDER},
    planted.worker_ignores_revocation: {UNANSWERED, Broken.LOG_MISSING},
    planted.retry_counts_outages: {BLAMED, Broken.LOG_MISSING},
    planted.recorder_skips_records_in_an_outage: {Broken.LOG_MISSING},
    planted.generator_skips_the_outcome_check: {WASTED},
    planted.generator_ignores_committed_outcomes: {
        Broken.UNPUBLISHED,
        Broken.MISSING_PAGE,
        Broken.NOT_INDEXED,
        UNANSWERED,
    },
    planted.generator_publishes_its_own_outcome: {
        Broken.PUBLISHED_CHANGED,
        Broken.CHANGED_PAGE,
    },
    planted.store_ignores_the_head: {Broken.SEQ_GAP, Broken.STATE_OFF_FOLD},
    planted.store_ignores_a_committed_outcome: {Broken.DOUBLED_PRESS},
    planted.store_keeps_the_last_snapshot_written: {Broken.SNAPSHOT_BEHIND},
    planted.store_keeps_figures_of_closed_branches: {FIGURES},
    planted.follower_skips_earlier_outcomes: {UNANSWERED},
    planted.follower_repeats_outcomes: {Broken.STREAM_REPEATED},
}


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_planted_fault_is_found_and_named(plant: Plant) -> None:
    with pytest.MonkeyPatch.context() as patch:
        build = plant(patch)
        found = next((report for seed in range(SEEDS) if (report := run(seed, build)).wrong), None)
    assert found, f"not found in {SEEDS} seeds"
    assert any(kind in wrong for wrong in found.wrong for kind in PLANTED[plant]), found.wrong


def test_every_planted_fault_is_listed() -> None:
    plants = {
        name
        for name, value in vars(planted).items()
        if isfunction(value) and value.__module__ == planted.__name__ and not name.startswith("_")
    }
    assert plants == {plant.__name__ for plant in PLANTED}
