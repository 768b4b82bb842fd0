"""Everything in this process, as `qdpi run` has it, for as long as somebody needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from qdpi.bootstrap import build_system, build_workers, ensure_book, opened
from qdpi.cli.errors import progress_line
from qdpi.cli.listening import address_of, listen
from qdpi.cli.opening import chosen_model, model_open
from qdpi.events import TOPICS
from qdpi.gateway.app import create_app
from qdpi.language.port import LanguageModel
from qdpi.runtime.process import Server, first_of, serve_until, side_by_side, work_until
from qdpi.settings import Settings
from qdpi.system import System
from qdpi.topology import WORKERS


@asynccontextmanager
async def everything(settings: Settings) -> AsyncIterator[str]:
    """Run the book, the workers and the gateway for a block; yield the gateway's address.

    What one of them fails with is raised when the block is left. Raises `Unavailable` where the bus or the
    store is away at the start.
    """
    system, model = build_system(settings), await chosen_model(settings)
    with listen(settings) as listening:
        server = Server(create_app(system, model_health=model.health), settings)
        async with opened(system), model_open(model):
            await ensure_book(system, progress_line("Taking in the book"))
            await system.bus.create_topics(TOPICS.values())
            stopping = asyncio.Event()
            works = (serve_until(stopping, server, listening), _work(stopping, system, model))
            running = asyncio.create_task(side_by_side(stopping, *works))
            try:
                await first_of(server.answers, stopping)
                if server.answers.is_set():
                    yield address_of(listening)
            finally:
                stopping.set()
                await running


async def _work(stopping: asyncio.Event, system: System, model: LanguageModel) -> None:
    await work_until(stopping, build_workers(system, WORKERS, model))
