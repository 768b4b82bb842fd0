"""The log of the embedded bus in SQL: its schema, topics, appending, reading and trimming.

The functions take a connection and run in one transaction each. An offset is never assigned twice, even after its
topic was deleted and recreated: the row of a deleted topic stays (`live` is 0) and keeps the next offset, so that
committed positions stay valid.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from sqlite3 import Connection
from typing import Any, Final, NamedTuple

from qdpi.bus.port import Headers, Message, Partition, Record, TopicState
from qdpi.bus.validation import page_topic
from qdpi.events import TopicSpec
from qdpi.ids import from_microseconds, microseconds

SCHEMA_VERSION: Final = 1

# `taken_at` (microseconds since 1970, UTC) and `key` come before `value`, so that trimming does not read the pages
# of a large value.
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS topics (
  name TEXT PRIMARY KEY,
  live INTEGER NOT NULL,
  next INTEGER NOT NULL DEFAULT 0,
  retention INTEGER NOT NULL,
  durable INTEGER NOT NULL,
  compact INTEGER NOT NULL,
  max_bytes INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS records (
  topic TEXT NOT NULL,
  offset INTEGER NOT NULL,
  taken_at INTEGER NOT NULL,
  key BLOB,
  headers BLOB NOT NULL,
  value BLOB,
  UNIQUE (topic, offset)
);

CREATE TABLE IF NOT EXISTS consumer_groups (
  name TEXT PRIMARY KEY,
  generation INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS commits (
  consumer_group TEXT NOT NULL,
  topic TEXT NOT NULL,
  next INTEGER NOT NULL,
  PRIMARY KEY (consumer_group, topic)
) WITHOUT ROWID;
"""
ONLY: Final = 0
"""The number of a topic's only partition."""
MAX_BATCH_BYTES: Final = 8 << 20
"""A batch ends with the record that exceeds this size, which bounds memory whatever the limit on records."""
TRIM_CHUNK: Final = 500
"""Rows dropped per transaction, so that publishers do not wait long."""
COMPACTION_CHUNK: Final = 10_000
"""Outdated rows found per query: each query reads the whole topic."""


def partition_of(topic: str) -> Partition:
    """Return the only partition of a topic."""
    return Partition(topic, ONLY)


def encode_headers(headers: Headers) -> bytes:
    """Return headers as JSON. Latin-1 maps every byte to one character and back."""
    return json.dumps([(name, value.decode("latin-1")) for name, value in headers]).encode()


def decode_headers(blob: bytes) -> Headers:
    """Return the headers encoded by `encode_headers`, repeated names and arbitrary bytes included."""
    return tuple((name, value.encode("latin-1")) for name, value in json.loads(blob))


def record_of(topic: str, row: tuple[Any, ...]) -> Record:
    """Return a record from its row: offset, key, value, headers, taken_at."""
    offset, key, value, headers, taken_at = row
    return Record(partition_of(topic), offset, key, value, decode_headers(headers), from_microseconds(taken_at))


class Terms(NamedTuple):
    """The properties of a topic needed to publish to it."""

    durable: bool
    max_bytes: int


class Batch(NamedTuple):
    """Records in order per topic, and the next position of each topic that was read."""

    records: list[Record]
    reached: dict[str, int]


def put(connection: Connection, spec: TopicSpec) -> None:
    """Create a topic, revive a deleted one, or update the properties of a live one."""
    connection.execute(
        "INSERT INTO topics (name, live, retention, durable, compact, max_bytes) VALUES (?, 1, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET live = 1, retention = excluded.retention,"
        " durable = excluded.durable, compact = excluded.compact, max_bytes = excluded.max_bytes",
        (spec.name, spec.retention, spec.durable, spec.compact, spec.max_bytes),
    )


def put_all(connection: Connection, specs: Iterable[TopicSpec]) -> None:
    """Create topics, or update their properties."""
    for spec in specs:
        put(connection, spec)


def create_all(connection: Connection, specs: Iterable[TopicSpec]) -> list[str]:
    """Create the missing topics; return their names."""
    created = [spec for spec in specs if terms(connection, spec.name) is None]
    put_all(connection, created)
    return [spec.name for spec in created]


def delete_all(connection: Connection, names: Iterable[str]) -> list[str]:
    """Delete topics and their records; return the names of those that existed."""
    return [name for name in names if _delete(connection, name)]


def delete_idle(connection: Connection, names: Iterable[str]) -> list[str]:
    """Delete the empty ones among some topics; return the names of those that existed."""
    return [name for name in names if not _holds_records(connection, name) and _delete(connection, name)]


