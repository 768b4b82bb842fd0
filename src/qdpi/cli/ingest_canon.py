"""`qdpi ingest-canon PATH`: ingest a book as the canon, completely or not at all."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path
from typing import Any

import click

from qdpi.cli.options import STORE, json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Replace another book that has journeys.")
@json_option
@settings_options(*STORE)
def ingest_canon(path: Path, replace: bool, as_json: bool, settings: Settings) -> None:
    """Read the book at PATH and make it the canon.

    PATH is a corpus folder, a texts.json, or a folder of Markdown files with frontmatter. A book that breaks a rule
    is refused with a list of every fault, and nothing is written. Ingesting the same book again changes nothing.
    """
    from qdpi.cli.output import answer

    answer(asyncio.run(_ingest(path, replace, settings)), _text, as_json)


async def _ingest(path: Path, replace: bool, settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system
    from qdpi.canon import read_book
    from qdpi.canon.revision import shares_of
    from qdpi.cli.errors import note, progress_line
    from qdpi.runtime.startup import open_store
    from qdpi.services.ingest import ingest, walk_ring

    began = time.perf_counter()
    book = await asyncio.to_thread(read_book, path, progress=progress_line("Reading"))
    for remark in book.notes:
        note(f"Note: {remark}")
    async with open_store(build_system(settings)) as system:
        note(f"Ingesting {book.title!r}.")
        done = await ingest(
            system.store, book, system.embedder, now=system.now, replace=replace, progress=progress_line("Writing")
        )
        ring = await walk_ring(system.store, done.revision)
    return {
        "title": done.revision.title,
        "author": done.revision.author,
        "revision": done.revision.revision,
        "changed": done.changed,
        "written": done.written,
        "dropped": done.dropped,
        "pages": done.revision.pages,
        "next_edges": ring.next_edges,
        "ring_closed": ring.closed,
        "checks": shares_of(done.revision),
        "seconds": round(time.perf_counter() - began, 2),
        "peak_memory_mb": round(peak_memory() / 1e6),
    }


def peak_memory() -> int:
    """Return the peak memory of this process, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _text(done: dict[str, Any]) -> str:
    from qdpi.cli.output import in_shares

    if done["changed"]:
        what = f"revision {done['revision']}: {done['written']} pages new or changed, {done['dropped']} dropped"
    else:
        what = f"unchanged, revision {done['revision']}"
    ring = "the ring is closed" if done["ring_closed"] else "THE RING IS NOT CLOSED"
    by = f" by {done['author']}" if done["author"] else ""
    shares = in_shares(done["checks"]) or "measured at the first page"
    return (
        f"{done['title']}{by}: {what}.\n"
        f"{done['pages']} pages, {done['next_edges']} NEXT edges, {ring}.\n"
        f"The share of its own pages that passes each check: {shares}.\n"
        f"{done['seconds']} s, {done['peak_memory_mb']} MB at most."
    )
