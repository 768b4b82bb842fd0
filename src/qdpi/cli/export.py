"""`qdpi export SESSION`: a journey as a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click

from qdpi.cli.options import STORE, json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.argument("session")
@click.option(
    "--format",
    "form",
    metavar="FORMAT",
    default="log",
    show_default=True,
    help="log (lossless, for `qdpi import`), markdown, twee or epub.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, allow_dash=True), help="The file to write; - is standard output."
)
@json_option
@settings_options(*STORE)
def export(session: str, form: str, output: Path | None, as_json: bool, settings: Settings) -> None:
    """Write the journey of SESSION to a file.

    SESSION is a session id, with or without its signature. Without -o the file is written to this folder, under a
    name from which the journey cannot be opened. The file appears only once it is complete.
    """
    from qdpi.cli.output import answer

    done = asyncio.run(_export(session.partition(".")[0], form, output, settings))
    if done["file"] != "-":
        answer(done, _text, as_json)


async def _export(session: str, form: str, output: Path | None, settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system
    from qdpi.cli.errors import note
    from qdpi.export.formats import file_name, format_named
    from qdpi.ids import check_session
    from qdpi.runtime.startup import open_store

    chosen, journey = format_named(form), check_session(session)
    path = output or Path(file_name(journey, chosen))
    async with open_store(build_system(settings)) as system:
        last = await system.store.last_outcome(journey)
        if last is None:
            note("This journey has no outcomes: the file contains no pages.")
        size = await _write(path, chosen.stream(system.store, journey))
    seq = last.seq if last else 0
    return {"file": str(path), "format": form, "bytes": size, "session_id": journey, "outcomes": seq}


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> int:
    from qdpi.cli.output import complete_file

    size = 0
    with complete_file(path, "Give another file with -o.") as stream:
        async for piece in pieces:
            await asyncio.to_thread(stream.write, piece)
            size += len(piece)
    return size


def _text(done: dict[str, Any]) -> str:
    count = done["outcomes"]
    return f"{done['file']}: {count} outcome{'s' * (count != 1)} as {done['format']}, {done['bytes']:,} bytes."
