"""`qdpi run`: the whole product in one process and one event loop."""

from __future__ import annotations

import asyncio
from socket import socket

import click

from qdpi.cli.looping import run_serving
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
        run_serving(_run(settings, listening))


async def _run(settings: Settings, listening: socket) -> None:
    from qdpi.bootstrap import build_system, build_workers, ensure_book
    from qdpi.cli.errors import progress_line
    from qdpi.cli.opening import chosen_model, model_open
    from qdpi.cli.trying import invitation
    from qdpi.events import TOPICS
    from qdpi.gateway.app import create_app
    from qdpi.runtime.process import Server, first_of, serve_until, side_by_side, signals_to, work_until
    from qdpi.runtime.startup import Start, closing
    from qdpi.topology import WORKERS

    stopping = asyncio.Event()
    system, model = build_system(settings), await chosen_model(settings)
    server = Server(create_app(system, model_health=model.health), settings)

    async def prepare() -> None:
        await ensure_book(system, progress_line("Taking in the book"))
        await system.bus.create_topics(TOPICS.values())
        await system.catalog.current()

    start = Start(system, prepare)

    async def gateway() -> None:
        await start.answerable.wait()
        await serve_until(stopping, server, listening)

    async def work() -> None:
        if not await start.ready(stopping):
            return
        edition = (await system.catalog.current()).revision
        warming = asyncio.create_task(asyncio.to_thread(system.embedder.embed, [edition.title]))
        working = asyncio.create_task(work_until(stopping, build_workers(system, WORKERS, model)))
        await first_of(server.answers, stopping)
        if server.started:
            click.echo(invitation(settings, listening, edition, model.name))
        await working
        await warming

    with signals_to(stopping):
        async with closing(system), model_open(model):
            await side_by_side(stopping, gateway(), work())
