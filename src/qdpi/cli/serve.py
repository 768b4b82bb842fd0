"""`qdpi serve`: the gateway alone, for workers in other processes."""

from __future__ import annotations

from socket import socket

import click

from qdpi.cli.options import PARTS, settings_options
from qdpi.settings import Settings


@click.command()
@settings_options(*PARTS, "host", "port", "hosts", "secret", "open", "max_waiting", "run_timeout", "page_events")
def serve(settings: Settings) -> None:
    """Run the gateway alone, beside workers on the same bus and store.

    It answers before there is a book, and reports at /readyz what is missing.
    """
    from qdpi.runtime.address import listen
    from qdpi.runtime.process import run_on_uvloop

    with listen(settings) as listening:
        run_on_uvloop(_serve(settings, listening))


async def _serve(settings: Settings, listening: socket) -> None:
    from qdpi.cli.output import write
    from qdpi.runtime.address import address_of, reach_of
    from qdpi.runtime.process import build_process, stop_on_signal

    process = await build_process(settings, listening=listening)

    async def announce() -> None:
        reach = reach_of(listening, settings)
        write(f"The gateway answers at {address_of(listening, settings.root_path)}{f', {reach}' if reach else ''}")

    with stop_on_signal(process.stopping):
        await process.run(announce)
