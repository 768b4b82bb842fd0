"""`qdpi serve`: the gateway, whose workers run elsewhere."""

from __future__ import annotations

import asyncio
from socket import socket

import click

from qdpi.cli.options import PARTS, settings_options
from qdpi.settings import Settings


@click.command()
@settings_options(*PARTS, "host", "port", "secret", "max_waiting", "run_timeout", "page_events")
def serve(settings: Settings) -> None:
    """Run the gateway alone, beside workers on the same bus and store.

    It answers before there is a book, and says at /readyz what is missing.
    """
    from qdpi.cli.listening import listen

    with listen(settings) as listening:
        asyncio.run(_serve(settings, listening))


async def _serve(settings: Settings, listening: socket) -> None:
    from qdpi.bootstrap import build_system, opened
    from qdpi.cli.listening import address_of
    from qdpi.cli.serving import Server, serve_until, signals_to
    from qdpi.events import TOPICS
    from qdpi.gateway.app import create_app

    stopping = asyncio.Event()
    system = build_system(settings)
    with signals_to(stopping):
        async with opened(system):
            await system.bus.create_topics(TOPICS.values())
            if await system.store.canon() is not None:
                await system.catalog.current()
            answers = f"The gateway answers at {address_of(listening)}"
            server = Server(create_app(system), settings, lambda: click.echo(answers))
            await serve_until(stopping, server, listening)
