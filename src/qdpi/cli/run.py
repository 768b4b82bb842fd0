"""`qdpi run`: the whole product in one process and one event loop."""

from __future__ import annotations

from socket import socket
from typing import TYPE_CHECKING

import click

from qdpi.cli.options import ALL, settings_options
from qdpi.settings import Settings

if TYPE_CHECKING:
    from qdpi.store.rows import CanonRevision


@click.command()
@settings_options(*ALL)
def run(settings: Settings) -> None:
    """Run everything: the book, the workers and the gateway, in one process.

    The first start ingests the project's own short book, or the one that QDPI_BOOK names. Once the gateway answers,
    the command prints its address and what to try. SIGTERM and Ctrl-C end it in order; a second one ends it at once.
    """
    from qdpi.runtime.address import listen
    from qdpi.runtime.process import run_on_uvloop

    with listen(settings) as listening:
        run_on_uvloop(_run(settings, listening))


async def _run(settings: Settings, listening: socket) -> None:
    from qdpi.cli.errors import progress_line
    from qdpi.cli.output import write
    from qdpi.runtime.address import address_of, reach_of
    from qdpi.runtime.process import build_process, stop_on_signal
    from qdpi.topology import WORKERS

    process = await build_process(
        settings, workers=WORKERS, listening=listening, first_book=progress_line("Ingesting the book")
    )

    async def announce() -> None:
        edition = await process.system.editions.current()
        url, reach = address_of(listening, settings.root_path), reach_of(listening, settings)
        write(invitation(settings, url, edition.revision, process.model_name, reach))

    with stop_on_signal(process.stopping):
        await process.run(announce)


def invitation(settings: Settings, url: str, book: CanonRevision, model: str, reach: str | None = None) -> str:
    """Return the address, who reaches it, the book and the model, where to read, and a first session with `curl`."""
    by = f" by {book.author}" if book.author else ""
    return "\n".join(
        (
            f"Gibsey QDPI answers at {url}",
            f"  book   {book.title}{by}, {book.pages} pages",
            f"  model  {model}",
            *_kept(settings),
            *([f"  open   {reach}"] if reach else []),
            "Open the address in a browser, or press a symbol here and watch its page come:",
            f"  {session_of(url)}",
            f'  curl -sN "{url}/api/v1/event/stream?session_id=$S" &',
            f"  curl -s -X POST {url}/api/v1/event/ui/symbol -H 'content-type: application/json' \\",
            """    -d '{"session_id": "'$S'", "symbol_code": 0}'""",
            "Ctrl-C ends it.",
        )
    )


def _kept(settings: Settings) -> list[str]:
    """Return lines that say where the bus and the store are."""
    lines = []
    if settings.kafka_brokers:
        lines.append(f"  bus    Kafka at {settings.kafka_brokers}")
    if settings.cassandra_hosts:
        lines.append(f"  store  Cassandra at {settings.cassandra_hosts}, keyspace {settings.cassandra_keyspace}")
    return lines if len(lines) == 2 else [*lines, f"  data   {settings.data_dir}"]


def session_of(url: str) -> str:
    """Return the shell command that sets S to a new session, which nobody else can guess."""
    return rf"""S=$(curl -s -X POST {url}/api/v1/session | sed 's/.*"session_id": *"\([^"]*\)".*/\1/')"""
