"""The connection to a cluster: opened once, asked by statements, with retries of our own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from cassandra import ConsistencyLevel
from cassandra.query import BatchStatement, BatchType

from qdpi.errors import InvalidSetting, StoreUnavailable
from qdpi.retry import Backoff
from qdpi.settings import Settings
from qdpi.store.cassandra import schema
from qdpi.store.cassandra.driver import cluster_of
from qdpi.store.cassandra.errors import DRIVER_ERRORS, trouble
from qdpi.store.cassandra.futures import Answer, Bridge
from qdpi.store.cassandra.preparing import Prepared
from qdpi.store.cassandra.statements import Change, Statement

TRIES: Final = 3
"""How often a request that may be repeated is tried, as long as CASSANDRA_TIMEOUT allows."""
Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Open:
    """What an open connection has."""

    cluster: Any
    session: Any
    bridge: Bridge
    vectors: bool
    replication: str
    prepared: Prepared


class Connection:
    """A cluster and a keyspace in it, for the event loop that opened it.

    Every method raises `StoreUnavailable` while the cluster does not answer. `vectors` False leaves the
    server's search for vectors aside; None uses it where the server has it.
    """

    def __init__(self, settings: Settings, backoff: Backoff, *, vectors: bool | None = None) -> None:
        self._settings, self._backoff, self._wish = settings, backoff, vectors
        self._schema = schema.schema_of(settings)
        self._opening = asyncio.Lock()
        self._open: _Open | None = None

    @property
    def vectors(self) -> bool:
        """Whether the server searches vectors."""
        return self._there.vectors

    @property
    def replication(self) -> str:
        """How the keyspace is replicated, as CQL says it."""
        return self._there.replication

    async def open(self, warm: Iterable[Statement] = (), *, again: bool = False) -> None:
        """Connect, make the schema where it is missing (with `again` anyway), prepare statements. Idempotent."""
        async with self._opening:
            if self._open is None:
                self._open = await asyncio.to_thread(self._connect, again)
        for statement in warm:
            await self._asked(self._there.prepared.statement(statement))

    async def close(self) -> None:
        """Let go of the cluster. Idempotent."""
        async with self._opening:
            opened, self._open = self._open, None
            if opened is not None:
                await asyncio.to_thread(opened.cluster.shutdown)

    async def ask(self, statement: Statement, **values: Any) -> list[Row]:
        """Return all rows of a query."""
        return [row async for page in self.pages(statement, **values) for row in page]

    async def first(self, statement: Statement, **values: Any) -> Row | None:
        """Return the first row of a query, None where there is none."""
        rows = (await self._patiently(lambda: self._bound(statement, values))).rows
        return rows[0] if rows else None

    async def pages(self, statement: Statement, **values: Any) -> AsyncIterator[list[Row]]:
        """Give the rows of a query as they come, page by page."""
        state: bytes | None = None
        while True:
            answer = await self._patiently(lambda: self._bound(statement, values), state)
            yield answer.rows
            state = answer.paging_state
            if state is None:
                return

    async def write(self, *changes: Change) -> None:
        """Make changes: one, or several of one partition, which come all or not at all."""
        await self._patiently(lambda: self._together(changes))

    async def decide(self, *changes: Change) -> Row:
        """Make changes of one partition if all their conditions hold; return what the server says of them.

        Tried once: after an error nobody knows whether they were made, and the caller reads again, serially.
        """
        there, request = self._there, await self._together(changes)
        return (await self._asked(there.bridge.send(request, self._settings.cassandra_timeout))).rows[0]

    async def look(self, at: Callable[[Any, Any], T]) -> T:
        """Return what is found with the driver's cluster and session, in a thread of its own: it may block."""
        there = self._there
        return await self._asked(asyncio.to_thread(at, there.cluster, there.session))

    @property
    def _there(self) -> _Open:
        if self._open is None:
            raise StoreUnavailable(
                f"The store on Cassandra at {self._settings.cassandra_hosts} is not open.", next_step="Open it first."
            )
        return self._open

    def _connect(self, again: bool) -> _Open:
        try:
            cluster = cluster_of(self._settings)
        except DRIVER_ERRORS as error:
            raise self._trouble(error) from error
        try:
            return self._enter(cluster, again)
        except BaseException as error:
            cluster.shutdown()
            if isinstance(error, DRIVER_ERRORS):
                raise self._trouble(error) from error
            raise

    def _enter(self, cluster: Any, again: bool) -> _Open:
        session = cluster.connect()
        vectors = self._prepare_keyspace(cluster, session, again)
        strategy = cluster.metadata.keyspaces[self._schema.keyspace].replication_strategy.export_for_schema()
        bridge = Bridge(session, self._settings.cassandra_in_flight)
        prepared = Prepared(session, self._schema.keyspace)
        return _Open(cluster, session, bridge, vectors, strategy, prepared)

    def _prepare_keyspace(self, cluster: Any, session: Any, again: bool) -> bool:
        there = schema.version_there(session, self._schema.keyspace)
        if there is not None and there > schema.VERSION:
            raise InvalidSetting(
                f"Keyspace {self._schema.keyspace} has schema version {there}; this qdpi knows {schema.VERSION}.",
                next_step="Use a newer qdpi, or another CASSANDRA_KEYSPACE.",
            )
        vectors = self._wish is not False and _release(session) >= schema.FIRST_WITH_VECTORS
        if again or there != schema.VERSION:
            schema.apply(session, self._schema, vectors=vectors)
        table = self._embeddings(cluster)
        if table is None:  # dropped by hand: the version, which stands, says nothing of that
            schema.apply(session, self._schema, vectors=vectors)
            table = self._embeddings(cluster)
        return vectors and table is not None and "vector" in table.columns

    def _embeddings(self, cluster: Any) -> Any:
        """Ask the server for what it knows of the table of vectors, None where it has none."""
        # The keyspace first: another process may have made it since this one connected.
        cluster.refresh_keyspace_metadata(self._schema.keyspace)
        cluster.refresh_table_metadata(self._schema.keyspace, "page_embeddings")
        return cluster.metadata.keyspaces[self._schema.keyspace].tables.get("page_embeddings")

    async def _patiently(self, make: Callable[[], Any], paging_state: bytes | None = None) -> Answer:
        """Send what `make` gives, again while that may help; never longer than one request may take."""
        clock = asyncio.get_running_loop()
        end = clock.time() + self._settings.cassandra_timeout
        for tries in range(1, TRIES + 1):
            try:
                there = self._there
                request, left = await make(), max(end - clock.time(), 0.01)
                return await self._asked(there.bridge.send(request, left, paging_state))
            except StoreUnavailable:
                if tries == TRIES or clock.time() + self._backoff.delay(tries) >= end:
                    raise
                await self._backoff.wait(tries)
        raise RuntimeError("A last try ends in an answer or an error.")

    async def _together(self, changes: tuple[Change, ...]) -> Any:
        if len(changes) == 1:
            return await self._bound(*changes[0])
        batch = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        batch.serial_consistency_level = ConsistencyLevel.SERIAL
        batch.is_idempotent = not any(change.statement.decides for change in changes)
        for change in changes:
            batch.add(await self._bound(*change))
        return batch

    async def _bound(self, statement: Statement, values: dict[str, Any]) -> Any:
        return await self._asked(self._there.prepared.bound(statement, values))

    async def _asked(self, asking: Awaitable[T]) -> T:
        try:
            return await asking
        except DRIVER_ERRORS as error:
            raise self._trouble(error) from error

    def _trouble(self, error: BaseException) -> Exception:
        return trouble(self._settings.cassandra_hosts or "", error)


def _release(session: Any) -> int:
    (row,) = session.execute("SELECT release_version FROM system.local")
    return int(str(row["release_version"]).partition(".")[0])
