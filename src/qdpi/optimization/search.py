"""Random search over the dials, for a model that only continues prose, by successive halving.

Every candidate gets the first half of the presses; the better half of them, and the program as it was, get the rest
(K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016).
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any, Final

from qdpi.concurrency import map_concurrently
from qdpi.evaluation.schedule import ScheduledPress
from qdpi.evaluation.statistics import Estimate
from qdpi.optimization.trials import Trial, mean_score
from qdpi.program.dials import Dials

CHOICES: Final[Mapping[str, Sequence[Any]]] = {
    "demos": (0, 1, 2, 3, 4),
    "demo_words": (40, 60, 90, 120, 150),
    "strength": (0.5, 0.75, 1.0, 1.25, 1.5),
    "raised": (0.0, 0.5, 1.0, 1.5, 2.0),
    "temperature": (None, 0.6, 0.8, 1.0),
}
"""What each dial is drawn from."""
LED: Final = frozenset({"strength", "raised"})
"""The dials of a model that is led by words."""

Try = Callable[[Dials, ScheduledPress], Awaitable[Trial]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Dials with the trials that they have had. Number 0 is the program as it was."""

    number: int
    dials: Dials
    trials: tuple[Trial, ...] = ()

    @property
    def score(self) -> Estimate:
        """The mean score of its trials."""
        return mean_score(self.trials)


def draw_candidates(first: Dials, count: int, seed: int, *, is_led: bool) -> list[Candidate]:
    """Return the program as it was, and so many other candidates; fewer where there are no more."""
    chance = random.Random(seed)  # noqa: S311 (a search, not a secret)
    names = [name for name in CHOICES if is_led or name not in LED]
    grid = list(product(*(CHOICES[name] for name in names)))
    others = (replace(first, **dict(zip(names, values, strict=True))) for values in chance.sample(grid, len(grid)))
    drawn = islice((dials for dials in others if dials != first), count)
    return [Candidate(number, dials) for number, dials in enumerate((first, *drawn))]


async def halving(
    candidates: Sequence[Candidate],
    presses: Sequence[ScheduledPress],
    attempt: Try,
    *,
    at_once: int = 1,
    tell: Callable[[Candidate], None] = lambda candidate: None,
) -> list[Candidate]:
    """Try candidates on presses and return them with their trials, in their order.

    `at_once` presses are made at a time. `tell` is called with each candidate that has been tried.
    """

    async def tried(candidate: Candidate, some: Sequence[ScheduledPress]) -> Candidate:
        trials = await map_concurrently(lambda press: attempt(candidate.dials, press), some, at_once)
        after = replace(candidate, trials=(*candidate.trials, *trials))
        tell(after)
        return after

    half = (len(presses) + 1) // 2
    first = [await tried(each, presses[:half]) for each in candidates]
    kept = {each.number for each in sorted(first, key=_rank)[: (len(first) + 1) // 2]} | {0}
    return [await tried(each, presses[half:]) if each.number in kept else each for each in first]


def best_of(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate with the highest score among those that had every press; of equals the first."""
    most = max(len(each.trials) for each in candidates)
    return min((each for each in candidates if len(each.trials) == most), key=_rank)


def _rank(candidate: Candidate) -> tuple[float, int]:
    return -(candidate.score.value or 0.0), candidate.number
