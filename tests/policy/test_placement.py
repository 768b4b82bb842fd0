"""The placement of a page: every row of the table of trajectories, from every kind of standing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support import factories
from tests.support.journeys import Answer, Reader, ring_of

from qdpi.page_schema import Page, Placement
from qdpi.policy.placement import bind, standing_of
from qdpi.policy.ring import Ring
from qdpi.symbols import Trajectory, parse_symbol

T0, T1, T2, T3 = Trajectory
ZC, ZP, ZS, XU = (parse_symbol(f"an-author:{code}") for code in ("ZC", "ZP", "ZS", "XU"))

RING = ring_of([4, 3, 3])
A, AFTER_A = "S01-P0002", "S01-P0003"
ELSEWHERE, FURTHER = "S02-P0006", "S03-P0009"


@pytest.fixture
def reader() -> Reader:
    return Reader(RING)


def placed(answer: Answer) -> tuple[str, int, int, str | None]:
    """The place of a page: anchor, anchor section, depth, branch."""
    placement = answer.page.placement
    assert placement is not None
    return placement.anchor, placement.anchor_section, placement.depth, placement.branch_id


def debt(reader: Reader, section: int = 1) -> tuple[int, int]:
    return reader.state.open_branches(section), reader.state.return_debt(section)


# On the canon


def test_standing_on_canon(reader):
    """The locus of a press on a canon page is that page."""
    standing = standing_of(factories.canon_page(2), RING, reader.state.branches)
    assert (standing.pressed, standing.locus, standing.anchor, standing.return_to) == (A, A, A, A)
    assert (standing.section, standing.anchor_section, standing.depth, standing.branch_id) == (1, 1, 0, None)


def test_t0_on_canon_is_an_interleaf(reader):
    """T0 on the canon puts a page between the anchor and the page after it."""
    answer = reader.press(ZC, A, wish=T0)
    assert placed(answer) == (A, 1, 1, None)
    assert answer.page.edges.typed() == (("NEXT", AFTER_A),)
    assert (answer.page.section, answer.page.return_to) == (1, AFTER_A)
    assert debt(reader) == (0, 0)


def test_t0_on_last_pages_leads_to_the_next_section(reader):
    """T0 on a section's last page leads to the next section, and on the last page to the first."""
    over = reader.press(ZC, "S01-P0004", wish=T0).page
    assert (over.edges.next_within, over.section, over.return_to) == ("S02-P0005", 1, "S02-P0005")
    around = reader.press(ZC, "S03-P0010", wish=T0).page
    assert (around.edges.next_within, around.section, around.return_to) == ("S01-P0001", 3, "S01-P0001")


def test_t1_on_canon_loops_to_its_anchor(reader):
    """T1 on the canon returns to its own anchor and closes no branch."""
    answer = reader.press(ZC, A, wish=T1)
    assert placed(answer) == (A, 1, 1, None)
    assert answer.page.edges.typed() == (("LOOP", A),)
    assert (answer.page.section, answer.page.return_to) == (1, A)
    assert (debt(reader), reader.state.returns) == ((0, 0), 0)


def test_t2_on_canon_opens_a_branch(reader):
    """The branch has one page and counts for the anchor's section."""
    answer = reader.press(ZP, A, wish=T2, targets=[ELSEWHERE])
    page = answer.page
    assert placed(answer) == (A, 1, 1, page.page_id)
    assert page.edges.forks == (ELSEWHERE,)
    assert page.edges.loop_back_to is None
    assert (page.section, page.return_to) == (2, AFTER_A)
    assert debt(reader) == (1, 1)
    assert debt(reader, 2) == (0, 0)


def test_t3_on_canon_opens_a_branch_without_a_fork(reader):
    """A drift leads back by its return."""
    answer = reader.press(ZS, A, wish=T3, targets=[ELSEWHERE])
    page = answer.page
    assert placed(answer) == (A, 1, 1, page.page_id)
    assert page.edges.typed() == (("LOOP", AFTER_A),)
    assert (page.section, page.return_to) == (2, AFTER_A)
    assert debt(reader) == (1, 1)


# On an interleaf


@pytest.fixture
def interleaf(reader: Reader) -> Page:
    return reader.press(ZC, A, wish=T0).page


def test_t0_on_an_interleaf_is_deeper(reader, interleaf):
    """It comes before the same ring page."""
    answer = reader.press(ZC, interleaf.page_id, wish=T0)
    assert placed(answer) == (A, 1, 2, None)
    assert (answer.page.edges.typed(), answer.page.return_to) == ((("NEXT", AFTER_A),), AFTER_A)
    assert debt(reader) == (0, 0)


def test_t1_on_an_interleaf_leads_to_its_next_page(reader, interleaf):
    """T1 leads to the page that the interleaf was put before."""
    answer = reader.press(ZC, interleaf.page_id, wish=T1)
    assert placed(answer) == (A, 1, 2, None)
    assert (answer.page.edges.typed(), answer.page.return_to) == ((("LOOP", AFTER_A),), AFTER_A)
    assert reader.state.returns == 0


