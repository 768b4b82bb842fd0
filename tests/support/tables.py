"""Direct access to a store's tables: rows are read, changed and deleted with plain SQL or CQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.support.keyspace import Keyspace

Row = dict[str, Any]
RowFilter = Callable[[Row], bool]


def every(row: Row) -> bool:
    """Match every row."""
    return True


class Tables(Protocol):
    """The tables of a store, embedded or Cassandra."""

    def names(self) -> list[str]:
        """Return the names of the tables."""
        ...

    def rows(self, table: str, which: RowFilter = every) -> list[Row]:
        """Return the matching rows."""
        ...

    def delete(self, table: str, which: RowFilter = every) -> int:
        """Delete the matching rows, each by its key; return their number."""
        ...

    def change(self, table: str, which: RowFilter = every, **values: Any) -> int:
        """Update columns of the matching rows; return their number."""
        ...


class SqliteTables:
    """The tables of an embedded store."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        with self._open() as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            return [name for (name,) in found if not name.startswith("sqlite_")]

    def rows(self, table: str, which: RowFilter = every) -> list[Row]:
        with self._open() as connection:
            return self._rows(connection, table, which)

    def delete(self, table: str, which: RowFilter = every) -> int:
        return self._each(table, which, "DELETE FROM {table} WHERE {key}")

    def change(self, table: str, which: RowFilter = every, **values: Any) -> int:
        sets = ", ".join(f"{name} = :new_{name}" for name in values)
        new = {f"new_{name}": value for name, value in values.items()}
        return self._each(table, which, f"UPDATE {{table}} SET {sets} WHERE {{key}}", new)

    def _each(self, table: str, which: RowFilter, statement: str, values: Row | None = None) -> int:
        with self._open() as connection:
            columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
            keyed = [column[1] for column in columns if column[5]] or [column[1] for column in columns]
            key = " AND ".join(f"{name} IS :{name}" for name in keyed)
            chosen = self._rows(connection, table, which)
            for row in chosen:
                connection.execute(statement.format(table=table, key=key), {**row, **(values or {})})
            connection.commit()
        return len(chosen)

    def _rows(self, connection: sqlite3.Connection, table: str, which: RowFilter) -> list[Row]:
        connection.row_factory = sqlite3.Row
        return [row for row in map(dict, connection.execute(f"SELECT * FROM {table}")) if which(row)]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path)) as connection:
            yield connection


class CassandraTables:
    """The tables of a keyspace, by the bare driver; deletions carry the current time, as those of cqlsh do."""

    def __init__(self, space: Keyspace) -> None:
        self._space = space
        self._name = space.environment["CASSANDRA_KEYSPACE"]

    def names(self) -> list[str]:
        return sorted(self._space.tables())

    def rows(self, table: str, which: RowFilter = every) -> list[Row]:
        return [row for row in self._space.rows(f"SELECT * FROM {table}") if which(row)]

    def delete(self, table: str, which: RowFilter = every) -> int:
        key = self._key(table)
        where = " AND ".join(f"{name} = %s" for name in key)
        chosen = self.rows(table, which)
        for row in chosen:
            self._space.session.execute(f"DELETE FROM {table} WHERE {where}", [row[name] for name in key])
        return len(chosen)

    def change(self, table: str, which: RowFilter = every, **values: Any) -> int:
        key = self._key(table)
        sets = ", ".join(f"{name} = %s" for name in values)
        where = " AND ".join(f"{name} = %s" for name in key)
        chosen = self.rows(table, which)
        for row in chosen:
            given = [*values.values(), *(row[name] for name in key)]
            self._space.session.execute(f"UPDATE {table} SET {sets} WHERE {where}", given)
        return len(chosen)

    def _key(self, table: str) -> list[str]:
        columns = self._space.rows(
            "SELECT column_name, kind FROM system_schema.columns "
            f"WHERE keyspace_name = '{self._name}' AND table_name = '{table}'"
        )
        return [column["column_name"] for column in columns if column["kind"] in {"partition_key", "clustering"}]
