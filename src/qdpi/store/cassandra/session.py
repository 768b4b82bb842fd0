"""The connection to a cluster: opened once, its statements prepared on first use, with retries of our own."""

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
from qdpi.store.cassandra.errors import DRIVER_ERRORS, translate
from qdpi.store.cassandra.futures import AsyncSession, ResultPage
from qdpi.store.cassandra.statements import Change, Statement, WriteTimes

TRIES: Final = 3
"""How often a repeatable request is tried, as long as CASSANDRA_TIMEOUT allows."""
ResultRow = dict[str, Any]
T = TypeVar("T")


class PreparedStatements:
    """The prepared statements of a session, in one keyspace; the driver prepares them again on nodes that restarted."""

    def __init__(self, session: Any, keyspace: str) -> None:
        self._session, self._keyspace = session, keyspace
        self._preparations: dict[Statement, asyncio.Future[Any]] = {}

    async def bind(self, statement: Statement, values: dict[str, Any]) -> Any:
        """Return a statement bound to its values. Raises what the driver raises."""
        return (await self.prepare(statement)).bind(values)

    async def prepare(self, statement: Statement) -> Any:
        """Return a prepared statement: concurrent callers share one preparation, a failed one is repeated."""
        known = self._preparations.get(statement)
        if known is not None and known.done() and not known.cancelled() and known.exception() is None:
            return known.result()
        if known is None or known.done():
            known = asyncio.ensure_future(asyncio.to_thread(self._prepare, statement))
            self._preparations[statement] = known
        return await asyncio.shield(known)

    def _prepare(self, statement: Statement) -> Any:
        prepared = self._session.prepare(statement.cql.format(keyspace=self._keyspace))
        prepared.consistency_level = getattr(ConsistencyLevel, statement.consistency.value)
        prepared.serial_consistency_level = ConsistencyLevel.SERIAL
        prepared.is_idempotent = not statement.conditional
        prepared.fetch_size = statement.fetch_size
        return prepared


@dataclass(frozen=True, slots=True)
class _Opened:
    """What an open connection holds."""

    cluster: Any
    driver_session: Any
    session: AsyncSession
    prepared: PreparedStatements
    vectors: bool
    replication: str


