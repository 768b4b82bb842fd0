"""The file lock by which one process, and in it one member, holds a group."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from qdpi.errors import BusUnavailable


class GroupLock:
    """A lock on a file that is free again when whoever holds it lets go of it or dies, however it dies.

    flock belongs to the open file, not to the process, so every attempt opens the file anew: two members in
    one process exclude each other too, and a file that somebody removed is made again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free, without waiting. Raises `BusUnavailable` where it cannot be tried."""
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
        """Let go, if it is held."""
        held, self._held = self._held, None
        if held is not None:
            # unlocked by name: a child that was forked meanwhile may hold the same open file
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
    """Tell whether an open file is the one that others find at a path: it may have been removed."""
    try:
        return os.path.samestat(os.fstat(opened), path.stat())
    except FileNotFoundError:
        return False
