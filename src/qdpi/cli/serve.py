"""`qdpi serve`: the gateway, whose workers run elsewhere."""

from __future__ import annotations

import asyncio
from socket import socket

import click

from qdpi.cli.looping import run_serving
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
        run_serving(_serve(settings, listening))


async def _serve(settings: Settings, listening: socket) -> None:
    from qdpi.bootstrap import build_system
    from qdpi.cli.listening import address_of
    from qdpi.events import TOPICS
    from qdpi.gateway.app import create_app
    from qdpi.runtime.process import Server, first_of, serve_until, side_by_side, signals_to
    from qdpi.runtime.startup import Start, closing

    stopping = asyncio.Event()
    system = build_system(settings)
    server = Server(create_app(system), settings)

    async def prepare() -> None:
        await system.bus.create_topics(TOPICS.values())
        if await system.store.canon() is not None:
            await system.catalog.current()

    start = Start(system, prepare)

    async def gateway() -> None:
        await start.answerable.wait()
        await serve_until(stopping, server, listening)

    async def answering() -> None:
        if await start.ready(stopping):
            await first_of(server.answers, stopping)
            if server.started:
                click.echo(f"The gateway answers at {address_of(listening)}")
            await stopping.wait()

    with signals_to(stopping):
        async with closing(system):
            await side_by_side(stopping, gateway(), answering())