class Connection:
    """A cluster and a keyspace in it, for the event loop that opened it.

    Every method raises `StoreUnavailable` while the cluster does not answer. With `vectors` False the server's vector
    search is not used; with None it is used where the server has it. With `read_only` the schema is not applied.
    """

    def __init__(
        self, settings: Settings, backoff: Backoff, *, vectors: bool | None = None, read_only: bool = False
    ) -> None:
        self._settings, self._backoff, self._use_vectors, self._read_only = settings, backoff, vectors, read_only
        self._schema = schema.schema_of(settings)
        self._opening = asyncio.Lock()
        self._open: _Opened | None = None

    @property
    def vectors(self) -> bool:
        """Whether the server's vector search is used."""
        return self._opened.vectors

    @property
    def replication(self) -> str:
        """The keyspace's replication as CQL."""
        return self._opened.replication

    async def open(self, statements: Iterable[Statement] = (), *, apply_schema: bool = False) -> None:
        """Connect, apply the schema where it is missing (or on `apply_schema`), prepare `statements`. Idempotent."""
        async with self._opening:
            if self._open is None:
                self._open = await asyncio.to_thread(self._connect, apply_schema)
        for statement in statements:
            await self._translated(self._opened.prepared.prepare(statement))

    async def close(self) -> None:
        """Disconnect from the cluster. Idempotent."""
        async with self._opening:
            opened, self._open = self._open, None
            if opened is not None:
                await asyncio.to_thread(opened.cluster.shutdown)

    async def rows(self, statement: Statement, **values: Any) -> list[ResultRow]:
        """Return all rows of a query."""
        return [row async for page in self.pages(statement, **values) for row in page]

    async def first(self, statement: Statement, **values: Any) -> ResultRow | None:
        """Return the first row of a query, None without one."""
        rows = (await self._send(lambda: self._bind(statement, values))).rows
        return rows[0] if rows else None

    async def pages(self, statement: Statement, **values: Any) -> AsyncIterator[list[ResultRow]]:
        """Yield the rows of a query page by page."""
        state: bytes | None = None
        while True:
            result = await self._send(lambda: self._bind(statement, values), state)
            yield result.rows
            state = result.paging_state
            if state is None:
                return

    async def write(self, *changes: Change) -> None:
        """Write one change, or several of one partition atomically."""
        await self._send(lambda: self._request(changes))

    async def write_if(self, *changes: Change) -> ResultRow:
        """Write changes of one partition if all their conditions hold; return the server's row about them.

        Tried once: after an error the result is unknown, and the caller has to read it, serially.
        """
        opened, request = self._opened, await self._request(changes)
        return (await self._translated(opened.session.send(request, self._settings.cassandra_timeout))).rows[0]

    async def inspect(self, call: Callable[[Any, Any], T]) -> T:
        """Call a function with the driver's cluster and session, in a thread: it may block."""
        opened = self._opened
        return await self._translated(asyncio.to_thread(call, opened.cluster, opened.driver_session))

    @property
    def _opened(self) -> _Opened:
        if self._open is None:
            raise StoreUnavailable(
                f"The store on Cassandra at {self._settings.cassandra_hosts} is not open.", next_step="Open it first."
            )
        return self._open

    def _connect(self, apply_schema: bool) -> _Opened:
        try:
            cluster = cluster_of(self._settings)
        except DRIVER_ERRORS as error:
            raise self._translate(error) from error
        try:
            return self._open_session(cluster, apply_schema)
        except BaseException as error:
            cluster.shutdown()
            if isinstance(error, DRIVER_ERRORS):
                raise self._translate(error) from error
            raise

    def _open_session(self, cluster: Any, apply_schema: bool) -> _Opened:
        session = cluster.connect()
        vectors = self._prepare_keyspace(cluster, session, apply_schema)
        return _Opened(
            cluster,
            session,
            AsyncSession(session, self._settings.cassandra_in_flight),
            PreparedStatements(session, self._schema.keyspace),
            vectors,
            cluster.metadata.keyspaces[self._schema.keyspace].replication_strategy.export_for_schema(),
        )

    def _prepare_keyspace(self, cluster: Any, session: Any, apply_schema: bool) -> bool:
        """Apply the schema where it is missing or older; return whether the server's vector search is used."""
        version, known = schema.stored_version(session, self._schema.keyspace), self._schema.version
        if version is not None and version > known:
            raise InvalidSetting(
                f"Keyspace {self._schema.keyspace} has schema version {version}; this qdpi knows {known}.",
                next_step="Use a newer qdpi, or another CASSANDRA_KEYSPACE.",
            )
        if version != known and self._read_only:
            found = "no schema of qdpi" if version is None else f"schema version {version}"
            raise InvalidSetting(
                f"Keyspace {self._schema.keyspace} has {found}; this qdpi reads version {known}.",
                next_step="Give the CASSANDRA_KEYSPACE of an existing store, or migrate it with `qdpi cassandra-init`.",
            )
        vectors = self._use_vectors is not False and _release(session) >= schema.FIRST_WITH_VECTORS
        if apply_schema or version != known:
            schema.apply(session, self._schema, vectors=vectors)
        table = self._embeddings_table(cluster)
        if table is None and not self._read_only:  # dropped by hand, with the stored version still in place
            schema.apply(session, self._schema, vectors=vectors)
            table = self._embeddings_table(cluster)
        return vectors and table is not None and "vector" in table.columns

    def _embeddings_table(self, cluster: Any) -> Any:
        """Return the server's metadata of the table of vectors, None where it has none."""
        # The keyspace first: another process may have created it since this one connected.
        cluster.refresh_keyspace_metadata(self._schema.keyspace)
        cluster.refresh_table_metadata(self._schema.keyspace, "page_embeddings")
        return cluster.metadata.keyspaces[self._schema.keyspace].tables.get("page_embeddings")

    async def _send(self, request: Callable[[], Awaitable[Any]], paging_state: bytes | None = None) -> ResultPage:
        """Send a repeatable request, again during an outage; no longer than one request may take."""
        clock = asyncio.get_running_loop()
        end = clock.time() + self._settings.cassandra_timeout
        for tries in range(1, TRIES + 1):
            try:
                opened = self._opened
                ready, left = await request(), max(end - clock.time(), 0.01)
                return await self._translated(opened.session.send(ready, left, paging_state))
            except StoreUnavailable:
                if tries == TRIES or clock.time() + self._backoff.delay(tries) >= end:
                    raise
                await self._backoff.wait(tries)
        raise RuntimeError("A last try ends in an answer or an error.")

    async def _request(self, changes: tuple[Change, ...]) -> Any:
        if len(changes) == 1:
            return await self._bind(*changes[0])
        batch = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        batch.serial_consistency_level = ConsistencyLevel.SERIAL
        batch.is_idempotent = not any(change.statement.conditional for change in changes)
        for change in changes:
            batch.add(await self._bind(*change))
        return batch

    async def _bind(self, statement: Statement, values: dict[str, Any]) -> Any:
        return await self._translated(self._opened.prepared.bind(statement, values))

    async def _translated(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except DRIVER_ERRORS as error:
            raise self._translate(error) from error

    def _translate(self, error: BaseException) -> Exception:
        return translate(self._settings.cassandra_hosts or "", error, self._settings.redact)


class Repository:
    """Base of the ports' implementations: the connection, and the write times of projections."""

    def __init__(self, connection: Connection, times: WriteTimes) -> None:
        self._connection, self._times = connection, times


def _release(session: Any) -> int:
    (row,) = session.execute("SELECT release_version FROM system.local")
    return int(str(row["release_version"]).partition(".")[0])
