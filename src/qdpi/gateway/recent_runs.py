"""What a run takes here: the newest runs that this gateway knows of, by their tap and from the trees of journeys."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from statistics import median
from typing import Final, NamedTuple

from qdpi.api.responses import BehaviourRuns, ModelRuns, RunStatistics, UsualRun
from qdpi.events import PageDone
from qdpi.page_schema import PageStatus
from qdpi.store.ports import Outcomes
from qdpi.store.rows import TreeRow
from qdpi.symbols import decode_symbol

KEPT: Final = 1_000
_JOURNEYS: Final = 16
"""How many journeys are looked into for runs from before this gateway, and how many of their newest outcomes."""
_OUTCOMES: Final = 64


class Run(NamedTuple):
    """What one run took: seconds, and tokens where the model reports them."""

    model: str
    behavior: int
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None


class RecentRuns:
    """The newest runs that wrote a whole page, at most `kept`."""

    def __init__(self, store: Outcomes, *, kept: int = KEPT) -> None:
        self._store = store
        self._runs: deque[Run] = deque(maxlen=kept)
        self._has_earlier = False
        self._reading = asyncio.Lock()

    def take(self, done: PageDone) -> None:
        """Add the run of a page; one of an earlier version does not say what it took."""
        if done.status is PageStatus.COMPLETE and done.milliseconds is not None:
            _, behavior = decode_symbol(done.symbol_code)
            seconds, tokens = done.milliseconds / 1_000, done.tokens
            self._runs.append(Run(done.model, behavior, seconds, tokens.prompt, tokens.completion))

    async def statistics(self) -> RunStatistics:
        """Return medians of the newest runs, those of before this gateway among them. Raises `StoreUnavailable`."""
        async with self._reading:
            if not self._has_earlier:
                await self._read_earlier()
        return statistics_of(self._runs)

    async def _read_earlier(self) -> None:
        rows: list[TreeRow] = []
        looked_into = 0
        async for journey in self._store.journeys():
            head = await self._store.head(journey)
            rows += await self._store.tree(journey, max(0, head - _OUTCOMES), head)
            looked_into += 1
            if looked_into == _JOURNEYS:
                break
        earlier = [run for row in sorted(rows, key=lambda row: row.ts) if (run := _run_of(row))]
        # The tap has the newest of these, too; a median does not mind.
        self._runs = deque([*earlier, *self._runs], maxlen=self._runs.maxlen)
        self._has_earlier = True


def _run_of(row: TreeRow) -> Run | None:
    if row.status != PageStatus.COMPLETE.value or row.model is None or row.symbol_code is None:
        return None
    _, behavior = decode_symbol(row.symbol_code)
    return Run(row.model, behavior, row.milliseconds / 1_000, row.prompt_tokens, row.completion_tokens)


def statistics_of(runs: Iterable[Run]) -> RunStatistics:
    """Return the medians of runs, the oldest first, by model and by behaviour."""
    by_model: dict[str, list[Run]] = {}
    for run in runs:
        by_model.setdefault(run.model, []).append(run)
        by_model[run.model] = by_model.pop(run.model)  # the model of the newest run comes last
    return RunStatistics(models=tuple(_of_model(model, own) for model, own in reversed(by_model.items())))


def _of_model(model: str, runs: list[Run]) -> ModelRuns:
    behaviours = sorted({run.behavior for run in runs})
    return ModelRuns(
        model=model,
        usual=_usual(runs),
        behaviours=tuple(
            BehaviourRuns(behavior=behavior, usual=_usual([run for run in runs if run.behavior == behavior]))
            for behavior in behaviours
        ),
    )


def _usual(runs: list[Run]) -> UsualRun:
    return UsualRun(
        runs=len(runs),
        seconds=round(median(run.seconds for run in runs), 3),
        prompt_tokens=_median(run.prompt_tokens for run in runs),
        completion_tokens=_median(run.completion_tokens for run in runs),
    )


def _median(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return round(median(known)) if known else None
