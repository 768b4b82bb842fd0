"""Servers for the length of a block: for tests, benchmarks and faults."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom
from typing import Final

from qdpi.cluster.cluster import Cluster
from qdpi.cluster.keeper import keeper
from qdpi.cluster.node import Kind
from qdpi.cluster.options import Options
from qdpi.cluster.setup import Setup

SESSION_TIMEOUT: Final = "2"
"""After how many seconds our brokers' groups count a silent member as dead."""


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
