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

NewDataDir = Callable[[], Path]
"""Makes a data directory with the project's own book in it."""


@pytest.fixture(autouse=True)
def _few_logs() -> Iterator[None]:
    """Log nothing of injected faults: their tracebacks take longer than the tests."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def book_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the project's own book, which tests copy."""
    directory = tmp_path_factory.mktemp("book")

    async def ingest_book() -> None:
        async with opened(build_system(Settings(data_dir=directory))) as system:
            await ensure_book(system)

    asyncio.run(ingest_book())
    return directory


@pytest.fixture
def new_data_dir(book_dir: Path, tmp_path: Path) -> NewDataDir:
    """Return a function that makes a new data directory."""
    made = 0

    def make() -> Path:
        nonlocal made
        made += 1
        return Path(shutil.copytree(book_dir, tmp_path / f"data-{made}"))

    return make
