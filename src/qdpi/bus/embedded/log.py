"""The log in SQL: topics, appending, reading, trimming. Functions of a connection, each one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from sqlite3 import Connection
from typing import Final, NamedTuple

from qdpi.bus.embedded.rows import encode_headers, microseconds, partition_of, record_of
from qdpi.bus.port import Message, Record, TopicState
from qdpi.events import TopicSpec

MAX_READING_BYTES: Final = 8 << 20
"""A reading ends with the record that passes this, so that no limit on records can fill the memory."""
TRIM_CHUNK: Final = 500
"""How many rows one transaction drops, so that publishers are not kept waiting."""
COMPACTION_CHUNK: Final = 10_000
"""How many outdated rows are looked for at once: a look reads the whole topic."""


class Terms(NamedTuple):
    """What publishing to a topic must know of it."""

    durable: bool
    max_bytes: int


class Reading(NamedTuple):
    """Records in order per topic, and the position that each topic read from is at now."""

    records: list[Record]
    reached: dict[str, int]


def put(connection: Connection, spec: TopicSpec) -> None:
    """Make a topic, make a deleted one live again, or give a live one these terms."""
    connection.execute(
        "INSERT INTO topics (name, live, retention, durable, compact, max_bytes) VALUES (?, 1, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET live = 1, retention = excluded.retention,"
        " durable = excluded.durable, compact = excluded.compact, max_bytes = excluded.max_bytes",
        (spec.name, spec.retention, spec.durable, spec.compact, spec.max_bytes),
    )


def put_all(connection: Connection, specs: Iterable[TopicSpec]) -> None:
    """Make topics, or give them these terms."""
    for spec in specs:
        put(connection, spec)


def create_all(connection: Connection, specs: Iterable[TopicSpec]) -> list[str]:
    """Make the topics that are not there; return their names."""
    made = [spec for spec in specs if terms(connection, spec.name) is None]
    put_all(connection, made)
    return [spec.name for spec in made]


def delete_all(connection: Connection, names: Iterable[str]) -> list[str]:
    """Delete topics and what they hold; return the names of those that were there."""
    return [name for name in names if _delete(connection, name)]


def delete_idle(connection: Connection, names: Iterable[str]) -> list[str]:
    """Delete those of some topics that hold nothing; return the names of those that were there."""
    return [name for name in names if not _holds_records(connection, name) and _delete(connection, name)]


def _holds_records(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM records WHERE topic = ? LIMIT 1", (name,)).fetchone() is not None


def _delete(connection: Connection, name: str) -> bool:
    connection.execute("DELETE FROM records WHERE topic = ?", (name,))
    return bool(connection.execute("UPDATE topics SET live = 0 WHERE name = ? AND live", (name,)).rowcount)


def terms(connection: Connection, topic: str) -> Terms | None:
    """Return a live topic's terms, None where there is none of that name."""
    row = connection.execute("SELECT durable, max_bytes FROM topics WHERE name = ? AND live", (topic,)).fetchone()
    return None if row is None else Terms(bool(row[0]), row[1])


def append(connection: Connection, message: Message, taken_at: datetime) -> int | None:
    """Write a message at its topic's next offset and return that; None where the topic is not there."""
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
    """Return the next offsets of topics, deleted ones included; 0 for those that never were."""
    named = json.dumps(list(topics))
    rows = connection.execute(
        "SELECT value, coalesce(next, 0) FROM json_each(?) LEFT JOIN topics ON name = value", (named,)
    )
    return dict(rows)


def read(connection: Connection, positions: Mapping[str, int], limit: int) -> Reading:
    """Read on from positions, at most `limit` records, a fair share of them from each topic that has some.

    Where there are more topics with records than `limit`, the first in the order of `positions` are read.
    """
    known = ends(connection, positions)
    ready = [topic for topic, position in positions.items() if known[topic] > position]
    records: list[Record] = []
    reached: dict[str, int] = {}
    size = 0
    for waiting, topic in zip(range(len(ready), 0, -1), ready, strict=True):
        room = limit - len(records)
        if room <= 0 or size > MAX_READING_BYTES:
            break
        share = max(1, room // waiting)
        found, taken = _read_topic(connection, topic, positions[topic], share, MAX_READING_BYTES - size)
        records += found
        size += taken
        whole = len(found) < share and size <= MAX_READING_BYTES
        reached[topic] = known[topic] if whole else found[-1].offset + 1
    return Reading(records, reached)


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
    """Return every live topic's first kept offset and its next one."""
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


# A group's offset is 0 until it commits, and a topic that no group reads is held back by nobody.
_READ_BY_ALL: Final = (
    "coalesce((SELECT min(next) FROM commits WHERE commits.topic = :topic),"
    " (SELECT next FROM topics WHERE name = :topic))"
)


def drop_expired(connection: Connection, topic: str, before: datetime) -> int:
    """Drop a chunk of a topic's oldest records: those taken before a time and read by every group.

    Stops at the first record that stays, so that it looks at no more rows than it drops.
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
    """Return the offsets, a chunk at most, of records read by every group whose key has a newer record."""
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
    """Drop records of a topic; return how many were there."""
    return connection.executemany(
        "DELETE FROM records WHERE topic = ? AND offset = ?", ((topic, offset) for offset in offsets)
    ).rowcount
