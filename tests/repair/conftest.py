"""A store and a bus on which readers have been, to be damaged and mended."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.flow import EMBEDDER, working

from qdpi.bootstrap import build_system, opened
from qdpi.errors import ModelEmpty
from qdpi.events import VaultChange
from qdpi.language.scripted import ScriptedModel
from qdpi.settings import Settings
from qdpi.symbols import Trajectory
from qdpi.system import System

PAGE = "She went on up the stair, and the lamp went with her. " * 12
DEPARTING = ("jacklyn-variance:ZS", Trajectory.DRIFT)


async def _live(directory: Path) -> None:
    """Two journeys with every kind of outcome and a vault, and a third that only failed."""
    fails = iter([False, False, False, True])
    model = ScriptedModel(lambda prompt: ModelEmpty("It wrote nothing.") if next(fails, False) else PAGE)
    async with working(directory, model, model_retries=0) as flow:
        for _ in range(3):
            await flow.press("alice", "an-author:XC")
        await flow.press("carol", "an-author:XC")
        await flow.press("alice", "jacklyn-variance:ZS", wish=Trajectory.DRIFT)
        last = await flow.press("alice", "an-author:XC", wish=Trajectory.LOOP)
        await flow.press("alice", "an-author:ZU", wish=Trajectory.FORK)
        await flow.ask("bob", "who lit the lamp?", "S01-P0002")
        assert last.page is not None
        await flow.save("alice", last.page.page_id)
        await flow.save("alice", "S01-P0001")
        await flow.save("bob", "S01-P0002")
        for actor in ("enricher", "page_generator", "indexer", "recorder"):
            await flow.all_read_by(actor)


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("lived")
    asyncio.run(_live(directory))
    return directory


@pytest.fixture
def data(lived: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of that directory, which a test may damage."""
    copy = tmp_path / "data"
    shutil.copytree(lived, copy)
    return copy


@asynccontextmanager
async def system_on(directory: Path) -> AsyncIterator[System]:
    """Open a system on a directory."""
    async with opened(build_system(Settings(data_dir=directory), embedder=EMBEDDER)) as system:
        yield system
