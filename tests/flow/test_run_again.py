"""A journey with a failure, a stop and a vault, run again beside itself by other models and another policy."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.flow import EMBEDDER, Flow, working
from tests.support.scripted import Reply, ScriptedModel

from qdpi.bootstrap import build_system
from qdpi.counterfactual.compare import compare
from qdpi.counterfactual.shadow import PressPair, run_again
from qdpi.errors import ModelEmpty
from qdpi.policy import PolicyLimits
from qdpi.program import QDPIProgram
from qdpi.runtime.startup import open_store
from qdpi.settings import Settings
from qdpi.symbols import Source, Trajectory

PAGE = "She went on up the stair, and the lamp went with her. " * 12


async def begun() -> AsyncIterator[str]:
    yield "It began, and "
    await asyncio.Event().wait()


def as_read(prompt: str) -> Reply:
    if "silence" in prompt:
        return ModelEmpty("It wrote nothing.")
    return begun() if "slowly" in prompt else PAGE


def others(prompt: str) -> Reply:
    return "He came down the stair, and the dog stayed where it was. " * 12


def nothing_at_first(prompt: str) -> Reply:
    return ModelEmpty("It wrote nothing.") if "the lamp" in prompt else others(prompt)


async def stop_when_begun(flow: Flow, words: str) -> None:
    press = flow.press_event("dora", "an-author:XU", words=words)
    await flow.send(press)
    while not any("It began" in str(record.value) for record in flow.published.records):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await flow.stop("dora", press.event_id)
    await flow.outcome_of("dora", press.event_id)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a journey: of its presses the second fails, the fourth is stopped, the fifth reads the vault."""
    directory = tmp_path_factory.mktemp("dora")
    asyncio.run(read(directory))
    return directory


async def read(directory: Path) -> None:
    async with working(directory, ScriptedModel(as_read), model_retries=0) as flow:
        first = await flow.press("dora", "an-author:XU", words="the lamp")
        await flow.press("dora", "an-author:XU", words="silence")
        third = await flow.press("dora", "london-fox:XP", wish=Trajectory.FORK)
        await stop_when_begun(flow, "slowly")
        assert first.page is not None
        assert third.page is not None
        await flow.save("dora", first.page.page_id)
        await flow.press("dora", "an-author:XU", third.page.page_id)
        await flow.save("dora", third.page.page_id)
        await flow.all_read_by("recorder")


async def pairs(data: Path, program: QDPIProgram, most: int | None = None) -> list[PressPair]:
    settings = replace(Settings(data_dir=data), model_retries=0)
    async with open_store(build_system(settings, embedder=EMBEDDER, read_only=True)) as system:
        return [pair async for pair in run_again(system, program, "dora", most=most, tell=lambda sentence: None)]


async def test_another_model(data: Path) -> None:
    """It gets the same presses; what failed or was stopped is written to the end, and said; the vault is as it was."""
    ran = await pairs(data, QDPIProgram(model=ScriptedModel(others, name="another")))
    asked = [(pair.original.request.words, pair.original.request.wish) for pair in ran]
    assert [(pair.shadow.request.words, pair.shadow.request.wish) for pair in ran] == asked
    assert [pair.shadow.page.text[:12] if pair.shadow.page else None for pair in ran] == ["He came down"] * 5
    assert [pair.notes for pair in ran] == [
        (),
        ("This run failed; the shadow tries it again.",),
        (),
        ("The reader stopped this page; the shadow writes to the end.",),
        (),
    ]
    assert [pair.pressed_on for pair in ran] == [None, 1, 1, 3, 3]
    assert {pair.original.event.locus for pair in ran} - {None} <= {pair.locus for pair in ran}
    assert [pair.shadow.event.locus for pair in ran] == [pair.locus for pair in ran]
    saved = [source.page_id for source in ran[4].shadow.receipt.sources if source.kind == Source.VAULT]
    assert saved == [pair.original.page.page_id for pair in ran[:1] if pair.original.page]
    assert {pair.shadow.receipt.model for pair in ran} == {"another"}
    assert {name for pair in ran for name in compare(pair).differs} >= {"text", "outcome"}


async def test_presses_on_a_page_that_the_shadow_lacks(data: Path) -> None:
    """A shadow whose first run fails goes on from the canon, and says so; `most` presses are run."""
    ran = await pairs(data, QDPIProgram(model=ScriptedModel(nothing_at_first)), most=3)
    assert [pair.shadow.page is None for pair in ran] == [True, False, False]
    assert ran[2].notes == ("The shadow has no page of press 1: it stands on S01-P0001.",)
    assert ran[2].shadow.event.locus == "S01-P0001"


async def test_another_policy(data: Path) -> None:
    """The shadow's journey is led by the other limits, and its receipts name them, also those of failures."""
    limits = PolicyLimits(max_branch_depth=1)
    ran = await pairs(data, QDPIProgram(model=ScriptedModel(as_read), limits=limits), most=3)
    assert [pair.shadow.receipt.policy_version for pair in ran] == ["policy/1 max_branch_depth=1"] * 3
    verdicts = [compare(pair) for pair in ran]
    assert (verdicts[2].original.trajectory, verdicts[2].shadow.trajectory) == (Trajectory.FORK, Trajectory.LOOP)
    assert verdicts[2].shadow.rule == "ttl"
    assert verdicts[2].differs[0] == "trajectory"


async def test_beside_a_running_server(data: Path, tmp_path: Path) -> None:
    """While workers run on the store it is read beside them, and not a byte of it changes; presses go on meanwhile."""
    directory = tmp_path / "running"
    shutil.copytree(data, directory)
    async with working(directory, ScriptedModel(as_read)) as flow:
        before = held(directory)
        assert await pairs(directory, QDPIProgram(model=ScriptedModel(as_read)), most=1)
        assert held(directory) == before
        assert (await flow.press("dora", "an-author:XC")).seq == 6


def held(directory: Path) -> dict[str, bytes]:
    """Return the bytes of the store's file and of its WAL."""
    return {path.name: path.read_bytes() for path in directory.glob("store.db*") if not path.name.endswith("-shm")}
