"""Actors at work in a process of their own, over ports that a plan makes go wrong, until SIGTERM."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Collection

import structlog
from tests.faults.wrapping import Plan, Witness, nothing, witnessed_bus, witnessed_store

from qdpi.bootstrap import build_bus, build_store, build_system, build_workers, ensure_book, utc_now
from qdpi.language.offline import OfflineWriter
from qdpi.language.port import LanguageModel
from qdpi.runtime.startup import Start, closing
from qdpi.search.vectors import Embedder
from qdpi.settings import Settings

WORKERS = ("enricher", "page_generator", "indexer", "recorder")


async def work(
    settings: Settings,
    *,
    workers: Collection[str] = WORKERS,
    plan: Plan = nothing,
    on_ready: Callable[[], None] = lambda: None,
    embedder: Embedder | None = None,
    model: LanguageModel | None = None,
) -> list[str]:
    """Work until SIGTERM and return the labels of the calls made; `on_ready` is called once all have polled.

    The book is there and read before calls are counted: they are those that handle events.
    """
    witness = Witness(plan, _all_polled(workers, on_ready))
    system = build_system(
        settings,
        bus=witnessed_bus(build_bus(settings, utc_now), witness),
        store=witnessed_store(build_store(settings), witness),
        embedder=embedder,
    )

    async def prepare() -> None:
        await ensure_book(system)
        await system.catalog.current()

    async with closing(system):
        await Start(system, prepare).ready(asyncio.Event())
        witness.begin()
        group = build_workers(system, workers, model or OfflineWriter())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, group.stop)
        await group.run()
    return [call.label for call in witness.calls]


def _all_polled(workers: Collection[str], on_ready: Callable[[], None]) -> Callable[[str], None]:
    waited_for = {f"qdpi.{name}.fetch" for name in workers}

    def polled(name: str) -> None:
        if name in waited_for:
            waited_for.remove(name)
            if not waited_for:
                on_ready()

    return polled


def quiet() -> None:
    """Have errors alone logged, and to standard error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(40),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def tell(message: object) -> None:
    """Write a message for the parent, on one line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
