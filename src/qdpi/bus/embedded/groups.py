"""Consumer groups: generations, commits and lag in SQL, and the file lock by which one member holds a group."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from sqlite3 import Connection

from qdpi.bus.embedded.log import partition_of
from qdpi.bus.port import Lag
from qdpi.errors import BusUnavailable
from qdpi.ids import from_microseconds


def register(connection: Connection, group: str, topics: Iterable[str]) -> None:
    """Register a group for topics, from their first record on, so that trimming keeps their records."""
    connection.executemany(
        "INSERT INTO commits (consumer_group, topic, next) VALUES (?, ?, 0) ON CONFLICT DO NOTHING",
        ((group, topic) for topic in topics),
    )


def take_over(connection: Connection, group: str) -> int:
    """Raise a group's generation, which fences all previous holders, and return the new generation."""
    (generation,) = connection.execute(
        "INSERT INTO consumer_groups (name, generation) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET generation = generation + 1 RETURNING generation",
        (group,),
    ).fetchone()
    return int(generation)


def generation(connection: Connection, group: str) -> int:
    """Return a group's generation, 0 if it never had a holder."""
    row = connection.execute("SELECT generation FROM consumer_groups WHERE name = ?", (group,)).fetchone()
    return 0 if row is None else int(row[0])


def committed(connection: Connection, group: str) -> dict[str, int]:
    """Return the next offset to read for every topic that a group has joined."""
    return dict(connection.execute("SELECT topic, next FROM commits WHERE consumer_group = ?", (group,)))


def commit(connection: Connection, group: str, holder: int, offsets: Mapping[str, int]) -> None:
    """Store the next offsets to read, never lower than before. A commit of an older generation has no effect."""
    if generation(connection, group) != holder:
        return
    connection.executemany(
        "UPDATE commits SET next = max(next, ?) WHERE consumer_group = ? AND topic = ?",
        ((offset, group, topic) for topic, offset in offsets.items()),
    )


def lag(connection: Connection, group: str) -> list[Lag]:
    """Return a row for every live topic that a group has joined."""
    return [
        Lag(partition_of(topic), records, None if since is None else from_microseconds(since))
        for topic, records, since in connection.execute(
            "SELECT topic,"
            " (SELECT count(*) FROM records WHERE topic = commits.topic AND offset >= commits.next),"
            " (SELECT taken_at FROM records WHERE topic = commits.topic AND offset >= commits.next"
            "  ORDER BY offset LIMIT 1)"
            " FROM commits JOIN topics ON name = topic AND live WHERE consumer_group = ? ORDER BY topic",
            (group,),
        )
    ]


class GroupLock:
    """A file lock that is released by its holder, or by the operating system when the holder's process ends.

    flock belongs to the open file, not to the process, so every attempt opens the file again. Two members in one
    process therefore exclude each other too, and a removed file is created again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free, without waiting. Raises `BusUnavailable` if the file cannot be opened."""
        if self._held is not None:
            return False
        try:
            self._held = self._try()
        except OSError as error:
            raise BusUnavailable(
                f"{self._path} cannot be locked: {error.strerror}.",
                next_step="Make its directory writable for this user.",
            ) from error
        return self._held is not None

    def release(self) -> None:
        """Release the lock if it is held."""
        held, self._held = self._held, None
        if held is not None:
            # unlocked explicitly: a child forked meanwhile may hold the same open file
            fcntl.flock(held, fcntl.LOCK_UN)
            os.close(held)

    def _try(self) -> int | None:
        opened = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        if _lock(opened) and is_at(opened, self._path):
            return opened
        os.close(opened)
        return None


def _lock(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(opened: int, path: Path) -> bool:
    """Return whether an open file is still the one at a path: it may have been removed or replaced."""
    try:
        return os.path.samestat(os.fstat(opened), path.stat())
    except FileNotFoundError:
        return False
