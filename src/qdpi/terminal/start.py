"""Start the reader: choose the session, and run the line mode."""

from __future__ import annotations

import io
import signal
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from rich.console import Console

from qdpi.client import Client, Refused
from qdpi.concurrency import signal_handlers
from qdpi.terminal.input import InputLines
from qdpi.terminal.last_session import SavedSessions
from qdpi.terminal.lines import LineDisplay, LineReader
from qdpi.terminal.reader import ReaderSession


@dataclass(frozen=True, slots=True)
class SessionChoice:
    """The options that choose a session: the gateway, a session id, or a new one. `note` reports a lost session."""

    kept: SavedSessions
    place: str
    session: str | None
    new: bool
    note: Callable[[str], None]

    async def session_at(self, client: Client) -> str:
        """Return the session to read in, and store it for the next time. Raises the client's errors."""
        session_id = await self._session(client)
        self.kept.keep(self.place, session_id)
        return session_id

    async def _session(self, client: Client) -> str:
        if self.session is not None:
            return (await client.journey(self.session, limit=1)).session_id
        last = None if self.new else self.kept.session_of(self.place)
        if last is not None and await self._is_good(client, last):
            return last
        return (await client.session()).session_id

    async def _is_good(self, client: Client, session_id: str) -> bool:
        try:
            await client.journey(session_id, limit=1)
        except Refused as refused:
            if refused.problem.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY}:
                raise
            self.note(f"{refused.detail} A new journey begins.")
            return False
        return True


async def read_lines(client: Client, session_id: str) -> int:
    """Read line by line; return the exit code: 1 if a script's command was refused."""
    _replace_unencodable(sys.stdout)
    at_terminal = sys.stdin.isatty()
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=False)
    display = LineDisplay(console, live=console.is_terminal)
    reader = ReaderSession(client, session_id, display, new_client_request_id)
    line_reader = LineReader(reader, display, InputLines(sys.stdin.fileno()), prompt=at_terminal)
    with signal_handlers({signal.SIGINT: line_reader.interrupt, signal.SIGTERM: line_reader.leave}):
        await line_reader.run()
    return 1 if line_reader.refused and not at_terminal else 0


def new_client_request_id() -> str:
    """Return a new client_request_id, which makes a repeated press one event."""
    return str(uuid.uuid4())


def _replace_unencodable(stream: object) -> None:
    """Make a stream replace characters that its encoding lacks, instead of failing."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
