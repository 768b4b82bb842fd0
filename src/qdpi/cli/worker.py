"""`qdpi worker NAME...`: some of the workers in a process of their own."""

from __future__ import annotations

import click

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
    from qdpi.runtime.process import run_on_uvloop

    unknown = [name for name in names if name not in WORKERS]
    if unknown:
        raise InvalidInput(
            f"There is no worker {', '.join(repr(name) for name in unknown)}.",
            next_step=f"The workers are {', '.join(WORKERS)}.",
        )
    run_on_uvloop(_work(tuple(dict.fromkeys(names)), settings))


async def _work(names: tuple[str, ...], settings: Settings) -> None:
    from qdpi.cli.errors import note
    from qdpi.runtime.process import build_process, stop_on_signal

    process = await build_process(settings, workers=names)

    async def announce() -> None:
        note(f"At work: {', '.join(names)}. The model is {process.model_name}.")

    with stop_on_signal(process.stopping):
        await process.run(announce)
