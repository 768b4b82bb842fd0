"""A pytest plugin: one keyspace for the whole session, because creating one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.keyspace import Keyspace


@pytest.fixture(scope="session")
def cassandra_space(cassandra_environment: dict[str, str]) -> Iterator[Keyspace]:
    """A keyspace on a real Cassandra, which all tests of a process share; use it through `emptied`."""
    from tests.support.keyspace import keyspace  # imports the driver

    with keyspace(cassandra_environment) as made:
        yield made


@pytest.fixture
def emptied(cassandra_space: Keyspace) -> Keyspace:
    """The shared keyspace, truncated."""
    cassandra_space.empty()
    return cassandra_space
