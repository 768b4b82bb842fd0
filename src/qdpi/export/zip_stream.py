"""Zip files that are made while they are sent: the same bytes for the same content, in little memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the first that a zip file can say."""
_UNIX: Final = 3
_PLAIN_FILE: Final = 0o100644 << 16
_LEVEL: Final = 6


class ZipStream:
    """A zip file that is taken piece by piece: `take` returns what was made since the last time.

    With `long_entries` an entry may be taken before it is whole, and says its length after itself, as a
    stream must; else each entry is held until it is closed, and says it before, which every reader knows.
    """

    def __init__(self, *, long_entries: bool = False) -> None:
        self._window = _Stream() if long_entries else _Window()
        self._zip = zipfile.ZipFile(self._window, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]

    def add(self, name: str, content: str | bytes, *, stored: bool = False) -> None:
        """Write a whole entry, compressed unless `stored`."""
        entry = _entry(name, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
        self._zip.writestr(entry, content, compresslevel=None if stored else _LEVEL)

    @contextmanager
    def entry(self, name: str) -> Iterator[IO[bytes]]:
        """Open an entry of any length, to be written to."""
        with self._zip.open(_entry(name, zipfile.ZIP_DEFLATED), "w", force_zip64=True) as stream:
            yield stream

    def take(self) -> bytes:
        """Return what is there and was not taken yet."""
        return self._window.take()

    def close(self) -> bytes:
        """End the file and return its last piece."""
        self._zip.close()
        return self.take()


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EARLIEST)
    entry.compress_type = method
    entry.create_system = _UNIX
    entry.external_attr = _PLAIN_FILE
    entry._compresslevel = _LEVEL  # type: ignore[attr-defined]  # noqa: SLF001 - 3.13 gives it a public name
    return entry


class _Stream:
    """What `zipfile` writes to where it cannot go back."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._start = self._at = 0

    def write(self, data: bytes) -> int:
        place = self._at - self._start
        self._held[place : place + len(data)] = data
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int) -> int:
        raise OSError(f"{offset} is on its way already.")

    def flush(self) -> None:
        """There is nobody behind this to be told."""

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        self._start += len(taken)
        return taken


class _Window(_Stream):
    """The same where it may go back over what was not taken yet: the entry that is being written."""

    def seek(self, offset: int) -> int:
        if offset < self._start:
            return super().seek(offset)
        self._at = offset
        return offset
