"""A chaos run: create topics and book, run with faults, settle, and check the history and the projections.

`python -m tests.chaos [--long] [--nodes 1|3] [--seed N]`
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cassandra.cluster import Cluster
from tests.chaos.chaos_cluster import ChaosCluster
from tests.chaos.terms import Terms
from tests.faults.checker import History, Violation, table, tally, violations
from tests.faults.evidence import history_of, settled

from qdpi.bootstrap import build_system, ensure_book, opened
from qdpi.cluster import Servers
from qdpi.events import TOPICS
from qdpi.repair.compare import compare
from qdpi.settings import load_settings
from qdpi.system import System


class End(NamedTuple):
    """The result of a run."""

    terms: Terms
    history: History
    happened: Counter[str]
    kills: int
    found: list[Violation]
    unequal: list[str]
    """The journeys whose projections differ, by hash, from a replay of their outcomes."""

    def summary(self) -> str:
        """Return the result as a table."""
        lines = [f"{times:>5} × {what}" for what, times in sorted(self.happened.items())]
        head = f"seed {self.terms.seed}, {self.terms.nodes} node(s) of each; {len(self.history.streams)} stream clients"
        journeys = len(self.history.presses)
        hashes = f"replay equals live by hash in {journeys - len(self.unequal)} of {journeys} journeys"
        return "\n".join((head, *lines, table([tally(self.history, self.kills)]), hashes))


async def chaos(terms: Terms, servers: Servers, directory: Path, report: Callable[[str], None]) -> End:
    """Run chaos on running servers."""
    environment = servers.environment | {
        "KAFKA_PREFIX": f"chaos-{terms.seed}-",
        "KAFKA_PARTITIONS": "8",
        "CASSANDRA_KEYSPACE": f"chaos_{terms.seed}",
        "QDPI_DATA_DIR": str(directory / "data"),
        "QDPI_MODEL": "offline",
        "QDPI_LOG_LEVEL": "error",
    }
    settings = load_settings(environment)
    async with opened(build_system(settings)) as system:
        await system.bus.create_topics(TOPICS.values())
        await ensure_book(system)
    cluster = ChaosCluster(terms, servers, environment, directory / "data", report)
    with suppress(TimeoutError):  # the history then has the lost presses
        async with asyncio.timeout(terms.patience):
            await cluster.live(lambda: _settled(environment))
    async with opened(build_system(settings)) as system:
        history = await _history(cluster, system, environment)
        compared = [await compare(system.store, reader.journey, system.embedder) for reader in cluster.readers]
    unequal = [reader.journey for reader, found in zip(cluster.readers, compared, strict=True) if not found.equal]
    return End(terms, history, cluster.happened, cluster.kills, violations(history), unequal)


async def _settled(environment: dict[str, str]) -> None:
    async with opened(build_system(load_settings(environment))) as system:
        await settled(system.bus, None)  # `terms.patience` limits the run


async def _history(cluster: ChaosCluster, system: System, environment: dict[str, str]) -> History:
    return await history_of(
        system.store,
        system.bus,
        {reader.journey: reader.pressed for reader in cluster.readers},
        generated=generated_pages(environment),
        streams=[reader.stream for reader in cluster.readers],
    )


def generated_pages(environment: dict[str, str]) -> set[str]:
    """Return the ids of all generated pages that have a row or an edge in Cassandra, by a client of our own."""
    host, _, port = environment["CASSANDRA_HOSTS"].partition(",")[0].partition(":")
    cluster = Cluster([host], port=int(port), protocol_version=5)
    try:
        session = cluster.connect(environment["CASSANDRA_KEYSPACE"])
        pages = {row.page_id: row.extra_json for row in session.execute("SELECT page_id, extra_json FROM pages")}
        linked = {row.page_id for row in session.execute("SELECT page_id FROM page_index_signals")}
    finally:
        cluster.shutdown()
    canon = {page for page, extra in pages.items() if json.loads(extra)["placement"] is None}
    return (pages.keys() | linked) - canon
