"""The four trajectories: their pages, and their effect on the journey's state."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.flow.conftest import Working
from tests.support.flow import Flow
from tests.support.replies import writer

from qdpi.canon.edition import Edition
from qdpi.events import PageDone
from qdpi.outcome import Outcome
from qdpi.page_schema import Page
from qdpi.policy import MAX_BRANCH_DEPTH
from qdpi.symbols import Trajectory

LOCUS = "S05-P0014"


@pytest.fixture
async def flow(tmp_path: Path, working: Working) -> AsyncIterator[Flow]:
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        yield flow


def done_and_page(outcome: Outcome) -> tuple[PageDone, Page]:
    assert isinstance(outcome.event, PageDone)
    assert outcome.page is not None
    return outcome.event, outcome.page


async def test_t0_continues_its_page_and_hangs_under_it(flow: Flow) -> None:
    first, page = done_and_page(await flow.press("s", "london-fox:XC", LOCUS))
    assert (first.trajectory, first.section, first.depth) == (Trajectory.CONTINUE, 5, 1)
    assert first.edges.typed() == (("NEXT", "S05-P0015"),)
    second, _ = done_and_page(await flow.press("s", "london-fox:XC", page.page_id))
    assert (second.locus, second.anchor, second.depth) == (page.page_id, LOCUS, 2)
    assert second.edges.next_within == "S05-P0015"
    assert (await flow.system.store.section_statistics(5)).return_debt == 0


async def test_t1_returns_to_a_canon_page(flow: Flow) -> None:
    """T1 returns to a canon page, and the next press is made there."""
    back, page = done_and_page(await flow.press("s", "london-fox:XC", LOCUS, wish=Trajectory.LOOP))
    assert back.trajectory is Trajectory.LOOP
    assert back.edges.loop_back_to == back.return_to == LOCUS
    after, _ = done_and_page(await flow.press("s", "london-fox:XC", page.page_id))
    assert (after.locus, after.anchor, after.depth) == (page.page_id, LOCUS, 1)


async def test_t2_forks_to_another_section_and_owes_a_return(flow: Flow) -> None:
    fork, page = done_and_page(await flow.press("s", "london-fox:XP", LOCUS))
    assert fork.trajectory is Trajectory.FORK
    (target,) = fork.edges.forks
    assert (fork.section, target[:3]) == (2, "S02")
    assert (fork.anchor_section, fork.return_to, fork.branch_id) == (5, "S05-P0015", page.page_id)
    owed = await flow.system.store.section_statistics(5)
    assert (owed.journeys, owed.open_branches, owed.return_debt) == (1, 1, 1)
    back, _ = done_and_page(await flow.press("s", "london-fox:XC", page.page_id, wish=Trajectory.LOOP))
    assert back.edges.loop_back_to == "S05-P0015"
    paid = await flow.system.store.section_statistics(5)
    assert (paid.journeys, paid.open_branches, paid.return_debt) == (1, 0, 0)


async def test_t3_drifts_until_its_ttl_forces_a_return(flow: Flow) -> None:
    """T3 drifts, and after its TTL a return is forced."""
    drift, page = done_and_page(await flow.press("s", "london-fox:ZS", LOCUS))
    assert (drift.trajectory, drift.edges.forks) == (Trajectory.DRIFT, ())
    assert drift.edges.loop_back_to == "S05-P0015"
    for depth in range(2, MAX_BRANCH_DEPTH + 1):
        within, page = done_and_page(await flow.press("s", "london-fox:XC", page.page_id))
        assert (within.trajectory, within.depth) == (Trajectory.CONTINUE, depth)
    back, page = done_and_page(await flow.press("s", "london-fox:ZS", page.page_id, wish=Trajectory.DRIFT))
    assert (back.trajectory, back.policy.rule) == (Trajectory.LOOP, "ttl")
    assert back.policy.wished is Trajectory.DRIFT
    assert back.edges.loop_back_to == back.return_to == "S05-P0015"
    last = await flow.system.store.last_outcome("s")
    assert last is not None
    assert last.state.branches == {}
    assert last.state.returns == 1


async def test_refused_wish_has_a_reason(flow: Flow) -> None:
    """A refused wish has its reason on the page and in the log."""
    outcome = await flow.press("s", "london-fox:XC", LOCUS, wish=Trajectory.FORK)
    event, _ = done_and_page(outcome)
    assert (event.trajectory, event.policy.rule) == (Trajectory.CONTINUE, "licence")
    assert event.policy.reasons
    assert outcome.receipt.policy == event.policy
    rows = {row.event_id: row for row in await flow.system.store.log("s")}
    assert event.policy.reasons[0] in rows[event.event_id].payload_json


async def test_third_open_branch_in_a_section_is_refused(flow: Flow) -> None:
    """A third open branch in a section is refused until a return."""
    given = []
    for page in (LOCUS, "S05-P0015", "S05-P0016"):
        event, _ = done_and_page(await flow.press("s", "london-fox:AP", page))
        given.append((event.trajectory.value, event.policy.rule))
    assert given == [("T2", "parallel-forks"), ("T2", "parallel-forks"), ("T0", "return-debt")]


async def test_edges_are_stored_under_the_generated_page(flow: Flow) -> None:
    """The edges of a generated page are stored under it, and the canon gets none."""
    edition: Edition = await flow.system.editions.current()
    before = await flow.system.store.edges(LOCUS)
    _, page = done_and_page(await flow.press("s", "london-fox:AP", LOCUS))
    assert await flow.system.store.edges(page.page_id) == page.edges
    assert page.edges.mirrors
    assert await flow.system.store.edges(LOCUS) == before
    assert page.edges.mirrors[0] in edition.ring
