"""A pytest plugin: one keyspace for the length of a session, because making one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.keyspace import Keyspace


@pytest.fixture(scope="session")
def cassandra_space(cassandra_environment: dict[str, str]) -> Iterator[Keyspace]:
    """A keyspace on a real Cassandra that all tests share, one after another; see `emptied`."""
    from tests.support.keyspace import keyspace  # the driver, for those who need it

    with keyspace(cassandra_environment) as made:
        yield made


@pytest.fixture
def emptied(cassandra_space: Keyspace) -> Keyspace:
    """That keyspace without a row."""
    cassandra_space.empty()
    return cassandra_space
