"""The whole pipeline in simulated time, with thousands of seeds, has no violation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from tests.simulation.runs import Total, description
from tests.simulation.scenario import Report, run
from tests.simulation.world import book
from tests.support.notes import Note

SEEDS = 2_000
SHORT = 300
"""The first seeds, within which every planted fault is found (test_planted.py)."""
ROOT = Path(__file__).parents[2]


def parts(seeds: range, count: int, tier: pytest.MarkDecorator) -> list[Any]:
    """Return the seeds in `count` parts, which parallel test processes share."""
    size = len(seeds) // count
    ranges = (seeds[first : first + size] for first in range(0, len(seeds), size))
    return [
        pytest.param(part, id=f"{part[0]}-{part[-1]}", marks=[tier, pytest.mark.xdist_group(f"seeds from {part[0]}")])
        for part in ranges
    ]


@pytest.mark.parametrize(
    "seeds", [*parts(range(SHORT), 2, pytest.mark.slow), *parts(range(SHORT, SEEDS), 4, pytest.mark.long)]
)
def test_simulation_loses_doubles_and_reorders_nothing(seeds: range, note: Note) -> None:
    """No press is lost, doubled or out of order, whatever faults are injected."""
    book()
    total = Total()
    for report in map(run, seeds):
        total.add(report)
    note(str(total))
    assert not total.wrong, "\n".join(map(description, total.wrong))
    assert total.seeds == len(seeds)
    assert total.presses == total.outcomes > 4 * len(seeds)
    rare = {
        what: times
        for what in (*CALLS, *PROCESSES)
        if (times := total.injected[what]) < len(seeds) // (2 if what in CALLS else 50)
    }
    assert not rare, "some faults are hardly ever injected"


CALLS = ("slow", "refused", "unanswered", "late", "cut")
PROCESSES = (
    "kill worker",
    "doom worker",
    "freeze worker",
    "freeze worker at a call",
    "add worker",
    "retire worker",
    "kill gateway",
    "freeze gateway",
    "cut off",
    "poison",
    "grow",
)


@pytest.mark.process
def test_simulation_is_deterministic() -> None:
    """A seed has the same trace in every process."""
    seeds = (1, 20)
    first = [run(seed).trace for seed in seeds]
    run(3)
    assert [run(seed).trace for seed in seeds] == first
    for hash_seed in ("0", "4242"):
        assert traces_elsewhere(seeds, hash_seed) == first
    assert len(set(first)) == len(seeds)


def traces_elsewhere(seeds: tuple[int, ...], hash_seed: str) -> list[str]:
    """Return the traces of seeds in another process, where sets have another order."""
    code = (
        "import sys; from tests.simulation.runs import quiet; from tests.simulation.scenario import run; quiet(); "
        "print(*(run(int(seed)).trace for seed in sys.argv[1:]))"
    )
    environment = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", code, *map(str, seeds)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.split()


NEVER = {"time", "monotonic", "perf_counter", "time_ns", "now", "utcnow", "today", "urandom", "start_new_thread"}
"""Built-in functions that read a clock, draw a true random number or start a thread."""


@pytest.mark.parametrize("seed", [4, 20], ids=["brisk program", "whole program"])
def test_pipeline_has_no_clock_thread_or_randomness(seed: int) -> None:
    """The pipeline calls no clock, thread or random number but the simulation's."""
    book()
    found: set[str] = set()

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ in NEVER:
            module = str(frame.f_globals.get("__name__"))
            if module.startswith("qdpi.") or called.__name__ == "start_new_thread":
                found.add(f"{module} calls {called.__qualname__}")

    sys.setprofile(look)
    try:
        report = run(seed)
    finally:
        sys.setprofile(None)
    assert report.presses > 0
    assert found == set()


def test_simulation_report_names_the_seed() -> None:
    said = description(Report(1234, wrong=["a press has no outcome: journey-1 abc"]))
    assert "a press has no outcome: journey-1 abc" in said
    assert 'make simulate ARGS="--seed 1234"' in said
