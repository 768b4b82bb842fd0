"""All 256 symbols, in one journey and each in its own: no dead end, every return on the ring, the TTL kept."""

import asyncio
import random
from pathlib import Path

import pytest
from tests.flow.conftest import Working
from tests.support.flow import Flow
from tests.support.flow import working as embedded

from qdpi.canon import read_book
from qdpi.events import PageDone
from qdpi.journey import JourneyState, fold_all
from qdpi.outcome import Outcome
from qdpi.policy import MAX_BRANCH_DEPTH, MAX_OPEN_BRANCHES
from qdpi.symbols import Trajectory, decode_symbol, profile_of

SYMBOLS = random.Random(256).sample(range(256), 256)
"""All 256 codes, in an order without a pattern."""


async def press_all(flow: Flow) -> list[PageDone]:
    """Press every symbol at the journey's position."""
    events = []
    for symbol in SYMBOLS:
        outcome = await flow.press("s", symbol)
        assert isinstance(outcome.event, PageDone), outcome.event
        events.append(outcome.event)
    return events


def check(events: list[PageDone], ring: set[str]) -> None:
    """Check the six invariants on a journey's events."""
    assert len({event.page_id for event in events}) == 256
    assert {event.symbol_code for event in events} == set(range(256))
    pages, state = {event.page_id: event for event in events}, JourneyState()
    for event, after in zip(events, [*events[1:], None], strict=True):
        assert event.return_to in ring
        ways = event.edges.next_within, event.edges.loop_back_to, *event.edges.forks
        assert any(ways)
        assert set(filter(None, ways)) <= ring
        assert event.trajectory in profile_of(event.symbol_code).open
        if event.depth >= MAX_BRANCH_DEPTH and event.trajectory is not Trajectory.LOOP and after is not None:
            assert after.trajectory is Trajectory.LOOP
        if event.depth > 1 and event.locus in pages:
            assert event.depth == pages[event.locus].depth + 1
        state = fold_all([event], state)
        assert all(state.open_branches(section) <= MAX_OPEN_BRANCHES for section in range(1, 17))
    assert {event.trajectory for event in events} == set(Trajectory)


def facts_of(events: list[PageDone]) -> list[tuple[str, str, str, str, str | None]]:
    """Return the pages of a journey without ids and times."""
    return [(e.trajectory.value, e.text, e.title, e.return_to, e.edges.next_within) for e in events]


async def test_all_symbols_in_one_journey_on_the_own_book(tmp_path: Path) -> None:
    async with asyncio.timeout(300), embedded(tmp_path) as flow:
        await check_one_journey(flow)


@pytest.mark.long
async def test_all_symbols_in_one_journey_on_any_store(tmp_path: Path, working: Working) -> None:
    async with asyncio.timeout(300), working(tmp_path) as flow:
        await check_one_journey(flow)


async def check_one_journey(flow: Flow) -> None:
    """Press every symbol in one journey, and check the journey and what is stored of it."""
    events = await press_all(flow)
    edition = await flow.system.editions.current()
    check(events, set(edition.ring.page_ids))
    assert all(event.validation.passed or event.validation.reworked for event in events)
    last = await flow.system.store.last_outcome("s")
    assert last is not None
    assert fold_all(events) == last.state
    snapshot = await flow.system.store.snapshot("s")
    assert snapshot is not None
    assert snapshot.state == last.state


async def test_offline_writer_is_deterministic(tmp_path: Path) -> None:
    """The offline writer writes the same journey twice."""
    journeys = []
    for name in ("one", "two"):
        async with asyncio.timeout(120), embedded(tmp_path / name) as flow:
            outcomes = [await flow.press("s", symbol) for symbol in SYMBOLS[:24]]
            journeys.append(facts_of([o.event for o in outcomes if isinstance(o.event, PageDone)]))
    assert len(journeys[0]) == 24
    assert journeys[0] == journeys[1]


async def each_in_its_own(flow: Flow) -> list[Outcome]:
    """Press every symbol in its own journey, at the first page of its character."""
    ring = (await flow.system.editions.current()).ring
    presses = [
        flow.press_event(f"s{symbol}", symbol, ring.pages_of(decode_symbol(symbol)[0] + 1)[0]) for symbol in range(256)
    ]
    for press in presses:
        await flow.send(press)
    return [await flow.outcome_of(press.session_id, press.event_id) for press in presses]


async def test_each_symbol_in_a_journey_of_its_own(tmp_path: Path, working: Working) -> None:
    async with asyncio.timeout(300), working(tmp_path) as flow:
        outcomes = await each_in_its_own(flow)
    events = [outcome.event for outcome in outcomes if isinstance(outcome.event, PageDone)]
    assert len(events) == 256
    ways = {profile_of(event.symbol_code).code: event.trajectory for event in events if event.symbol_code < 16}
    assert set(ways.values()) == {Trajectory.CONTINUE, Trajectory.FORK, Trajectory.DRIFT}
    for event in events:
        assert event.seq == 1
        assert event.trajectory is ways[profile_of(event.symbol_code).code] or event.policy.rule == "signals"


@pytest.mark.canon
@pytest.mark.long
async def test_all_symbols_on_the_authors_canon(tmp_path: Path, working: Working, canon: Path) -> None:
    assert len(read_book(canon).pages) == 710
    async with asyncio.timeout(600), working(tmp_path, book=canon) as flow:
        ring = set((await flow.system.editions.current()).ring.page_ids)
        check(await press_all(flow), ring)