@pytest.mark.parametrize("wish", [T2, T3])
def test_departure_from_an_interleaf_keeps_the_anchor(reader, interleaf, wish):
    answer = reader.press(ZS, interleaf.page_id, wish=wish, targets=[ELSEWHERE])
    assert placed(answer) == (A, 1, 2, answer.page.page_id)
    assert (answer.page.section, answer.page.return_to) == (2, AFTER_A)
    assert debt(reader) == (1, 1)


def test_interleaf_stays_its_locus_after_a_loop(reader, interleaf):
    """An interleaf is still its own locus after a page under it looped back."""
    reader.press(ZC, interleaf.page_id, wish=T1)
    assert placed(reader.press(ZC, interleaf.page_id, wish=T0)) == (A, 1, 2, None)


# In an open branch


@pytest.fixture
def departure(reader: Reader) -> Page:
    return reader.press(ZP, A, wish=T2, targets=[ELSEWHERE]).page


def test_t0_in_a_branch_adds_a_page(reader, departure):
    """The page continues its locus in the locus's section."""
    answer = reader.press(ZC, departure.page_id, wish=T0)
    assert placed(answer) == (A, 1, 2, departure.page_id)
    assert (answer.page.section, answer.page.return_to) == (2, AFTER_A)
    assert answer.page.edges.typed() == (("NEXT", AFTER_A),)
    assert debt(reader) == (1, 2)


def test_t2_in_a_branch_adds_a_page(reader, departure):
    """It counts for the same section and opens no branch."""
    answer = reader.press(ZP, departure.page_id, wish=T2, targets=[FURTHER])
    assert placed(answer) == (A, 1, 2, departure.page_id)
    assert answer.page.edges.forks == (FURTHER,)
    assert (answer.page.section, answer.page.return_to) == (3, AFTER_A)
    assert (debt(reader), debt(reader, 2), debt(reader, 3)) == ((1, 2), (0, 0), (0, 0))
    assert reader.state.departures == 1


def test_t3_in_a_branch_adds_a_page(reader, departure):
    """It opens no branch."""
    answer = reader.press(ZS, departure.page_id, wish=T3, targets=[FURTHER])
    assert placed(answer) == (A, 1, 2, departure.page_id)
    assert answer.page.edges.typed() == (("LOOP", AFTER_A),)
    assert debt(reader) == (1, 2)


def test_t1_in_a_branch_closes_it(reader, departure):
    """T1 leads back, closes the branch and clears the debt of all its pages."""
    second = reader.press(ZC, departure.page_id, wish=T0).page
    answer = reader.press(ZC, second.page_id, wish=T1)
    assert placed(answer) == (A, 1, 3, departure.page_id)
    assert (answer.page.edges.typed(), answer.page.return_to) == ((("LOOP", AFTER_A),), AFTER_A)
    assert answer.page.section == 2
    assert (debt(reader), reader.state.returns) == ((0, 0), 1)


def test_t1_on_the_departure_clears_the_whole_branch(reader, departure):
    reader.press(ZC, departure.page_id, wish=T0)
    reader.press(ZC, departure.page_id, wish=T1)
    assert debt(reader) == (0, 0)


def test_reading_on_the_canon_clears_no_debt(reader, departure):
    reader.press(ZC, AFTER_A, wish=T0)
    reader.press(ZC, AFTER_A, wish=T1)
    assert debt(reader) == (1, 1)


def test_two_branches_are_closed_one_by_one(reader, departure):
    other = reader.press(ZP, AFTER_A, wish=T2, targets=[FURTHER]).page
    assert debt(reader) == (2, 2)
    reader.press(ZC, departure.page_id, wish=T1)
    assert debt(reader) == (1, 1)
    assert set(reader.state.branches) == {other.page_id}


# Where the journey has come back


def test_standing_in_a_closed_branch(reader, departure):
    """The locus of a page in a closed branch is the page it returned to."""
    second = reader.press(ZC, departure.page_id, wish=T0).page
    reader.press(ZC, second.page_id, wish=T1)
    for page in (departure, second):
        standing = standing_of(page, RING, reader.state.branches)
        assert (standing.pressed, standing.locus, standing.anchor) == (page.page_id, AFTER_A, AFTER_A)
        assert (standing.section, standing.depth, standing.branch_id) == (1, 0, None)


@pytest.mark.parametrize(
    ("wish", "opens", "home"),
    [(T0, False, "S01-P0004"), (T1, False, AFTER_A), (T2, True, "S01-P0004"), (T3, True, "S01-P0004")],
)
def test_page_after_a_closed_branch_has_depth_one(reader, departure, wish, opens, home):
    """Its anchor is the page that the branch returned to."""
    reader.press(ZC, departure.page_id, wish=T1)
    page = reader.press(ZS, departure.page_id, wish=wish, targets=[ELSEWHERE]).page
    placement = Placement(
        locus=departure.page_id,
        anchor=AFTER_A,
        anchor_section=1,
        depth=1,
        branch_id=page.page_id if opens else None,
    )
    assert (page.trajectory, page.placement, page.return_to) == (wish, placement, home)


