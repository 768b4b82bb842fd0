"""The schedule: which symbols are pressed where, and with which words."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.evaluation.books import book_of

from qdpi.canon import own_book
from qdpi.evaluation.edition import edition_pages
from qdpi.evaluation.schedule import ASKS, Loci, schedule_presses
from qdpi.evaluation.split import split_book
from qdpi.symbols import decode_symbol

SPLIT = split_book(book_of(15))


def test_rounds_have_every_voice_behaviour_and_section_once():
    """Of sixteen presses in a row every voice, every behaviour and every section occurs once."""
    presses = schedule_presses(SPLIT, 64, 1, Loci.ANY)
    for turn in range(4):
        voices, behaviors = zip(
            *(decode_symbol(p.symbol_code) for p in presses[16 * turn : 16 * turn + 16]), strict=True
        )
        assert sorted(voices) == sorted(behaviors) == list(range(16))
        assert len({press.locus[:3] for press in presses[16 * turn : 16 * turn + 16]}) == 16


def test_256_presses_are_all_symbols():
    assert len({press.symbol_code for press in schedule_presses(SPLIT, 256, 7, Loci.ANY)}) == 256


@pytest.mark.parametrize("book", [own_book(), book_of(1), book_of(15)], ids=lambda book: str(len(book.pages)))
def test_loci_are_held_out_pages(book):
    """Every press is made on a page that nobody learns from, under its id in the edition."""
    split = split_book(book)
    pages = edition_pages(split)
    assert {pages[press.locus] for press in schedule_presses(split, 64, 3, Loci.ANY)} <= set(split.loci)


def test_own_loci_are_of_the_voices_sections():
    for press in schedule_presses(SPLIT, 32, 1, Loci.OWN):
        assert press.locus.startswith(f"S{decode_symbol(press.symbol_code)[0] + 1:02}-")


def test_half_of_the_presses_of_every_voice_have_words():
    presses = schedule_presses(SPLIT, 64, 1, Loci.ANY)
    worded = Counter(decode_symbol(press.symbol_code)[0] for press in presses if press.words)
    assert set(worded.values()) == {2}
    assert {press.words for press in presses} - {""} <= set(ASKS)
    assert len({press.words for press in presses if press.words}) > 12


def test_a_longer_plan_begins_with_the_shorter_one():
    assert schedule_presses(SPLIT, 200, 5, Loci.ANY)[:40] == schedule_presses(SPLIT, 40, 5, Loci.ANY)


def test_a_seed_is_a_plan():
    assert schedule_presses(SPLIT, 40, 5, Loci.ANY) != schedule_presses(SPLIT, 40, 6, Loci.ANY)


def test_without_asks_nobody_asks():
    assert {press.words for press in schedule_presses(SPLIT, 40, 5, Loci.ANY, ())} == {""}
