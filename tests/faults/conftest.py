from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from qdpi.bootstrap import build_system, ensure_book, opened
from qdpi.settings import Settings

NewHouse = Callable[[], Path]
"""Makes a data directory with the project's own book in it."""


@pytest.fixture(autouse=True)
def _few_logs() -> Iterator[None]:
    """Log nothing of the faults that are planted: their tracebacks take longer than the tests."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the project's own book, to be copied."""
    directory = tmp_path_factory.mktemp("furnished")

    async def furnish() -> None:
        async with opened(build_system(Settings(data_dir=directory))) as system:
            await ensure_book(system)

    asyncio.run(furnish())
    return directory


@pytest.fixture
def new_house(furnished: Path, tmp_path: Path) -> NewHouse:
    """Return a function that makes a data directory of its own."""
    made = 0

    def make() -> Path:
        nonlocal made
        made += 1
        return Path(shutil.copytree(furnished, tmp_path / f"house-{made}"))

    return make
