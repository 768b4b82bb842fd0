"""`qdpi read`: reading in the terminal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stderr
from dataclasses import replace
from typing import IO, Final

import click

from qdpi.cli.options import ALL, setting_flags
from qdpi.settings import Settings

_NOT_HERE: Final = ("host", "port")


@click.command()
@click.option("--url", metavar="URL", help="A running gateway; without it, everything runs in this process.")
@click.option("--session", metavar="ID", help="The session to continue; without it, the last one at this gateway.")
@click.option("--new", is_flag=True, help="Begin a new journey.")
@click.option("--lines", is_flag=True, help="Line by line instead of the full screen.")
@setting_flags(*(name for name in ALL if name not in _NOT_HERE))
def read(url: str | None, session: str | None, new: bool, lines: bool, **flags: str | None) -> int:
    """Read, press and ask in the terminal, and watch each page being written.

    The command continues your last session at a gateway, which it keeps in the data directory in a file that only
    you can read. Without --url it starts everything in this process, as `qdpi run` does, on a free port of this
    machine; beside a running `qdpi run` on the same data it reads the same journeys.

    It uses the full screen, where `?` lists the keys. With --lines, on a dumb terminal and with piped input it reads
    one command a line; `help` lists them. `stop` stops a page; every other command waits for the page being written.
    Ctrl-C stops a page, and pressed again leaves. The log is read.log in the data directory.
    """
    from qdpi.settings import load_settings

    settings = load_settings(os.environ, **flags)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _private_file(settings) as log:
        _log_to(log, settings)
        return asyncio.run(_read(settings, url, session, new, lines))


def _private_file(settings: Settings) -> IO[str]:
    """Open an empty log that only its owner can read."""

    def private(path: str, mode: int) -> int:
        return os.open(path, mode, 0o600)

    return open(settings.data_dir / "read.log", "w", encoding="utf-8", opener=private)


def _log_to(log: IO[str], settings: Settings) -> None:
    from qdpi.observability.logs import configure_logs

    with redirect_stderr(log):
        configure_logs(settings)


async def _read(settings: Settings, url: str | None, session: str | None, new: bool, lines: bool) -> int:
    from qdpi.cli.errors import note
    from qdpi.client import Client
    from qdpi.client.errors import shown
    from qdpi.terminal.last_session import LOCAL, SavedSessions
    from qdpi.terminal.start import SessionChoice, read_lines

    kept = SavedSessions(settings.data_dir / "reader-sessions.json")
    choice = SessionChoice(kept, shown(url).rstrip("/") if url else LOCAL, session, new, note)
    async with _gateway(settings, url) as address, Client(address) as client:
        session_id = await choice.session_at(client)
        if lines or not _fills_the_screen():
            return await read_lines(client, session_id)
        from qdpi.terminal.app import read_on_screen

        return await read_on_screen(client, session_id)


def _fills_the_screen() -> bool:
    """Return whether input, output and errors are a terminal that can address its whole screen."""
    return all(map(os.isatty, (0, 1, 2))) and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


@asynccontextmanager
async def _gateway(settings: Settings, url: str | None) -> AsyncIterator[str]:
    if url is not None:
        yield url
        return
    from qdpi.cli.errors import progress_line
    from qdpi.runtime.address import address_of, listen
    from qdpi.runtime.process import build_process, running
    from qdpi.topology import WORKERS

    here = replace(settings, host="127.0.0.1", port=0)
    with listen(here) as listening:
        book = progress_line("Ingesting the book")
        process = await build_process(here, workers=WORKERS, listening=listening, first_book=book, retry=False)
        async with running(process):
            yield address_of(listening)
