"""The page store on Apache Cassandra 4.1 or 5: any number of processes, and of nodes.

A write is answered by a quorum of replicas, not by their disks: a node syncs its commit log every ten seconds, and
marks every 0.1 s what of it a restart will read, unless told otherwise. So acknowledged writes outlive whatever
leaves one replica of a quorum running; where there is only one replica, they outlive its death with
`commitlog_sync: batch` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Final

from qdpi.health import Remark
from qdpi.retry import Backoff
from qdpi.settings import Settings
from qdpi.store.cassandra import index, log, outcomes, pages, placing, vault
from qdpi.store.cassandra.canon import Canon
from qdpi.store.cassandra.diagnostics import examine
from qdpi.store.cassandra.index import Index
from qdpi.store.cassandra.log import Journeys
from qdpi.store.cassandra.outcomes import Outcomes
from qdpi.store.cassandra.pages import Pages
from qdpi.store.cassandra.schema import VERSION
from qdpi.store.cassandra.session import Connection
from qdpi.store.cassandra.statements import Statement, WriteTimes
from qdpi.store.cassandra.vault import Vault

_WARM: Final = (outcomes, pages, log, placing, index, vault)
_PING: Final = Statement("SELECT version FROM {keyspace}.schema_version WHERE name = 'qdpi'")
_NOBODY: Final = "-"


class CassandraPageStore(Outcomes, Pages, Journeys, Canon, Index, Vault):
    """The `PageStore` on a Cassandra cluster; keyspace and tables are made where they are missing.

    `preparation` tells what this store prepares of a canon from what others do, so it is nobody else's. With
    `repairing`, projections are written at the present time (`now`) and win over deletions. Every method raises
    `StoreUnavailable` while no quorum answers, after `CASSANDRA_TIMEOUT` seconds or little more; a commit, which reads
    again before it gives up, after twice that.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime],
        preparation: str,
        repairing: bool = False,
        vectors: bool | None = None,
    ) -> None:
        self._keyspace = settings.cassandra_keyspace
        connection = Connection(settings, Backoff(first=0.02, most=0.5), vectors=vectors)
        super().__init__(connection, WriteTimes(now, repairing=repairing), preparation)

    async def open(self) -> None:
        """Connect, make what is missing, prepare what a press needs, and ask once for each. Idempotent."""
        await self._connection.open((_PING, *chain.from_iterable(part.WARM for part in _WARM)))
        await self.outcome(_NOBODY, _NOBODY)
        await self.last_outcome(_NOBODY)
        await self.page(_NOBODY)

    async def close(self) -> None:
        """Let go of the cluster. Idempotent."""
        await self._connection.close()

    async def ping(self) -> None:
        """Return when a quorum answers."""
        await self._connection.ask(_PING)

    async def examine(self) -> list[Remark]:
        """Return how the cluster is: its nodes, the copies of the keyspace, and the clocks."""
        return await self._connection.look(partial(examine, keyspace=self._keyspace, version=VERSION))

    async def settle(self) -> None:
        """Return at once: what was written was answered by a quorum."""
