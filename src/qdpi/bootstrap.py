"""Bootstrap: choose the adapters that the settings name, and wire a system. Nothing else imports an adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from qdpi.bus.port import EventBus
from qdpi.bus.publisher import Publisher
from qdpi.canon.editions import Editions
from qdpi.language.port import LanguageModel
from qdpi.observability.metrics import Metrics
from qdpi.retry import Backoff
from qdpi.search.vectors import Embedder
from qdpi.services.ingest import Progress, ingest
from qdpi.services.workers import WorkerGroup, build_worker
from qdpi.settings import Settings
from qdpi.store.ports import PageStore
from qdpi.system import System, random_id, utc_now

if TYPE_CHECKING:
    from qdpi.program.saved import SavedProgram
    from qdpi.store.cassandra.adapter import AppliedSchema


log = structlog.get_logger()


def build_bus(settings: Settings, now: Callable[[], datetime]) -> EventBus:
    """Return the event bus that the settings name."""
    if settings.kafka_brokers:
        from qdpi.bus.kafka import KafkaBus

        return KafkaBus(settings)
    from qdpi.bus.embedded import EmbeddedBus

    return EmbeddedBus(settings.data_dir, now=now)


def build_store(
    settings: Settings,
    *,
    repairing: bool = False,
    read_only: bool = False,
    now: Callable[[], datetime] = utc_now,
    new_id: Callable[[], str] = random_id,
) -> PageStore:
    """Return the page store that the settings name.

    With `repairing`, its writes win over earlier deletions, where the store keeps tombstones. With `read_only` it must
    exist, and opening it creates and migrates nothing.
    """
    if settings.cassandra_hosts:
        from qdpi.store.cassandra import CassandraPageStore

        return CassandraPageStore(settings, now=now, preparation=new_id(), repairing=repairing, read_only=read_only)
    from qdpi.store.embedded import EmbeddedPageStore

    return EmbeddedPageStore(settings.data_dir / "store.db", read_only=read_only)


async def apply_cassandra_schema(settings: Settings) -> AppliedSchema:
    """Create the missing parts of the settings' keyspace and return its state."""
    from qdpi.store.cassandra.adapter import apply_schema

    return await apply_schema(settings)


def cassandra_script(settings: Settings) -> str:
    """Return the CQL that creates the settings' keyspace."""
    from qdpi.store.cassandra.schema import script_of

    return script_of(settings)


def build_system(
    settings: Settings,
    *,
    bus: EventBus | None = None,
    store: PageStore | None = None,
    now: Callable[[], datetime] = utc_now,
    new_id: Callable[[], str] = random_id,
    backoff: Backoff | None = None,
    embedder: Embedder | None = None,
    read_only: bool = False,
) -> System:
    """Wire a system; a part that is given replaces the one that the settings name.

    With `read_only` its store exists and is only read, also where a reading is missing.
    """
    chosen_bus = bus or build_bus(settings, now)
    chosen_store = store or build_store(settings, read_only=read_only, now=now, new_id=new_id)
    chosen_embedder = embedder or Embedder()
    return System(
        settings=settings,
        bus=chosen_bus,
        store=chosen_store,
        publisher=Publisher(chosen_bus, settings.page_events),
        editions=Editions(chosen_store, chosen_embedder, keep=not read_only),
        metrics=Metrics(),
        now=now,
        new_id=new_id,
        backoff=backoff or Backoff(),
        embedder=chosen_embedder,
    )


async def build_model(settings: Settings) -> LanguageModel:
    """Return the language model that the settings name or configure. Raises `InvalidSetting`."""
    from qdpi.language.port import CallLimits, DraftLimits
    from qdpi.language.select import choose_model

    return await choose_model(
        model=settings.model,
        ollama_base_url=settings.ollama_base_url,
        openai_api_key=settings.openai_api_key,
        openai_base_url=settings.openai_base_url,
        anthropic_api_key=settings.anthropic_api_key,
        anthropic_base_url=settings.anthropic_base_url,
        timeout=settings.model_timeout,
        wait=settings.model_wait,
        limits=CallLimits(settings.temperature, settings.max_tokens, settings.prompt_tokens),
        drafts=DraftLimits(settings.drafts, page=settings.draft_time),
        local_file=settings.local_model,
        local_kind=settings.local_model_kind,
    )


def check_program(settings: Settings) -> SavedProgram | None:
    """Return the saved program that the settings name, None where they name none. Raises `InvalidSetting`."""
    if settings.program is None:
        return None
    from qdpi.program.saved import read_program

    return read_program(settings.program)


@asynccontextmanager
async def opened(system: System) -> AsyncIterator[System]:
    """Open the bus and the store for a block."""
    try:
        await system.store.open()
        await system.bus.open()
        yield system
    finally:
        await system.bus.close()
        await system.store.close()


async def ensure_book(system: System, progress: Progress = lambda done, total: None) -> None:
    """Ingest the settings' book, or the project's own, where the store has none."""
    if await system.store.canon() is not None:
        return
    from qdpi.canon import own_book, read_book

    book = own_book()
    if system.settings.book:
        book = read_book(system.settings.book)
        for remark in book.notes:
            log.warning("bootstrap.book_note", note=remark)
    await ingest(system.store, book, system.embedder, now=system.now, progress=progress)


def build_workers(system: System, names: Iterable[str], model: LanguageModel) -> WorkerGroup:
    """Return the named workers, ready to run together."""
    return WorkerGroup([build_worker(name, system, model) for name in names])
