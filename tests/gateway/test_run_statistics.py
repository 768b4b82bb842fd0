"""GET /pipeline/stats/runs: medians of the newest runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from tests.support import factories
from tests.support.gateway import gateway_in, until

from qdpi.events import Fault, PageDone
from qdpi.gateway.recent_runs import RecentRuns, Run, statistics_of
from qdpi.page_schema import PageStatus, Tokens

STATISTICS = "/api/v1/pipeline/stats/runs"
FAULT = Fault(code="model_failed", detail="Nothing came.", next_step="Press again.")


def run(seconds: float, *, model: str = "m", behavior: int = 0, tokens: int | None = None) -> Run:
    return Run(model, behavior, seconds, tokens, tokens)


def test_medians_by_model_and_behaviour():
    """The model of the newest run comes first; tokens are those that were reported."""
    found = statistics_of(
        [
            run(1, tokens=10),
            run(2, behavior=3),
            run(30, behavior=3, tokens=40),
            run(5, model="other"),
            run(4, tokens=30),
        ]
    )
    first, second = found.models
    assert (first.model, first.usual.runs, first.usual.seconds) == ("m", 4, 3.0)
    assert (first.usual.prompt_tokens, first.usual.completion_tokens) == (30, 30)
    assert [(each.behavior, each.usual.runs, each.usual.seconds) for each in first.behaviours] == [
        (0, 2, 2.5),
        (3, 2, 16.0),
    ]
    assert (second.model, second.usual.seconds, second.usual.completion_tokens) == ("other", 5.0, None)


def done(**changes: object) -> PageDone:
    asked = factories.request()
    event = factories.done(factories.generated_page(asked), asked, seq=1)
    return event.model_copy(update={"milliseconds": 2_500.0, "tokens": Tokens(prompt=300, completion=100), **changes})


class NoJourneys:
    async def journeys(self) -> AsyncIterator[str]:
        for name in list[str]():
            yield name


async def test_only_whole_pages_count():
    runs = RecentRuns(NoJourneys())  # type: ignore[arg-type]
    for event in (done(), done(status=PageStatus.STOPPED, milliseconds=9.0), done(milliseconds=None)):
        runs.take(event)
    (found,) = (await runs.statistics()).models
    assert (found.usual.runs, found.usual.seconds, found.usual.prompt_tokens) == (1, 2.5, 300)


async def test_newest_runs_are_kept():
    runs = RecentRuns(NoJourneys(), kept=3)  # type: ignore[arg-type]
    for seconds in range(1, 8):
        runs.take(done(milliseconds=seconds * 1_000.0))
    (found,) = (await runs.statistics()).models
    assert (found.usual.runs, found.usual.seconds) == (3, 6.0)


async def test_runs_of_before_and_since(tmp_path: Path):
    """A gateway knows the runs from before its start, from the store, and those since."""
    async with gateway_in(tmp_path) as gateway:
        assert (await gateway.client.get(STATISTICS)).json() == {"models": []}
        await gateway.generator.answer("reader", await gateway.press())
        await gateway.generator.answer("reader", await gateway.press(), fault=FAULT)
    async with gateway_in(tmp_path) as again:
        (before,) = (await again.client.get(STATISTICS)).json()["models"]
        assert (before["model"], before["usual"]["runs"]) == ("scripted", 1)
        assert before["usual"] == {"runs": 1, "seconds": 0.013, "prompt_tokens": 300, "completion_tokens": 120}
        press = await again.press()
        outcome = await again.generator.commit("reader", press)
        assert isinstance(outcome.event, PageDone)
        timed = outcome.event.model_copy(update={"milliseconds": 1_013.0})
        await again.system.publisher.publish(timed)
        await until(lambda: again.hub.pending.answered(press))
        (now,) = (await again.client.get(STATISTICS)).json()["models"]
        assert (now["usual"]["runs"], now["usual"]["seconds"]) == (2, 0.513)