def _holds_records(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM records WHERE topic = ? LIMIT 1", (name,)).fetchone() is not None


def _delete(connection: Connection, name: str) -> bool:
    connection.execute("DELETE FROM records WHERE topic = ?", (name,))
    return bool(connection.execute("UPDATE topics SET live = 0 WHERE name = ? AND live", (name,)).rowcount)


def terms(connection: Connection, topic: str) -> Terms | None:
    """Return a live topic's terms, None if there is no such topic."""
    row = connection.execute("SELECT durable, max_bytes FROM topics WHERE name = ? AND live", (topic,)).fetchone()
    return None if row is None else Terms(bool(row[0]), row[1])


def append(connection: Connection, message: Message, taken_at: datetime) -> int | None:
    """Write a message at its topic's next offset and return the offset; None if the topic does not exist."""
    row = connection.execute(
        "UPDATE topics SET next = next + 1 WHERE name = ? AND live RETURNING next - 1", (message.topic,)
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        "INSERT INTO records (topic, offset, taken_at, key, headers, value) VALUES (?, ?, ?, ?, ?, ?)",
        (
            message.topic,
            row[0],
            microseconds(taken_at),
            message.key,
            encode_headers(message.headers),
            message.value,
        ),
    )
    return int(row[0])


def ends(connection: Connection, topics: Iterable[str]) -> dict[str, int]:
    """Return the next offsets of topics, deleted ones included; 0 for topics that never existed."""
    named = json.dumps(list(topics))
    rows = connection.execute(
        "SELECT value, coalesce(next, 0) FROM json_each(?) LEFT JOIN topics ON name = value", (named,)
    )
    return dict(rows)


def read(connection: Connection, positions: Mapping[str, int], limit: int) -> Batch:
    """Read at most `limit` records from positions on, a fair share of them from each topic with records.

    If more than `limit` topics have records, the first ones in the order of `positions` are read.
    """
    known = ends(connection, positions)
    ready = [topic for topic, position in positions.items() if known[topic] > position]
    records: list[Record] = []
    reached: dict[str, int] = {}
    size = 0
    for waiting, topic in zip(range(len(ready), 0, -1), ready, strict=True):
        room = limit - len(records)
        if room <= 0 or size > MAX_BATCH_BYTES:
            break
        share = max(1, room // waiting)
        found, taken = _read_topic(connection, topic, positions[topic], share, MAX_BATCH_BYTES - size)
        records += found
        size += taken
        whole = len(found) < share and size <= MAX_BATCH_BYTES
        reached[topic] = known[topic] if whole else found[-1].offset + 1
    return Batch(records, reached)


def _read_topic(connection: Connection, topic: str, position: int, limit: int, room: int) -> tuple[list[Record], int]:
    records: list[Record] = []
    size = 0
    for row in connection.execute(
        "SELECT offset, key, value, headers, taken_at FROM records"
        " WHERE topic = ? AND offset >= ? ORDER BY offset LIMIT ?",
        (topic, position, limit),
    ):
        records.append(record_of(topic, row))
        size += len(row[1] or b"") + len(row[2] or b"") + len(row[3])
        if size > room:
            break
    return records, size


def bounds(connection: Connection) -> list[TopicState]:
    """Return the first retained offset and the next offset of every live topic."""
    return [
        TopicState(partition_of(name), first, following)
        for name, first, following in connection.execute(
            "SELECT name, coalesce((SELECT min(offset) FROM records WHERE topic = name), next), next"
            " FROM topics WHERE live ORDER BY name"
        )
    ]


def live_topics(connection: Connection) -> list[tuple[str, timedelta, bool]]:
    """Return every live topic's name, retention, and whether it is compacted."""
    return [
        (name, timedelta(seconds=retention), bool(compact))
        for name, retention, compact in connection.execute(
            "SELECT name, retention, compact FROM topics WHERE live ORDER BY name"
        )
    ]


# A group's offset is 0 until it commits. Records of a topic without groups are not held back.
_READ_BY_ALL: Final = (
    "coalesce((SELECT min(next) FROM commits WHERE commits.topic = :topic),"
    " (SELECT next FROM topics WHERE name = :topic))"
)


def drop_expired(connection: Connection, topic: str, before: datetime) -> int:
    """Drop a chunk of a topic's oldest records: those taken before a time and committed by every group.

    Stops at the first record that stays, so that it reads no more rows than it drops.
    """
    return connection.execute(
        "DELETE FROM records WHERE topic = :topic AND offset IN ("  # noqa: S608  (constants only)
        " SELECT offset FROM records WHERE topic = :topic"
        f" AND offset < {_READ_BY_ALL}"
        " AND offset < coalesce((SELECT offset FROM records WHERE topic = :topic AND taken_at >= :before"
        "  ORDER BY offset LIMIT 1), (SELECT next FROM topics WHERE name = :topic))"
        " ORDER BY offset LIMIT :chunk)",
        {"topic": topic, "before": microseconds(before), "chunk": TRIM_CHUNK},
    ).rowcount


def outdated(connection: Connection, topic: str) -> list[int]:
    """Return the offsets, at most a chunk, of records committed by every group whose key has a newer record."""
    return [
        offset
        for (offset,) in connection.execute(
            "SELECT offset FROM records WHERE topic = :topic AND key IS NOT NULL"  # noqa: S608  (constants)
            f" AND offset < {_READ_BY_ALL} AND offset NOT IN"
            " (SELECT max(offset) FROM records WHERE topic = :topic GROUP BY key)"
            " ORDER BY offset LIMIT :chunk",
            {"topic": topic, "chunk": COMPACTION_CHUNK},
        )
    ]


def drop(connection: Connection, topic: str, offsets: Iterable[int]) -> int:
    """Drop records of a topic; return the number of dropped ones."""
    return connection.executemany(
        "DELETE FROM records WHERE topic = ? AND offset = ?", ((topic, offset) for offset in offsets)
    ).rowcount


class Append:
    """The transaction of a publish. `written` is set once the message may have been committed."""

    def __init__(self, message: Message, taken_at: datetime) -> None:
        self.written = False
        self._message = message
        self._taken_at = taken_at

    def __call__(self, connection: Connection) -> int | None:
        """Write the message and return its offset; None if its topic does not exist. Creates page topics."""
        offset = append(connection, self._message, self._taken_at)
        if offset is None and (spec := page_topic(self._message.topic)):
            put(connection, spec)
            offset = append(connection, self._message, self._taken_at)
        self.written = offset is not None
        return offset
