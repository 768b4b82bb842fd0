"""Making the keyspace and its tables on purpose, as `qdpi cassandra-init` does."""

from __future__ import annotations

from typing import NamedTuple

from qdpi.retry import Backoff
from qdpi.settings import Settings
from qdpi.store.cassandra.schema import VERSION, keyspace_of, schema_of, script_of
from qdpi.store.cassandra.session import Connection


class Made(NamedTuple):
    """What is there now; `vectors` tells whether the server searches vectors by itself."""

    keyspace: str
    replication: str
    version: int
    vectors: bool


async def make(settings: Settings) -> Made:
    """Make what is missing of the schema, and migrate what is older; what is there stays as it is.

    Raises `StoreUnavailable`, and `InvalidSetting` also where the keyspace is of a newer qdpi.
    """
    connection = Connection(settings, Backoff())
    try:
        await connection.open(again=True)
        return Made(keyspace_of(settings), connection.replication, VERSION, connection.vectors)
    finally:
        await connection.close()


def script(settings: Settings) -> str:
    """Return the schema for these settings as text for `cqlsh`. Raises `InvalidSetting`."""
    return script_of(schema_of(settings))
