"""Journeys for the tests of export and import."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support import factories
from tests.support.gateway import system_in

from qdpi.errors import ArchiveRefused
from qdpi.events import Press, Stop, VaultChange
from qdpi.export.archive.read import open_archive
from qdpi.export.archive.restore import ImportResult, import_archive
from qdpi.export.formats import FORMATS
from qdpi.ids import derived_id, page_id
from qdpi.journey import JourneyState
from qdpi.outcome import Outcome, log_entry
from qdpi.page_schema import Edges, Placement
from qdpi.services.projector import project
from qdpi.services.vault import keep_change
from qdpi.store.ports import Committed, PageStore
from qdpi.symbols import Trajectory
from qdpi.system import System

READER = "reader"


async def add_outcomes(
    store: PageStore, count: int, journey: str = READER, *, fails: frozenset[int] = frozenset(), **page: Any
) -> list[Outcome]:
    """Add `count` outcomes to a journey, with their log rows and projections."""
    last = await store.last_outcome(journey)
    state, outcomes = (last.state if last else JourneyState()), []
    for seq in range(state.seq + 1, state.seq + count + 1):
        outcome = factories.outcome(journey, seq, before=state, fails=seq in fails, **page)
        await commit(store, outcome)
        state = outcome.state
        outcomes.append(outcome)
    return outcomes


async def commit(store: PageStore, outcome: Outcome) -> None:
    """Commit an outcome, log its press and its request, and write its projections."""
    seq, request = outcome.seq, outcome.request
    press = Press(
        event_id=request.press_id,
        ts=factories.at(seq),
        session_id=outcome.session_id,
        symbol_code=request.symbol_code or 0,
        page_id=request.page_id,
        user_intent=request.user_intent,
    )
    await store.append_log([log_entry(press), log_entry(request)])
    result = await store.commit_outcome(outcome.session_id, outcome.request_id, seq - 1, outcome)
    assert isinstance(result, Committed)
    await project(outcome, store)


async def fork(store: PageStore, journey: str = READER) -> Outcome:
    """Add an outcome with trajectory FORK."""
    last = await store.last_outcome(journey)
    state = last.state if last else JourneyState()
    seq = state.seq + 1
    page = page_id(factories.request(journey, seq).request_id)
    place = Placement(locus="S01-P0001", anchor="S01-P0001", anchor_section=1, depth=1, branch_id=page)
    edges = Edges(forks=("S03-P0007",))
    outcome = factories.outcome(journey, seq, before=state, trajectory=Trajectory.FORK, placement=place, edges=edges)
    await commit(store, outcome)
    return outcome


async def save(store: PageStore, page: str, second: float, journey: str = READER, **change: Any) -> VaultChange:
    """Save a page in a journey's vault, or with `action` unsave it."""
    saved = VaultChange.model_validate(
        {
            "event_id": derived_id("test-vault", journey, page, str(second)),
            "ts": factories.at(second),
            "session_id": journey,
            "action": "saved",
            "page_id": page,
            "label": f"at {second}",
            **change,
        }
    )
    await store.append_log([log_entry(saved)])
    await keep_change(saved, store)
    return saved


async def stop(store: PageStore, outcome: Outcome) -> None:
    """Log a reader's stop of a run."""
    await store.append_log(
        [
            log_entry(
                Stop(
                    event_id=derived_id("test-stop", outcome.request_id),
                    ts=factories.at(outcome.seq),
                    session_id=outcome.session_id,
                    press_id=outcome.request.press_id,
                )
            )
        ]
    )


async def whole_journey(store: PageStore) -> list[Outcome]:
    """Make a journey of every kind of row: pages, a failure, a fork, a stop, saved and unsaved pages."""
    outcomes = await add_outcomes(store, 4, fails=frozenset({2}))
    outcomes.append(await fork(store))
    outcomes += await add_outcomes(store, 3)
    await stop(store, outcomes[1])
    for second in (1.0, 2.0):
        await save(store, "S01-P0001", second)
    first, last = outcomes[0].page, outcomes[-1].page
    assert first
    assert last
    await save(store, first.page_id, 3, notes="read again")
    await save(store, last.page_id, 4)
    await save(store, last.page_id, 5, action="unsaved")
    return outcomes


async def exported(store: PageStore, form: str = "log", journey: str = READER) -> bytes:
    """Return a journey's file."""
    return b"".join([piece async for piece in FORMATS[form].stream(store, journey)])


async def imported(system: System, archive: Path | bytes, directory: Path) -> ImportResult:
    """Import an archive."""
    if isinstance(archive, bytes):
        path = directory / "archive.zip"
        path.write_bytes(archive)
    else:
        path = archive
    with open_archive(path) as found:
        return await import_archive(system.store, found, system.embedder)


async def refusal(system: System, archive: Path | bytes, directory: Path) -> ArchiveRefused:
    """Import an archive and return the error that refuses it."""
    try:
        done = await imported(system, archive, directory)
    except ArchiveRefused as error:
        return error
    raise AssertionError(f"it was not refused: {done}")


@asynccontextmanager
async def two_systems(directory: Path) -> AsyncIterator[tuple[System, System]]:
    """Open two systems with the same book."""
    async with system_in(directory / "here") as here, system_in(directory / "there") as there:
        yield here, there


async def all_of(store: PageStore, journey: str = READER) -> dict[str, Any]:
    """Return everything that a store has for a journey."""
    outcomes = await store.outcomes(journey)
    pages = [outcome.page.page_id for outcome in outcomes if outcome.page]
    return {
        "outcomes": outcomes,
        "digest": outcomes[-1].state.digest() if outcomes else None,
        "last": await store.last_outcome(journey),
        "pages": [await store.page(page) for page in pages],
        "edges": [await store.edges(page) for page in pages],
        "signals": [await store.signals(page) for page in pages],
        "log": await store.log(journey),
        "snapshot": await store.snapshot(journey),
        "vault": await store.vault(journey),
        "sections": [await store.section_statistics(section) for section in range(1, 17)],
        "figures": await store.section_figures(journey),
    }


async def assert_nothing_stored(store: PageStore) -> None:
    """Assert that the store has no journey."""
    assert await all_of(store) == await all_of(store, "nobody")
    assert not await store.has_journeys()
