"""A pytest plugin: one real Kafka and one real Cassandra for the whole run, however many processes share its tests.

`kafka_environment` and `cassandra_environment` are variables as `load_settings` reads them. Servers that
QDPI_TEST_KAFKA (brokers) or QDPI_TEST_CASSANDRA (hosts) name are used as they are. Otherwise each is booted once:
all processes of a run name the same directory, so the first that needs a server starts it, and the run's main process
brings all down at its end. Tests keep to themselves by a KAFKA_PREFIX and a CASSANDRA_KEYSPACE of their own, and
never stop a shared server: a test that breaks one is marked `long`, and starts its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

import pytest
from anyio.from_thread import start_blocking_portal

from qdpi.cluster import SHORT_LIVED, Kind, Options, Servers, running
from qdpi.cluster.cassandra import PERIODIC
from qdpi.cluster.servers import stop_on_exit
from qdpi.errors import ToolMissing

ABSENT: Final = "no Java 17 and Maven here"
GUARD: Final = {
    "protocol": "SASL_PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
    "plain.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="reader" password="right" user_reader="right";',
}
"""The second listener of the shared Kafka, which lets in `reader` with the password `right`."""
SHARED: Final = Options(java=SHORT_LIVED, kafka_guard=GUARD, cassandra=PERIODIC)

_DIRECTORY: Final = "shared_servers"
_ENDING: Final = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ENDING] = ExitStack()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_ENDING].close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give a process of pytest-xdist the directory of the run's servers."""
    node.workerinput[_DIRECTORY] = str(_directory(node.config))


def _directory(config: pytest.Config) -> Path:
    """Return the directory of the run's servers; it is made, and kept until the run ends, at the first call."""
    if hasattr(config, "workerinput"):
        return Path(config.workerinput[_DIRECTORY])
    made: Path | None = getattr(config, _DIRECTORY, None)
    if made is None:
        made = Path(tempfile.mkdtemp(prefix="qdpi-servers-"))
        setattr(config, _DIRECTORY, made)
        config.stash[_ENDING].callback(shutil.rmtree, made, ignore_errors=True)
        config.stash[_ENDING].enter_context(stop_on_exit(made))
    return made


def _shared(config: pytest.Config, kind: Kind) -> Servers:
    """Start the run's server of a kind unless it is running; skips the test if Java or Maven is missing."""
    servers = Servers(_directory(config), os.environ, random=SystemRandom(), options=SHARED)
    with start_blocking_portal() as portal:
        try:
            portal.call(servers.up, [kind], 1)
        except ToolMissing:
            pytest.skip(ABSENT)
    return servers


@pytest.fixture(scope="session")
def shared_kafka(pytestconfig: pytest.Config) -> Servers:
    """The run's Kafka of one node, with a guarded listener beside its open one. No test stops it."""
    return _shared(pytestconfig, Kind.KAFKA)


@pytest.fixture(scope="session")
def kafka_environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """The variables of a Kafka of one node."""
    given = os.environ.get("QDPI_TEST_KAFKA")
    if given:
        timeout = os.environ.get("KAFKA_SESSION_TIMEOUT")
        return {"KAFKA_BROKERS": given, **({"KAFKA_SESSION_TIMEOUT": timeout} if timeout else {})}
    servers: Servers = request.getfixturevalue("shared_kafka")
    return _of(servers, "KAFKA_")


@pytest.fixture(scope="session")
def cassandra_environment(pytestconfig: pytest.Config) -> dict[str, str]:
    """The variables of a Cassandra of one node."""
    given = os.environ.get("QDPI_TEST_CASSANDRA")
    if given:
        return {"CASSANDRA_HOSTS": given}
    return _of(_shared(pytestconfig, Kind.CASSANDRA), "CASSANDRA_")


def _of(servers: Servers, prefix: str) -> dict[str, str]:
    return {name: value for name, value in servers.environment.items() if name.startswith(prefix)}


@contextmanager
def servers_in(
    directory: Path, *, nodes: int = 1, kafka: bool = True, cassandra: bool = True, options: Options | None = None
) -> Iterator[Servers]:
    """`running` outside of coroutines; skips the test if Java or Maven is missing."""
    with start_blocking_portal() as portal:
        brief = replace(options or Options(), java=SHORT_LIVED)
        opened = running(directory, nodes=nodes, kafka=kafka, cassandra=cassandra, options=brief)
        try:
            with portal.wrap_async_context_manager(opened) as servers:
                yield servers
        except ToolMissing:
            pytest.skip(ABSENT)
