"""The adapter: a `PageStore` on a Cassandra cluster, for any number of processes and nodes.

A write is acknowledged by a quorum of replicas, not by their disks: by default a node syncs its commit log every ten
seconds, and every 0.1 s marks the part of it that a restart replays. So acknowledged writes survive every failure
that leaves one replica of a quorum running; with a single replica they survive its crash only under
`commitlog_sync: batch`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Final, NamedTuple

from qdpi.health import HealthCheck
from qdpi.retry import Backoff
from qdpi.settings import Settings
from qdpi.store.cassandra import index, log, outcomes, pages, vault
from qdpi.store.cassandra.canon import Canon
from qdpi.store.cassandra.diagnostics import diagnose
from qdpi.store.cassandra.index import Index
from qdpi.store.cassandra.log import Log
from qdpi.store.cassandra.outcomes import Outcomes
from qdpi.store.cassandra.pages import Pages
from qdpi.store.cassandra.places import Places
from qdpi.store.cassandra.schema import schema_of
from qdpi.store.cassandra.session import Connection
from qdpi.store.cassandra.statements import Statement, WriteTimes
from qdpi.store.cassandra.vault import Vault

_PREPARED_AT_OPEN: Final = tuple(chain.from_iterable(m.PREPARED_AT_OPEN for m in (outcomes, pages, log, index, vault)))
_PING: Final = Statement("SELECT version FROM {keyspace}.schema_version WHERE name = 'qdpi'")
_NO_ID: Final = "-"


class CassandraPageStore(Outcomes, Pages, Log, Canon, Index, Vault, Places):
    """The `PageStore` on a Cassandra cluster; keyspace and tables are created where they are missing.

    With `read_only` they must be there, and be of this version.

    `preparation` is an id, unique to this store, that keeps the canon pages it prepares apart from those of other
    processes. With `repairing`, projections are written at the present time (`now`), so that they win over
    tombstones. Every method raises `StoreUnavailable` while no quorum answers, after little more than
    `CASSANDRA_TIMEOUT` seconds; a commit, which reads again before it gives up, after twice that.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime],
        preparation: str,
        repairing: bool = False,
        vectors: bool | None = None,
        read_only: bool = False,
    ) -> None:
        self._settings = settings
        connection = Connection(settings, Backoff(first=0.02, most=0.5), vectors=vectors, read_only=read_only)
        super().__init__(connection, WriteTimes(now, repairing=repairing), preparation)

    async def open(self) -> None:
        """Connect, create missing tables, prepare the statements of a press, and warm up its reads. Idempotent."""
        await self._connection.open((_PING, *_PREPARED_AT_OPEN))
        await self.outcome(_NO_ID, _NO_ID)
        await self.last_outcome(_NO_ID)
        await self.page(_NO_ID)

    async def close(self) -> None:
        """Disconnect from the cluster. Idempotent."""
        await self._connection.close()

    async def ping(self) -> None:
        """Return when a quorum answers."""
        await self._connection.rows(_PING)

    async def diagnose(self) -> list[HealthCheck]:
        """Return the state of the cluster: its nodes, the keyspace's replicas, and the clocks."""
        schema = schema_of(self._settings)
        return await self._connection.inspect(partial(diagnose, keyspace=schema.keyspace, version=schema.version))

    async def settle(self) -> None:
        """Return at once: every write was acknowledged by a quorum."""


class AppliedSchema(NamedTuple):
    """The keyspace after `apply_schema`; `vectors` is whether the server searches vectors itself."""

    keyspace: str
    replication: str
    version: int
    vectors: bool


async def apply_schema(settings: Settings) -> AppliedSchema:
    """Create the missing parts of the schema and migrate an older one; existing parts stay as they are.

    Raises `StoreUnavailable`, and `InvalidSetting` also where the keyspace is of a newer qdpi.
    """
    connection = Connection(settings, Backoff())
    try:
        await connection.open(apply_schema=True)
        schema = schema_of(settings)
        return AppliedSchema(schema.keyspace, connection.replication, schema.version, connection.vectors)
    finally:
        await connection.close()