@pytest.mark.parametrize("wish", [T0, T1, T2, T3])
def test_standing_on_a_loop(reader, departure, wish):
    """The locus of a page that loops back is its return."""
    bridge = reader.press(ZC, departure.page_id, wish=T1).page
    answer = reader.press(ZS, bridge.page_id, wish=wish, targets=[ELSEWHERE])
    assert answer.verdict.given is wish
    branch = answer.page.page_id if wish in {T2, T3} else None
    assert placed(answer) == (AFTER_A, 1, 1, branch)


def test_standing_on_a_loop_outside_a_branch(reader):
    bridge = reader.press(ZC, A, wish=T1).page
    assert placed(reader.press(ZC, bridge.page_id, wish=T0)) == (A, 1, 1, None)


def test_branch_of_another_journey_is_closed(reader, departure):
    assert standing_of(departure, RING, Reader(RING).state.branches).locus == AFTER_A


# After a revision of the canon


def without(*gone: str) -> Ring:
    return Ring([(page, RING.section_of(page)) for page in RING.page_ids if page not in gone])


def test_standing_on_a_dropped_page(reader):
    """The locus is the next page of the current ring."""
    reader.ring = without(A)
    answer = reader.press(ZC, A, wish=T0)
    assert placed(answer) == (AFTER_A, 1, 1, None)
    assert answer.page.placement is not None
    assert answer.page.placement.locus == A
    assert answer.page.return_to == RING.step(AFTER_A)


@pytest.mark.parametrize("wish", [T0, T1, T2, T3])
def test_page_under_a_dropped_anchor(reader, interleaf, wish):
    """It still leads to the page after the anchor."""
    reader.ring = without(A)
    answer = reader.press(ZS, interleaf.page_id, wish=wish, targets=[ELSEWHERE])
    assert placed(answer)[:3] == (A, 1, 2)
    assert answer.page.return_to == AFTER_A
    if wish is T0:
        assert answer.page.edges.next_within == AFTER_A


@pytest.mark.parametrize("wish", [T0, T1])
def test_dropped_return_is_the_next_page(reader, departure, wish):
    reader.ring = without(AFTER_A)
    answer = reader.press(ZC, departure.page_id, wish=wish)
    home = "S01-P0004"
    assert answer.page.return_to == home
    assert answer.page.edges.typed() == ((("NEXT", home),) if wish is T0 else (("LOOP", home),))
    assert placed(answer) == (A, 1, 2, departure.page_id)


def test_anchor_and_return_dropped_together(reader, departure):
    """Both resolve to the next page of the current ring."""
    reader.ring = without(A, AFTER_A, "S01-P0004")
    answer = reader.press(ZC, departure.page_id, wish=T0)
    assert (answer.page.edges.next_within, answer.page.return_to) == ("S02-P0005", "S02-P0005")
    assert debt(reader) == (1, 2)


def test_dropped_return_of_a_closed_branch(reader, departure):
    reader.press(ZC, departure.page_id, wish=T1)
    reader.ring = without(AFTER_A, "S01-P0004")
    standing = standing_of(departure, reader.ring, reader.state.branches)
    assert (standing.locus, standing.section) == ("S02-P0005", 2)


def test_return_unchanged_by_an_inserted_page(reader):
    """A tree keeps its return when a later revision puts a page before it."""
    reader.ring = without(AFTER_A)
    departure = reader.press(ZP, A, wish=T2, targets=[ELSEWHERE]).page
    reader.ring = RING
    page = reader.press(ZC, departure.page_id, wish=T0).page
    assert departure.return_to == page.return_to == "S01-P0004"
    assert page.edges.next_within == AFTER_A


# What every binding keeps


def test_mirror_of_a_parallel_page(reader):
    """A parallel page mirrors the page it drew on, with every trajectory."""
    for wish in (T0, T1, T2):
        page = reader.press(ZP, A, wish=wish, targets=[ELSEWHERE]).page
        assert page.edges.mirrors == (ELSEWHERE,)
    assert reader.press(XU, A, wish=T0).page.edges.mirrors == ()


def test_fork_needs_another_section(reader):
    standing = standing_of(factories.canon_page(2), RING, {})
    for target in (None, A, AFTER_A):
        with pytest.raises(ValueError, match="another section"):
            bind("page", standing, T2, RING, target=target)
    elsewhere = replace(standing, section=2)
    assert bind("page", elsewhere, T2, RING, target=AFTER_A).edges.forks == (AFTER_A,)


def test_drift_without_a_target_stays_in_its_section():
    standing = standing_of(factories.canon_page(2), RING, {})
    binding = bind("page", standing, T3, RING)
    assert (binding.section, binding.edges.typed()) == (1, (("LOOP", AFTER_A),))


def test_edges_start_at_the_new_page(reader):
    """Edges start only at the new page, so the canon stays unchanged."""
    before = factories.canon_page(2)
    answer = reader.press(ZP, A, wish=T2, targets=[ELSEWHERE])
    assert reader.page(A) == before
    assert answer.event.edges == answer.page.edges
