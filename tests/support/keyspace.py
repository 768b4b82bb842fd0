"""A keyspace for tests, accessed by the bare driver: truncated between tests and dropped at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from qdpi.settings import Settings, load_settings
from qdpi.store.cassandra.driver import cluster_of
from qdpi.store.cassandra.schema import apply, schema_of

DELETED_FROM = ("page_edges", "page_embeddings")
"""Tables to truncate even if they are empty: a tombstone hides rows that a test writes with an earlier time."""


class Keyspace:
    """A keyspace with our tables, and a session of the bare driver."""

    def __init__(self, environment: dict[str, str], session: Any) -> None:
        self.environment, self.session = environment, session

    @property
    def name(self) -> str:
        """The keyspace's name."""
        return self.environment["CASSANDRA_KEYSPACE"]

    @property
    def settings(self) -> Settings:
        """The settings of a store that uses it."""
        return load_settings(self.environment)

    def rows(self, cql: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        return list(self.session.execute(cql, timeout=30))

    def tables(self) -> list[str]:
        """Return the tables that stores write to."""
        found = self.rows(f"SELECT table_name FROM system_schema.tables WHERE keyspace_name = '{self.name}'")
        return [row["table_name"] for row in found if row["table_name"] != "schema_version"]

    def empty(self) -> None:
        """Truncate the tables with rows or tombstones; a query is faster than a needless TRUNCATE."""
        asked = {name: self.session.execute_async(f"SELECT * FROM {name} LIMIT 1") for name in self.tables()}
        full = [name for name, rows in asked.items() if rows.result().one() is not None or name in DELETED_FROM]
        for truncating in [self.session.execute_async(f"TRUNCATE {name}", timeout=60) for name in full]:
            truncating.result()


@contextmanager
def keyspace(environment: dict[str, str], name: str | None = None) -> Iterator[Keyspace]:
    """Create a keyspace on running servers; drop it at the end."""
    named = {**environment, "CASSANDRA_KEYSPACE": name or f"test_{os.getpid()}_{uuid4().hex[:8]}"}
    settings = load_settings(named)
    cluster = cluster_of(settings)
    try:
        session = cluster.connect()
        apply(session, schema_of(settings), vectors=True)
        session.set_keyspace(named["CASSANDRA_KEYSPACE"])
        yield Keyspace(named, session)
        session.execute(f"DROP KEYSPACE {named['CASSANDRA_KEYSPACE']}", timeout=60)
    finally:
        cluster.shutdown()
