"""A reader who presses symbols through a book, without wishes and words."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from tests.support.journeys import Reader

from qdpi.canon import own_book
from qdpi.canon.edition import Edition
from qdpi.canon.revision import edition_of
from qdpi.symbols import Trajectory, profile_of


@pytest.fixture(scope="module")
def edition() -> Edition:
    return edition_of(own_book())


def reader_of(edition: Edition) -> Reader:
    def read(page: str):
        # Without a text, a generated page has the reading of its return.
        return edition.readings[
            page if page in edition.ring else reader.ring.resolve(reader.pages[page].return_to or "")
        ]

    reader = Reader(edition.ring, readings=read)
    return reader


@pytest.mark.parametrize("seed", range(5))
def test_all_trajectories_occur(edition, seed):
    """All four trajectories occur in a few hundred presses."""
    reader, chance = reader_of(edition), random.Random(seed)
    page, given = edition.ring.first, Counter[Trajectory]()
    for _ in range(300):
        if chance.random() < 0.4:
            page = edition.ring.step(page)
            given[reader.press(chance.randrange(256), page).verdict.given] += 1
        else:
            given[reader.press(chance.randrange(256)).verdict.given] += 1
    assert set(given) == set(Trajectory), given


def test_every_branch_is_closed(edition):
    """A reader who presses every symbol in turn comes back from every branch."""
    reader = reader_of(edition)
    given = Counter(reader.press(symbol).verdict.given for symbol in range(256))
    assert given[Trajectory.FORK] == reader.state.departures > 0
    assert given[Trajectory.LOOP] >= reader.state.returns == reader.state.departures - len(reader.state.branches)


@pytest.mark.parametrize(
    ("provenance", "expected"),
    [
        ("C", {Trajectory.CONTINUE, Trajectory.LOOP}),
        ("P", {Trajectory.CONTINUE, Trajectory.LOOP, Trajectory.FORK}),
        ("U", {Trajectory.CONTINUE, Trajectory.LOOP}),
        ("S", set(Trajectory)),
    ],
)
def test_each_provenance_alone(edition, provenance, expected):
    reader = reader_of(edition)
    symbols = [symbol for symbol in range(256) if profile_of(symbol).provenance == provenance]
    given = {reader.press(symbol).verdict.given for symbol in symbols}
    assert given == expected
