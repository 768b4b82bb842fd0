"""Builders of SQL, and the base of the ports' implementations."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from qdpi.sqlite import Database

_JOURNEYS_AT_ONCE: Final = 1_000


class Repository:
    """Base of the ports' implementations: the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _each_journey(self, table: str) -> AsyncIterator[str]:
        """Yield every journey that has a row in a table, each once, in the order of ids."""
        sql = f"SELECT DISTINCT session_id FROM {table} WHERE session_id > ? ORDER BY session_id LIMIT ?"  # noqa: S608

        def read(connection: sqlite3.Connection, after: str) -> list[str]:
            return [name for (name,) in connection.execute(sql, (after, _JOURNEYS_AT_ONCE))]

        found = await self._database.read(partial(read, after=""))
        while found:
            for name in found:
                yield name
            found = await self._database.read(partial(read, after=found[-1]))


def upsert(table: str, columns: Iterable[str], key: Iterable[str], *, version: str | None = None) -> str:
    """Return an insert of named parameters that replaces the row of the same key.

    With a `version` column, only if the new row's version is not lower than the stored one's.
    """
    names, keys = list(columns), list(key)
    values = ", ".join(f":{name}" for name in names)
    others = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    guard = f" WHERE excluded.{version} >= {table}.{version}" if version else ""
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"  # noqa: S608 - names of our own
    return f"{insert} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {others}{guard}"


def put(
    connection: sqlite3.Connection,
    table: str,
    row: Mapping[str, Any],
    key: Iterable[str],
    *,
    version: str | None = None,
) -> bool:
    """Upsert a row; return whether it was written."""
    return connection.execute(upsert(table, row, key, version=version), row).rowcount > 0


def put_many(connection: sqlite3.Connection, statement: str, values: Iterable[Any]) -> None:
    """Run a statement once for each row."""
    connection.executemany(statement, values)


def rows(connection: sqlite3.Connection, sql: str, *values: Any) -> Iterator[dict[str, Any]]:
    """Yield a query's rows by column name."""
    cursor = connection.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


def row(connection: sqlite3.Connection, sql: str, *values: Any) -> dict[str, Any] | None:
    """Return a query's first row, None without one."""
    return next(rows(connection, sql, *values), None)


def number(connection: sqlite3.Connection, sql: str, *values: Any) -> int:
    """Return a query's single number, 0 where the result is empty or NULL."""
    found = connection.execute(sql, values).fetchone()
    return int(found[0] or 0) if found else 0
