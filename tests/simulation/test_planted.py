"""The simulation itself: it finds what is planted, and says what it is."""

from __future__ import annotations

import pytest
from tests.faults.checker import Broken
from tests.simulation import planted
from tests.simulation.planted import Plant
from tests.simulation.scenario import BLAMED, FIGURES, WASTED, run

SEEDS = 300
"""Within how many seeds each must be found."""
UNANSWERED = "Overdue"

PLANTED: dict[Plant, set[str]] = {
    planted.a_worker_that_commits_what_it_has_only_begun: {UNANSWERED, Broken.LOG_MISSING, Broken.NOT_TOLD},
    planted.a_worker_that_handles_a_keys_records_at_once: {Broken.OUT_OF_ORDER},
    planted.a_worker_that_goes_on_with_what_was_revoked: {UNANSWERED, Broken.LOG_MISSING},
    planted.a_retry_that_takes_an_outage_for_poison: {BLAMED, Broken.LOG_MISSING},
    planted.a_recorder_that_passes_over_an_outage: {Broken.LOG_MISSING},
    planted.a_generator_that_does_not_look_whether_a_press_is_answered: {WASTED},
    planted.a_generator_that_leaves_undone_what_a_dead_one_left: {Broken.NOT_TOLD, Broken.MISSING_PAGE, UNANSWERED},
    planted.a_generator_that_tells_what_it_wrote_and_not_what_was_committed: {
        Broken.TOLD_OTHERWISE,
        Broken.CHANGED_PAGE,
    },
    planted.a_store_that_commits_whatever_the_head: {Broken.SEQ_GAP, Broken.STATE_OFF_FOLD},
    planted.a_store_that_commits_though_the_request_has_an_outcome: {Broken.DOUBLED_PRESS},
    planted.a_store_in_which_the_last_snapshot_to_come_stands: {Broken.SNAPSHOT_BEHIND},
    planted.a_store_that_counts_no_branch_that_came_back: {FIGURES},
    planted.a_follower_that_does_not_read_what_was_there_before_it: {UNANSWERED},
    planted.a_follower_that_passes_on_what_it_has_passed_on: {Broken.STREAM_REPEATED},
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
    assert {name for name in vars(planted) if name.startswith("a_")} == {plant.__name__ for plant in PLANTED}
