"""The presses of an optimisation: on pages of half A, some to learn from and others to choose by. Pure.

The judge's half is in neither, and the judge's presses are on the last pages of each section, which are pressed here
by nobody: so what learns, what chooses and what judges share no page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qdpi.canon.book import CanonPage
from qdpi.evaluation.schedule import ASKS, Loci, ScheduledPress, schedule_presses
from qdpi.evaluation.split import Split


@dataclass(frozen=True, slots=True)
class OptimizationPresses:
    """The presses that an optimiser learns from, and those that it chooses by; their pages differ."""

    learn: tuple[ScheduledPress, ...]
    choose: tuple[ScheduledPress, ...]


def optimization_presses(
    split: Split, learn: int, choose: int, seed: int, asks: Sequence[str] = ASKS
) -> OptimizationPresses:
    """Return presses in rounds of sixteen, as those of an evaluation are; the asks are parted, too."""
    first, second = _halves(split.learn)
    return OptimizationPresses(
        tuple(schedule_presses(split, learn, seed, Loci.ANY, asks[0::2], first)),
        tuple(schedule_presses(split, choose, seed + 1, Loci.ANY, asks[1::2] or asks, second)),
    )


def _halves(pages: Sequence[CanonPage]) -> tuple[list[CanonPage], list[CanonPage]]:
    """Part pages by runs of neighbours, in turn: pages side by side share their matter."""
    halves: tuple[list[CanonPage], list[CanonPage]] = ([], [])
    run, before = -1, None
    for page in pages:
        if before is None or page.page_num != before.page_num + 1:
            run += 1
        halves[run % 2].append(page)
        before = page
    return halves
