"""Fixtures and options of all tests."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.support.properties",
    "tests.support.notes",
    "tests.support.servers",
    "tests.support.skips",
    "tests.support.shared_keyspace",
    "tests.support.tiers",
    "tests.support.parallel",  # which imports the one before it
]


def pytest_configure() -> None:
    """Let what the tests start be interrupted: a shell starts a run in the background without that (`make test &`)."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no rubbish among libraries and thousands of tests: not while they come, and never again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def canon() -> Path:
    path = Path(os.environ.get("QDPI_CANON") or Path(__file__).parents[2] / "shared" / "canon")
    if not path.is_dir():
        pytest.skip("the author's canon is not here: set QDPI_CANON to its folder")
    return path
