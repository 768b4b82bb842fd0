"""`qdpi reindex-page`: compute the reading (X and Y), the vector and the index row of pages again."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from qdpi.cli.options import STORE, json_option, settings_options
from qdpi.settings import Settings


@click.command()
@click.argument("page_ids", nargs=-1, metavar="[PAGE_ID...]")
@click.option("--all", "whole_book", is_flag=True, help="Every page of the book.")
@json_option
@settings_options(*STORE)
def reindex_page(page_ids: tuple[str, ...], whole_book: bool, as_json: bool, settings: Settings) -> None:
    """Read pages again and store their readings, vectors and index rows: canon pages and generated ones by their id."""
    from qdpi.cli.output import answer

    if bool(page_ids) == whole_book:
        raise click.UsageError("Give the ids of pages, or --all for every page of the book.")
    answer(asyncio.run(_reindex(page_ids, settings)), _text, as_json)


async def _reindex(page_ids: tuple[str, ...], settings: Settings) -> dict[str, Any]:
    from qdpi.bootstrap import build_system
    from qdpi.cli.errors import progress_line
    from qdpi.runtime.startup import open_store
    from qdpi.services.indexer import Indexer

    progress = progress_line("Indexing")
    async with open_store(build_system(settings)) as system:
        indexer = Indexer(system.store, system.publisher, system.embedder)
        wanted = page_ids or (await system.editions.current()).ring.page_ids
        for done, page_id in enumerate(wanted, start=1):
            await indexer.index(page_id, again=True)
            progress(done, len(wanted))
    return {"indexed": list(wanted)}


def _text(done: dict[str, Any]) -> str:
    count = len(done["indexed"])
    return f"{count} page{'s' * (count != 1)} indexed."
