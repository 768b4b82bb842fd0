"""Statements as the cluster knows them: prepared once, when they are first asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from cassandra import ConsistencyLevel

from qdpi.store.cassandra.statements import Statement


class Prepared:
    """The prepared statements of a session, in one keyspace. The driver prepares them again where a node forgot."""

    def __init__(self, session: Any, keyspace: str) -> None:
        self._session, self._keyspace = session, keyspace
        self._known: dict[Statement, asyncio.Future[Any]] = {}

    async def bound(self, statement: Statement, values: dict[str, Any]) -> Any:
        """Return a statement with its values. Raises what the driver raises."""
        return (await self.statement(statement)).bind(values)

    async def statement(self, statement: Statement) -> Any:
        """Return a statement prepared. However many ask at once, it is prepared once, and again if that failed."""
        known = self._known.get(statement)
        if known is not None and known.done() and not known.cancelled() and known.exception() is None:
            return known.result()
        if known is None or known.done():
            known = self._known[statement] = asyncio.ensure_future(asyncio.to_thread(self._prepare, statement))
        return await asyncio.shield(known)

    def _prepare(self, statement: Statement) -> Any:
        prepared = self._session.prepare(statement.cql.format(keyspace=self._keyspace))
        prepared.consistency_level = getattr(ConsistencyLevel, statement.consistency.value)
        prepared.serial_consistency_level = ConsistencyLevel.SERIAL
        prepared.is_idempotent = not statement.decides
        prepared.fetch_size = statement.page
        return prepared
