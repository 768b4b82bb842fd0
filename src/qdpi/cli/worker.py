"""`qdpi worker NAME...`: some of the workers in a process of their own."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import click

from qdpi.cli.looping import run_serving
from qdpi.cli.options import MODEL, PARTS, settings_options
from qdpi.errors import InvalidInput
from qdpi.settings import Settings
from qdpi.topology import WORKERS

_HELP = f"""Run workers: {", ".join(WORKERS)}.

Each can run many times: on Kafka the processes share the work, on the embedded bus one works and the others are
ready to take over. SIGTERM and Ctrl-C let them finish what they have.
"""


@click.command(help=_HELP)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@settings_options(*MODEL, "model_retries", "concurrency", "delta_pace", *PARTS, "page_events")
def worker(names: tuple[str, ...], settings: Settings) -> None:
    """Run the named workers until a signal."""
    unknown = [name for name in names if name not in WORKERS]
    if unknown:
        raise InvalidInput(
            f"There is no worker {', '.join(repr(name) for name in unknown)}.",
            next_step=f"The workers are {', '.join(WORKERS)}.",
        )
    run_serving(_work(tuple(dict.fromkeys(names)), settings))


async def _work(names: tuple[str, ...], settings: Settings) -> None:
    from qdpi.bootstrap import build_system, build_workers
    from qdpi.cli.errors import note
    from qdpi.cli.opening import chosen_model, model_open
    from qdpi.events import TOPICS
    from qdpi.runtime.process import signals_to, work_until
    from qdpi.runtime.startup import Start, closing

    stopping = asyncio.Event()
    system, model = build_system(settings), await chosen_model(settings)

    async def prepare() -> None:
        await system.bus.create_topics(TOPICS.values())
        if any(WORKERS[name].needs_book for name in names):
            await system.catalog.current()

    with signals_to(stopping):
        async with (
            closing(system),
            model_open(model) if any(WORKERS[name].needs_model for name in names) else nullcontext(model),
        ):
            if await Start(system, prepare).ready(stopping):
                note(f"At work: {', '.join(names)}. The model is {model.name}.")
                await work_until(stopping, build_workers(system, names, model))
