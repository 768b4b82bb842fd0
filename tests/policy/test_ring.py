"""The closed order of the canon's pages, also after a later revision dropped some of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.factories import canon_id
from tests.support.journeys import ring_of

from qdpi.errors import UnknownPage
from qdpi.policy.ring import Ring

SIXTEEN = [3, 1, 4, 1, 5, 2, 2, 1, 1, 2, 3, 1, 2, 1, 1, 2]


def test_ring_visits_every_page_once():
    ring = ring_of(SIXTEEN)
    walked = [ring.first]
    while len(walked) < len(ring):
        walked.append(ring.step(walked[-1]))
    assert tuple(walked) == ring.page_ids
    assert ring.step(walked[-1]) == ring.first


@given(at=st.integers(0, 32), count=st.integers(-100, 100))
def test_ring_steps_are_inverse(at: int, count: int):
    ring = ring_of(SIXTEEN)
    page = ring.page_ids[at % len(ring)]
    assert ring.step(ring.step(page, count), -count) == page
    assert ring.position(ring.step(page, count)) == (ring.position(page) + count) % len(ring)


def test_ring_sections():
    """A section has its pages in order, and each page its section."""
    ring = ring_of(SIXTEEN)
    assert ring.pages_of(3) == tuple(canon_id(n, 3) for n in range(5, 9))
    assert [page for section in range(1, 17) for page in ring.pages_of(section)] == list(ring.page_ids)
    assert all(ring.section_of(page) == section for section in range(1, 17) for page in ring.pages_of(section))
    assert ring.pages_of(17) == ()


@pytest.mark.parametrize("ask", [Ring.position, Ring.section_of, Ring.step], ids=lambda f: f.__name__)
@pytest.mark.parametrize("stranger", ["S01-P9999", "", "../etc/passwd", "x" * 1_000])
def test_ring_refuses_unknown_pages(ask, stranger):
    with pytest.raises(UnknownPage) as refusal:
        ask(ring_of([2]), stranger)
    assert repr(stranger[:80]) in str(refusal.value)
    assert len(str(refusal.value)) < 200


def dropped(ring: Ring, *gone: str) -> Ring:
    return Ring([(page, ring.section_of(page)) for page in ring.page_ids if page not in gone])


def test_ring_resolves_dropped_pages():
    ring = dropped(ring_of([3, 2, 3]), "S01-P0003", "S02-P0004", "S03-P0008")
    assert ring.resolve("S01-P0002") == "S01-P0002"
    assert ring.resolve("S01-P0003") == "S02-P0005"
    assert ring.resolve("S02-P0004") == "S02-P0005"
    assert ring.resolve("S03-P0008") == "S01-P0001"


@given(gone=st.sets(st.integers(0, 31), max_size=31))
def test_ring_neighbours_of_dropped_pages(gone: set[int]):
    """Every old page has the neighbours that a walk along the old ring finds."""
    old = ring_of(SIXTEEN)
    now = dropped(old, *(old.page_ids[n % len(old)] for n in gone))

    def walk(page: str, count: int) -> str:
        page = old.step(page, count)
        while page not in now:
            page = old.step(page, count)
        return page

    for page in old.page_ids:
        assert now.after(page) == walk(page, 1)
        assert now.before(page) == walk(page, -1)
        assert now.resolve(page) == (page if page in now else walk(page, 1))


def test_a_ring_of_one_page_leads_to_itself():
    ring = ring_of([1])
    assert ring.step(ring.first, 5) == ring.after(ring.first) == ring.before(ring.first) == ring.first
