"""Servers that run for the duration of a block: for tests, benchmarks and fault injection."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import SystemRandom
from typing import Final

from qdpi.cluster.cluster import Cluster
from qdpi.cluster.setup import Kind, Options, Setup

SESSION_TIMEOUT: Final = "2"
"""Seconds after which the groups on our brokers declare a silent member dead."""
_PROGRAM: Final = (
    "import sys; from pathlib import Path; from qdpi.cluster.servers import stop_at_eof; stop_at_eof(Path(sys.argv[1]))"
)


def environment(setup: Setup, kinds: Collection[Kind] = tuple(Kind)) -> dict[str, str]:
    """Return the environment variables with which qdpi uses these servers, of the given kinds only."""
    variables = {}
    brokers, hosts = (setup.of(kind) if kind in kinds else () for kind in (Kind.KAFKA, Kind.CASSANDRA))
    if brokers:
        variables["KAFKA_BROKERS"] = ",".join(node.address for node in brokers)
        variables["KAFKA_REPLICATION"] = str(len(brokers))
        variables["KAFKA_SESSION_TIMEOUT"] = SESSION_TIMEOUT
    if hosts:
        variables["CASSANDRA_HOSTS"] = ",".join(node.address for node in hosts)
        variables["CASSANDRA_REPLICATION"] = str(len(hosts))
    return variables


class Servers(Cluster):
    """A running cluster, with its addresses."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which qdpi uses these servers, running or not."""
        return environment(self._setup)

    @property
    def guarded_kafka(self) -> str:
        """The brokers' second listeners (see `Options.kafka_guard`), `host:port` separated by commas."""
        return ",".join(f"{node.host}:{node.ports['guarded']}" for node in self._setup.of(Kind.KAFKA))


@asynccontextmanager
async def running(
    directory: Path,
    *,
    nodes: int = 1,
    kafka: bool = True,
    cassandra: bool = True,
    options: Options | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> AsyncIterator[Servers]:
    """Run servers for a block, and no longer than this process. Their files stay.

    Raises `ToolMissing` without Java 17 or Maven, `ServicesFailed` if a server does not start.
    """
    servers = Servers(directory, os.environ, random=SystemRandom(), options=options, progress=progress)
    wanted = [kind for kind, asked in ((Kind.KAFKA, kafka), (Kind.CASSANDRA, cassandra)) if asked]
    with stop_on_exit(directory):
        await servers.up(wanted, nodes)
        try:
            yield servers
        finally:
            await servers.down()


@contextmanager
def stop_on_exit(directory: Path) -> Iterator[None]:
    """Stop the servers of a directory at the end of a block, or when this process ends, in a child process."""
    # A session of its own: Ctrl-C must not reach it, and it must outlive this process.
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _PROGRAM, directory],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        start_new_session=True,
    ):
        yield  # leaving closes its standard input, and waits for it


def stop_at_eof(directory: Path) -> None:
    """Read standard input to its end, then stop the servers of a directory."""
    sys.stdin.buffer.read()
    if directory.is_dir():
        asyncio.run(Cluster(directory, os.environ, random=SystemRandom()).down())
