"""A pytest plugin: the environment of a real Kafka and a real Cassandra, for the length of a session.

`kafka_environment` and `cassandra_environment` are variables as `load_settings` reads them. Servers that
QDPI_TEST_KAFKA (brokers) or QDPI_TEST_CASSANDRA (hosts) name are used as they are; else ours are started, when
a test first asks for them, and stopped at the end. On shared servers, tests keep to themselves by a
KAFKA_PREFIX and a CASSANDRA_KEYSPACE of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from qdpi.cluster import BRIEF, Options, Servers, running
from qdpi.cluster.cassandra import PERIODIC
from qdpi.errors import ToolMissing

ABSENT = "no Java 17 and Maven here"


@pytest.fixture(scope="session")
def kafka_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a Kafka of one node."""
    given = os.environ.get("QDPI_TEST_KAFKA")
    if given:
        timeout = os.environ.get("KAFKA_SESSION_TIMEOUT")
        yield {"KAFKA_BROKERS": given, **({"KAFKA_SESSION_TIMEOUT": timeout} if timeout else {})}
        return
    with servers_in(tmp_path_factory.mktemp("kafka"), cassandra=False) as servers:
        yield servers.environment


@pytest.fixture(scope="session")
def cassandra_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a Cassandra of one node."""
    given = os.environ.get("QDPI_TEST_CASSANDRA")
    if given:
        yield {"CASSANDRA_HOSTS": given}
        return
    options = Options(cassandra=PERIODIC)  # nobody kills it
    with servers_in(tmp_path_factory.mktemp("cassandra"), kafka=False, options=options) as servers:
        yield servers.environment


@contextmanager
def servers_in(
    directory: Path, *, nodes: int = 1, kafka: bool = True, cassandra: bool = True, options: Options | None = None
) -> Iterator[Servers]:
    """`running` for what is not a coroutine; skips the test where Java or Maven is not here."""
    with start_blocking_portal() as portal:
        brief = replace(options or Options(), java=BRIEF)
        opened = running(directory, nodes=nodes, kafka=kafka, cassandra=cassandra, options=brief)
        try:
            with portal.wrap_async_context_manager(opened) as servers:
                yield servers
        except ToolMissing:
            pytest.skip(ABSENT)
