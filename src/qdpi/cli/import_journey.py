"""`qdpi import FILE`: import a journey from its archive."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qdpi.cli.options import STORE, json_option, settings_options
from qdpi.settings import Settings

if TYPE_CHECKING:
    from qdpi.export.archive.read import Archive
    from qdpi.system import System


@click.command("import")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@json_option
@settings_options(*STORE, "book")
def import_journey(path: Path, as_json: bool, settings: Settings) -> None:
    """Import the journey of an archive that `qdpi export` wrote: FILE, or the folder that it was unpacked to.

    The archive is checked whole before anything is written. A journey that is here already is unchanged, and
    continued where the archive has more of it. A journey that contradicts it is refused, and so is one that
    was read in another book.
    """
    from qdpi.cli.output import answer

    answer(asyncio.run(_import(path, settings)), _text, as_json)


async def _import(path: Path, settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system
    from qdpi.cli.errors import progress_line
    from qdpi.export.archive.read import open_archive
    from qdpi.export.archive.restore import import_archive
    from qdpi.runtime.startup import open_store

    async with open_store(build_system(settings)) as system:
        with open_archive(path) as archive:
            await _ensure_book(system, archive)
            done = await import_archive(system.store, archive, system.embedder, progress_line("Importing", every=1_000))
    return {
        "session_id": done.session_id,
        "changed": done.changed,
        "seq": done.seq,
        "digest": done.digest,
        "outcomes_here": done.outcomes_here,
        "outcomes_written": done.outcomes_written,
        "rows_written": done.rows_written,
    }


async def _ensure_book(system: System, archive: Archive) -> None:
    """Ingest the settings' book, or the project's own, if there is no book yet and the journey was read in it."""
    from qdpi.bootstrap import ensure_book
    from qdpi.canon import own_book, read_book
    from qdpi.cli.errors import progress_line
    from qdpi.export.archive.check import check_lines
    from qdpi.export.archive.read import check_manifest

    manifest = archive.manifest
    if manifest.book is None or await system.store.canon() is not None:
        return
    chosen = system.settings.book
    book = await asyncio.to_thread(lambda: read_book(chosen) if chosen else own_book())
    read_in = {(facts.revision, facts.content_hash) for facts in (manifest.book, *manifest.canon)}
    if read_in == {(1, book.content_hash)}:
        check_manifest(archive)
        await asyncio.to_thread(check_lines, archive)
        await ensure_book(system, progress_line("Ingesting the book"))


def _text(done: dict[str, Any]) -> str:
    if not done["changed"]:
        return f"{done['session_id']} is here already, with {done['seq']} outcomes: unchanged."
    before = f", after {done['outcomes_here']} that were here" if done["outcomes_here"] else ""
    return (
        f"{done['session_id']}: {done['outcomes_written']} outcomes{before} and {done['rows_written']} rows of its "
        f"log.\nIts state has the hash {done['digest']}."
    )
