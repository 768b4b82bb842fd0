"""Workers in a child process, on ports that fail by a plan, until SIGTERM."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Collection

import structlog
from tests.faults.witness import Plan, Witness, nothing, witnessed_bus, witnessed_store

from qdpi.bootstrap import build_bus, build_store, build_system
from qdpi.concurrency import signal_handlers
from qdpi.language.offline import OfflineWriter
from qdpi.language.port import LanguageModel
from qdpi.runtime.process import Process
from qdpi.search.vectors import Embedder
from qdpi.settings import Settings
from qdpi.system import utc_now

WORKERS = ("enricher", "page_generator", "indexer", "recorder")
DRAIN_SECONDS = 600.0
"""Long enough to finish started work on a slow machine."""


async def work(
    settings: Settings,
    *,
    workers: Collection[str] = WORKERS,
    plan: Plan = nothing,
    on_ready: Callable[[], None] = lambda: None,
    embedder: Embedder | None = None,
    model: LanguageModel | None = None,
) -> list[str]:
    """Run workers until SIGTERM and return the labels of their calls; `on_ready` is called once all have polled.

    Calls are counted after the book is loaded, so that only calls that handle events count.
    """
    witness = Witness(plan, _all_polled(workers, on_ready))
    system = build_system(
        settings,
        bus=witnessed_bus(build_bus(settings, utc_now), witness),
        store=witnessed_store(build_store(settings), witness),
        embedder=embedder,
    )

    process = Process(
        system,
        model or OfflineWriter(),
        workers=workers,
        first_book=lambda done, total: None,
        drain_seconds=DRAIN_SECONDS,
    )

    async def begin() -> None:
        witness.begin()

    with signal_handlers({signal.SIGTERM: process.stop}):
        await process.run(begin)
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
    """Log only errors, to standard error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(40),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def emit(message: object) -> None:
    """Write a message for the parent process as one line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
