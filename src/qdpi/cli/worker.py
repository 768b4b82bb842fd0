"""`qdpi worker NAME...`: some of the workers in a process of their own."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Final

import click

from qdpi.cli.looping import run_serving
from qdpi.cli.options import MODEL, PARTS, settings_options
from qdpi.errors import InvalidInput
from qdpi.settings import Settings

WORKERS: Final = ("enricher", "page_generator", "indexer", "recorder", "janitor")
"""The workers' names, known without importing them."""


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@settings_options(*MODEL, "model_retries", "concurrency", "delta_pace", *PARTS, "page_events")
def worker(names: tuple[str, ...], settings: Settings) -> None:
    """Run workers: enricher, page_generator, indexer, recorder, janitor.

    Of each there may be many: on Kafka they share the work, on the embedded bus one works and the others
    stand by to take over. SIGTERM and Ctrl-C let them finish what they have.
    """
    unknown = [name for name in names if name not in WORKERS]
    if unknown:
        raise InvalidInput(
            f"There is no worker {', '.join(repr(name) for name in unknown)}.",
            next_step=f"The workers are {', '.join(WORKERS)}.",
        )
    run_serving(_work(tuple(dict.fromkeys(names)), settings))


async def _work(names: tuple[str, ...], settings: Settings) -> None:
    from qdpi.bootstrap import build_company, build_system
    from qdpi.cli.errors import note
    from qdpi.cli.opening import chosen_model, model_open
    from qdpi.events import TOPICS
    from qdpi.runtime.process import signals_to, work_until
    from qdpi.runtime.startup import Start, closing

    stopping = asyncio.Event()
    system, model = build_system(settings), await chosen_model(settings)

    async def prepare() -> None:
        await system.bus.create_topics(TOPICS.values())
        if "page_generator" in names or "enricher" in names:
            await system.catalog.current()

    with signals_to(stopping):
        async with closing(system), model_open(model) if "page_generator" in names else nullcontext(model):
            if await Start(system, prepare).ready(stopping):
                note(f"At work: {', '.join(names)}. The model is {model.name}.")
                await work_until(stopping, build_company(system, names, model))
