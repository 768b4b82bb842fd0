"""Replaying a journey: what follows from its outcomes is written again, by the code that derives it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final, NamedTuple

from qdpi.outcome import Outcome, log_entry
from qdpi.repair.compare import (
    Comparison,
    canon_pages,
    compare,
    compare_canon,
    read_log,
)
from qdpi.repair.projections import FIGURES, INDEX, LOG, OUTCOMES, READINGS, VAULT, VECTORS
from qdpi.services.indexer import Indexer
from qdpi.services.projector import project, snapshot_of
from qdpi.services.vault import keep_change
from qdpi.store.paging import outcomes_of
from qdpi.store.ports import PageStore
from qdpi.system import System

_LOOKS: Final = 5
"""How often a journey that is being written to is looked at before what was seen counts."""


class Replayed(NamedTuple):
    """A journey as it was found, and as it is after it was replayed."""

    before: Comparison
    after: Comparison


async def replay(system: System, session_id: str, *, check: bool = False) -> Replayed:
    """Prove that the store shows what a journey's outcomes tell; what differs is written again, unless `check`."""
    before = await _at_rest(system, session_id)
    if check or before.equal:
        return Replayed(before, before)
    await rebuild(system.store, session_id, before, Indexer(system.store, system.publisher, system.embedder))
    return Replayed(before, await _at_rest(system, session_id))


async def replay_named(system: System, sessions: Iterable[str], *, check: bool) -> AsyncIterator[Replayed]:
    """Replay journeys one after another."""
    for session_id in sessions:
        yield await replay(system, session_id, check=check)


async def replay_all(system: System, *, check: bool) -> AsyncIterator[Replayed]:
    """Replay every journey, and the canon's pages after them."""
    async for session_id in system.store.journeys():
        yield await replay(system, session_id, check=check)
    yield await _replay_canon(system, check=check)


async def _replay_canon(system: System, *, check: bool) -> Replayed:
    before = await compare_canon(system.store, system.embedder)
    if check or before.equal:
        return Replayed(before, before)
    await rebuild_canon(system.store, before, Indexer(system.store, system.publisher, system.embedder))
    return Replayed(before, await compare_canon(system.store, system.embedder))


async def _at_rest(system: System, session_id: str) -> Comparison:
    """Compare until two looks see the same: what differs for a moment is being written."""
    seen = await compare(system.store, session_id, system.embedder)
    for _ in range(_LOOKS):
        if seen.equal:
            return seen
        again = await compare(system.store, session_id, system.embedder)
        if again == seen:
            return again
        seen = again
    return seen


async def rebuild_canon(store: PageStore, comparison: Comparison, indexer: Indexer) -> None:
    """Write again the rows of the canon's pages that a comparison found to differ."""
    differing: dict[str, set[str]] = {}
    for difference in comparison.differences:
        differing.setdefault(difference.key, set()).add(difference.table)
    for page in await canon_pages(store):
        if page.page_id in differing:
            await store.link_page(page)
            await store.put_page(page)
            await indexer.index(page.page_id, again=READINGS in differing[page.page_id])


async def rebuild(store: PageStore, session_id: str, comparison: Comparison, indexer: Indexer) -> None:
    """Write again, by the code that derives, what a comparison found to differ in a journey.

    The newest snapshot comes last, whatever was committed meanwhile.
    """
    tables: dict[int, set[str]] = {}
    for difference in comparison.differences:
        tables.setdefault(difference.seq, set()).add(difference.table)
    last: Outcome | None = None
    async for chunk in outcomes_of(store, session_id):
        for outcome in chunk:
            await _rewrite(outcome, tables, store, indexer)
            last = outcome
    if last is not None:
        await store.save_snapshot(snapshot_of(last))
    if VAULT in tables.get(0, ()):
        log = await read_log(store, session_id)
        for change in log.changes.values():
            await keep_change(change, store)


async def _rewrite(outcome: Outcome, tables: Mapping[int, set[str]], store: PageStore, indexer: Indexer) -> None:
    differing = tables.get(outcome.seq, set()) - {OUTCOMES}
    if differing:
        await project(outcome, store)
    elif FIGURES in tables.get(0, ()):
        await store.save_snapshot(snapshot_of(outcome))
    if LOG in differing:
        await store.append_log([log_entry(outcome.request)])
    if outcome.page is not None and differing & {READINGS, VECTORS, INDEX}:
        # A reading that the outcome tells was written with the page.
        await indexer.index(outcome.page.page_id, again=outcome.reading is None and READINGS in differing)
