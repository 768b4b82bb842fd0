"""Replay a journey: fold its outcomes again, compare every derived table, and rewrite the rows that differ."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from typing import Final, NamedTuple

from qdpi.outcome import Outcome
from qdpi.repair.compare import Comparison, canon_pages, compare, compare_canon, read_log, tables_by_seq
from qdpi.services.indexer import Indexer
from qdpi.services.projections.journeys import (
    FIGURES,
    OF_EVENT,
    SNAPSHOTS,
    VAULT,
    JourneySource,
    events_of,
    journey_after,
)
from qdpi.services.projections.pages import OF_PAGE, READINGS, PageSource, pages_of
from qdpi.services.projector import write_rows, written_by
from qdpi.store.paging import outcomes_of
from qdpi.store.ports import PageStore
from qdpi.system import System
from qdpi.topology import INDEXER, PAGE_GENERATOR

_ATTEMPTS: Final = 5
"""How many comparisons of a journey that is being written to may differ from each other before the last one counts."""


class Replayed(NamedTuple):
    """A journey before and after its replay."""

    before: Comparison
    after: Comparison


async def replay(system: System, session_id: str, *, check: bool = False) -> Replayed:
    """Compare a journey with its outcomes, and rewrite what differs, unless `check`."""
    before = await _compare_at_rest(system, session_id)
    if check or before.equal:
        return Replayed(before, before)
    await rebuild(system.store, session_id, before, Indexer(system.store, system.publisher, system.embedder))
    return Replayed(before, await _compare_at_rest(system, session_id))


async def replay_named(system: System, sessions: Iterable[str], *, check: bool) -> AsyncIterator[Replayed]:
    """Replay some journeys in sequence."""
    for session_id in sessions:
        yield await replay(system, session_id, check=check)


async def replay_all(system: System, *, check: bool) -> AsyncIterator[Replayed]:
    """Replay every journey, then the canon's pages."""
    async for session_id in system.store.journeys():
        yield await replay(system, session_id, check=check)
    yield await _replay_canon(system, check=check)


async def _replay_canon(system: System, *, check: bool) -> Replayed:
    before = await compare_canon(system.store, system.embedder)
    if check or before.equal:
        return Replayed(before, before)
    await rebuild_canon(system.store, before, Indexer(system.store, system.publisher, system.embedder))
    return Replayed(before, await compare_canon(system.store, system.embedder))


async def _compare_at_rest(system: System, session_id: str) -> Comparison:
    """Compare until two comparisons agree: a difference that passes is a write in flight."""
    seen = await compare(system.store, session_id, system.embedder)
    for _ in range(_ATTEMPTS):
        if seen.equal:
            return seen
        again = await compare(system.store, session_id, system.embedder)
        if again == seen:
            return again
        seen = again
    return seen


async def rebuild_canon(store: PageStore, comparison: Comparison, indexer: Indexer) -> None:
    """Rewrite the rows of the canon's pages that differ in a comparison."""
    tables: dict[str, set[str]] = {}
    for difference in comparison.differences:
        tables.setdefault(difference.key, set()).add(difference.table)
    for page in await canon_pages(store):
        if page.page_id in tables:
            await _rewrite_page(PageSource(page), tables[page.page_id], store, indexer)


async def rebuild(store: PageStore, session_id: str, comparison: Comparison, indexer: Indexer) -> None:
    """Rewrite the rows of a journey that differ in a comparison, by the code that first writes them.

    The newest snapshot is written last, whatever was committed in the meantime.
    """
    tables = tables_by_seq(comparison.differences)
    of_journey = tables.get(0, set())
    last: Outcome | None = None
    async for chunk in outcomes_of(store, session_id):
        for outcome in chunk:
            await _rewrite_outcome(outcome, tables.get(outcome.seq, set()), store, indexer)
            if FIGURES.table in of_journey:  # a section that the journey left and came back to has figures, too
                await write_rows(store, [FIGURES], [journey_after(outcome)])
            last = outcome
    if last is not None:
        await write_rows(store, [SNAPSHOTS], [journey_after(last)])
    if VAULT.table in of_journey:
        log = await read_log(store, session_id)
        await write_rows(store, [VAULT], [JourneySource(session_id, changes=tuple(log.changes.values()))])


async def _rewrite_outcome(outcome: Outcome, tables: Collection[str], store: PageStore, indexer: Indexer) -> None:
    """Rewrite those of some tables whose rows are derived from an outcome, its events and its page."""
    differing = [projection for projection in OF_EVENT if projection.table in tables]
    await write_rows(store, differing, events_of(outcome))
    for page in pages_of([outcome]):
        await _rewrite_page(page, tables, store, indexer)


async def _rewrite_page(page: PageSource, tables: Collection[str], store: PageStore, indexer: Indexer) -> None:
    """Rewrite those of some tables whose rows are derived from a page, the indexer's after the page itself."""
    differing = [projection for projection in OF_PAGE if projection.table in tables]
    await write_rows(store, written_by(PAGE_GENERATOR, differing), [page])
    lacks_reading = page.reading is None and READINGS in differing
    if lacks_reading or written_by(INDEXER, differing):
        await indexer.index(page.key, again=lacks_reading)
