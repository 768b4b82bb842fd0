"""Runs of many seeds on all processors, and their totals."""

from __future__ import annotations

import logging
import multiprocessing
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import structlog
from tests.simulation.scenario import Report, run
from tests.simulation.world import book

CHUNK = 20
"""The number of seeds in a task of a processor."""


@dataclass
class Total:
    """The totals of many seeds."""

    seeds: int = 0
    presses: int = 0
    outcomes: int = 0
    seconds: float = 0.0
    """Simulated."""
    injected: Counter[str] = field(default_factory=Counter)
    wrong: list[Report] = field(default_factory=list)

    def add(self, report: Report) -> None:
        """Add a seed's report."""
        self.seeds += 1
        self.presses += report.presses
        self.outcomes += report.outcomes
        self.seconds += report.seconds
        self.injected.update(report.injected)
        if report.wrong:
            self.wrong.append(report)

    def __str__(self) -> str:
        injected = ", ".join(f"{times} × {what}" for what, times in self.injected.most_common())
        return (
            f"{self.seeds} seeds, {self.presses} presses, {self.outcomes} outcomes, {self.seconds:,.0f} simulated "
            f"seconds, {len(self.wrong)} seeds with faults found. Faults injected: {injected}"
        )


def description(report: Report) -> str:
    """Return the faults of a seed, and the command that runs it again."""
    lines = [f"seed {report.seed}: {len(report.wrong)} faults", *(f"  {wrong}" for wrong in report.wrong[:20])]
    return "\n".join([*lines, f'  again: make simulate ARGS="--seed {report.seed}"'])


def quiet() -> None:
    """Log nothing from simulated processes: logging takes longer than the simulation."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def reports(seeds: Iterable[int], processors: int | None = None) -> Iterator[Report]:
    """Run seeds, by default on all processors, and yield their reports in the order of the seeds."""
    with ProcessPoolExecutor(processors, multiprocessing.get_context("spawn"), _begin) as pool:
        yield from pool.map(run, seeds, chunksize=CHUNK)


def _begin() -> None:
    quiet()
    book()
