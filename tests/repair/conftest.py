"""Buses and stores with journeys, to be damaged and mended."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.repair.world import World, populate
from tests.support.keyspace import keyspace
from tests.support.tables import CassandraTables, SqliteTables

from qdpi.settings import Settings, load_settings
from qdpi.system import random_id


@pytest.fixture(scope="session")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("populated")
    asyncio.run(populate(Settings(data_dir=directory)))
    return directory


@pytest.fixture
def embedded(populated: Path, tmp_path: Path) -> World:
    """A copy of the populated data directory, which a test may damage."""
    copy = tmp_path / "data"
    shutil.copytree(populated, copy)
    return World(Settings(data_dir=copy), SqliteTables(copy / "store.db"))


@pytest.fixture(scope="module")
def cluster(
    kafka_environment: dict[str, str],
    cassandra_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """Readers on a real Kafka and a real Cassandra; what a test damages it leaves mended."""
    environment = {
        **kafka_environment,
        "KAFKA_PREFIX": f"repair-{random_id()[:8]}.",
        "KAFKA_PARTITIONS": "2",
        "QDPI_DATA_DIR": str(tmp_path_factory.mktemp("data")),
    }
    with keyspace(cassandra_environment) as space:
        settings = load_settings({**environment, **space.environment})
        asyncio.run(populate(settings))
        yield World(settings, CassandraTables(space))
