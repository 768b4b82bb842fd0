"""Zip files written and sent piece by piece: bounded memory, and the same bytes for the same content."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the earliest that a zip file can express."""
_UNIX: Final = 3
_PLAIN_FILE: Final = 0o100644 << 16
_LEVEL: Final = 6


class ZipStream:
    """A zip file that is taken piece by piece: `take` returns the bytes written since the last call.

    With `long_entries` an entry can be taken before it is complete; its length follows it in a data descriptor.
    Otherwise each entry is buffered until it is closed and its length precedes it, which every reader supports.
    """

    def __init__(self, *, long_entries: bool = False) -> None:
        self._window = _Stream() if long_entries else _Window()
        self._zip = zipfile.ZipFile(self._window, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]

    def add(self, name: str, content: str | bytes, *, stored: bool = False) -> None:
        """Write a complete entry, compressed unless `stored`."""
        entry = _entry(name, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
        self._zip.writestr(entry, content, compresslevel=None if stored else _LEVEL)

    @contextmanager
    def entry(self, name: str) -> Iterator[IO[bytes]]:
        """Open an entry of any length for writing."""
        with self._zip.open(_entry(name, zipfile.ZIP_DEFLATED), "w", force_zip64=True) as stream:
            yield stream

    def take(self) -> bytes:
        """Return the bytes that were not taken yet."""
        return self._window.take()

    def close(self) -> bytes:
        """Close the file and return its last piece."""
        self._zip.close()
        return self.take()


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EARLIEST)
    entry.compress_type = method
    entry.create_system = _UNIX
    entry.external_attr = _PLAIN_FILE
    entry._compresslevel = _LEVEL  # type: ignore[attr-defined]  # noqa: SLF001 - public from 3.13
    return entry


class _Stream:
    """The unseekable file that `zipfile` writes to."""

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
        raise OSError(f"The byte at {offset} was taken already.")

    def flush(self) -> None:
        """Do nothing: there is no file behind this buffer."""

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        self._start += len(taken)
        return taken


class _Window(_Stream):
    """The same, seekable within the bytes that were not taken yet: the entry that is being written."""

    def seek(self, offset: int) -> int:
        if offset < self._start:
            return super().seek(offset)
        self._at = offset
        return offset
