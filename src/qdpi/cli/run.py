"""`qdpi run`: the whole product in one process and one event loop."""

from __future__ import annotations

import asyncio
from socket import socket

import click

from qdpi.cli.options import ALL, settings_options
from qdpi.settings import Settings


@click.command()
@settings_options(*ALL)
def run(settings: Settings) -> None:
    """Run everything: the book, the workers and the gateway, in one process.

    On its first start it brings its own short book, or the one that QDPI_BOOK names. When it answers it
    prints its address and what to try. SIGTERM and Ctrl-C end it in order; a second one ends it at once.
    """
    from qdpi.cli.listening import listen

    with listen(settings) as listening:
        asyncio.run(_run(settings, listening))


async def _run(settings: Settings, listening: socket) -> None:
    from qdpi.bootstrap import build_company, build_system, ensure_book, opened
    from qdpi.cli.opening import chosen_model, model_open
    from qdpi.cli.serving import Server, serve_until, side_by_side, signals_to, work_until
    from qdpi.cli.telling import progress_line
    from qdpi.cli.trying import invitation
    from qdpi.events import TOPICS
    from qdpi.gateway.app import create_app
    from qdpi.services.actors import ACTORS

    stopping = asyncio.Event()
    system, model = build_system(settings), await chosen_model(settings)
    with signals_to(stopping):
        async with opened(system), model_open(model):
            await ensure_book(system, progress_line("Taking in the book"))
            await system.bus.create_topics(TOPICS.values())
            edition = (await system.catalog.current()).revision
            company = build_company(system, ACTORS, model)
            server = Server(
                create_app(system, model_health=model.health),
                settings,
                lambda: click.echo(invitation(settings, listening, edition, model.name)),
            )
            warming = asyncio.create_task(asyncio.to_thread(system.embedder.embed, [edition.title]))
            await side_by_side(stopping, serve_until(stopping, server, listening), work_until(stopping, company))
            await warming
