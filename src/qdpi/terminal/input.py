"""Lines from standard input: a terminal, a pipe or a file."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
from typing import Final

LONGEST_LINE: Final = 65_536
_WAITING: Final = 16


class InputLines:
    """Reads a file descriptor in its own thread, a few lines ahead. `None` marks the end.

    The thread reads the descriptor directly: a thread blocked in `sys.stdin` would hold its lock when the process
    exits.
    """

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(_WAITING)
        self._thread = threading.Thread(target=self._read, args=(descriptor,), daemon=True, name="input")
        self._thread.start()

    async def next(self) -> str | None:
        """Return the next line, None at the end."""
        return await self._lines.get()

    def _read(self, descriptor: int) -> None:
        decoder, rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
        while chunk := _chunk(descriptor):
            *lines, rest = (rest + decoder.decode(chunk)).split("\n")
            rest = rest[:LONGEST_LINE]
            if not all(self._give(line) for line in lines):
                return
        if not rest or self._give(rest):
            self._give(None)

    def _give(self, line: str | None) -> bool:
        """Queue a line; return False if the event loop has ended."""
        try:
            asyncio.run_coroutine_threadsafe(self._lines.put(line), self._loop).result()
        except (RuntimeError, asyncio.CancelledError):  # the event loop has ended
            return False
        return True


def _chunk(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4_096)
    except OSError:  # the terminal is closed
        return b""
