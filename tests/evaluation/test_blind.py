"""A blind reading: pairs without names, their key, and the tally of choices."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter

import pytest
from tests.evaluation.answered import answer
from tests.evaluation.books import book_of

from qdpi.errors import InvalidInput
from qdpi.evaluation.blind import Duel, Pair, blind_key, blind_page, pairs_of, reading_id, tally
from qdpi.evaluation.results import results_of
from qdpi.evaluation.schedule import Loci, schedule_presses
from qdpi.evaluation.scoring import CANON, bench_of, score_writer
from qdpi.evaluation.split import split_book

HOSTILE = "</script><script>alert(1)</script> & “quotes”"


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    book = book_of(5)
    split = split_book(book)
    bench = bench_of(book, split)
    presses = schedule_presses(split, 32, 1, Loci.ANY)
    columns = [
        score_writer(bench, "heron-model", [answer(p, f"The first of {p.number}.") for p in presses]),
        score_writer(bench, "osprey-model", [answer(p, f"Of {p.number} the other. {HOSTILE}") for p in presses]),
    ]
    return pairs_of(results_of(bench, columns, 1, "any"), columns, 24, 5)


def test_every_two_writers_meet_alike_often(pairs: list[Pair]):
    """The canon and two writers make three pairs, which occur alike often, each at a locus of its own press."""
    duels = Counter(tuple(sorted((pair.left_by, pair.right_by))) for pair in pairs)
    assert set(duels.values()) == {8}
    assert len(duels) == 3
    assert any(CANON in duel for duel in duels)


def test_sides_are_shuffled(pairs: list[Pair]):
    left = Counter(pair.left_by for pair in pairs)
    assert all(3 < count < 14 for count in left.values())


def test_pages_of_a_pair_answer_the_same_press(pairs: list[Pair]):
    for pair in pairs:
        numbers = [re.search(r"of (\d+)", text, re.IGNORECASE) for text in (pair.left, pair.right)]
        known = {found[1] for found in numbers if found}
        assert len(known) == 1
        assert pair.ends


def test_page_says_nothing_of_who_wrote(pairs: list[Pair]):
    """No name of a writer is in the page, in its text, its attributes or its script."""
    text = blind_page("A Book", pairs)
    for name in ("heron", "osprey", CANON, "left_by", "scripted", "model"):
        assert name not in text
    assert text.count("<fieldset>") == len(pairs)


def test_page_escapes_texts_and_runs_its_own_script_alone(pairs: list[Pair]):
    text = blind_page("A Book </title><script>", pairs)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == text.count("<script") == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert not re.search(r"https?://", text)


def test_key_names_every_side(pairs: list[Pair]):
    key = json.loads(json.dumps(blind_key(pairs)))
    assert key["reading"] == reading_id(pairs)
    assert key["pairs"]["pair-1"] == {"left": pairs[0].left_by, "right": pairs[0].right_by}
    assert len(key["pairs"]) == len(pairs)


KEY = {
    "reading": "r",
    "pairs": {
        "pair-1": {"left": "a", "right": "b"},
        "pair-2": {"left": "b", "right": "a"},
        "pair-3": {"left": "a", "right": "c"},
    },
}


def test_tally_counts_by_writers():
    """Left and right become writers; pairs that were left open are not counted."""
    chosen = {"reading": "r", "choices": {"pair-1": "left", "pair-2": "right", "pair-3": "neither"}}
    assert tally(KEY, chosen) == [Duel("a", "b", 2, 0, 0, 0), Duel("a", "c", 0, 0, 0, 1)]
    assert tally(KEY, {"reading": "r", "choices": {"pair-2": "both"}}) == [Duel("a", "b", 0, 0, 1, 0)]


@pytest.mark.parametrize(
    "exported",
    [
        {},
        {"reading": "another", "choices": {}},
        {"reading": "r", "choices": []},
        {"reading": "r", "choices": {"pair-9": "left"}},
        {"reading": "r", "choices": {"pair-1": "a"}},
        {"reading": "r", "choices": {"pair-1": ["left"]}},
    ],
    ids=str,
)
def test_what_is_no_tally_of_the_reading_is_refused(exported):
    with pytest.raises(InvalidInput):
        tally(KEY, exported)
