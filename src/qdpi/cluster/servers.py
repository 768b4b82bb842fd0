"""Servers for the length of a block: for tests, benchmarks and faults."""

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
"""After how many seconds our brokers' groups count a silent member as dead."""
_PROGRAM: Final = "import sys; from pathlib import Path; from qdpi.cluster.servers import keep; keep(Path(sys.argv[1]))"


def environment(setup: Setup, kinds: Collection[Kind] = tuple(Kind)) -> dict[str, str]:
    """Return the variables with which qdpi uses these servers, those of some kinds alone where they are named."""
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
        """The variables with which qdpi uses these servers, whether they run or not."""
        return environment(self._setup)

    @property
    def guarded_kafka(self) -> str:
        """The brokers' second listeners, `host:port` separated by commas: `Options.kafka_guard`."""
        return ",".join(f"{node.host}:{node.ports['guarded']}" for node in self._setup.of(Kind.KAFKA))


@asynccontextmanager
async def running(
    directory: Path,
    *,
    nodes: int = 1,
    kafka: bool = True,
    cassandra: bool = True,
    options: Options | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> AsyncIterator[Servers]:
    """Give servers that run while a block does, and no longer than this process; their files stay.

    Raises `ToolMissing` without Java 17 or Maven, `ServicesFailed` where something does not start.
    """
    servers = Servers(directory, os.environ, random=SystemRandom(), options=options, tell=tell)
    wanted = [kind for kind, asked in ((Kind.KAFKA, kafka), (Kind.CASSANDRA, cassandra)) if asked]
    with keeper(directory):
        await servers.up(wanted, nodes)
        try:
            yield servers
        finally:
            await servers.down()


@contextmanager
def keeper(directory: Path) -> Iterator[None]:
    """Have a directory's servers brought down at the end of a block, or of this process."""
    # A session of its own: Ctrl-C is for us, and it must outlive us.
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _PROGRAM, directory],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        start_new_session=True,
    ):
        yield  # leaving closes its standard input, and waits for it


def keep(directory: Path) -> None:
    """Read standard input to its end, and bring the servers of a directory down."""
    sys.stdin.buffer.read()
    if directory.is_dir():
        asyncio.run(Cluster(directory, os.environ, random=SystemRandom()).down())
