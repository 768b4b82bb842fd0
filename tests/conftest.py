"""Fixtures and options of all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.support.parallel",
    "tests.support.properties",
    "tests.support.notes",
    "tests.support.servers",
    "tests.support.skips",
    "tests.support.shared_keyspace",
    "tests.support.tiers",
]


@pytest.fixture(scope="session")
def canon() -> Path:
    path = Path(os.environ.get("QDPI_CANON") or Path(__file__).parents[2] / "shared" / "canon")
    if not path.is_dir():
        pytest.skip("the author's canon is not here: set QDPI_CANON to its folder")
    return path
