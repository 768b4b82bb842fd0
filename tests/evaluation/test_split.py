"""The split of a book: what is pressed on, what is learnt from and what judges."""

from __future__ import annotations

import pytest
from tests.evaluation.books import book_of

from qdpi.canon import own_book
from qdpi.evaluation.split import BLOCK, split_book


@pytest.mark.parametrize("lengths", [(1,), (2,), (3,), (4, 9, 30), (10, 1, 26)], ids=str)
def test_parts_share_no_page_and_leave_none_out(lengths: tuple[int, ...]):
    """Every page of the book is in exactly one of the three parts."""
    book = book_of(*lengths)
    split = split_book(book)
    parts = [page.page_id for part in (split.loci, split.learn, split.judge) for page in part]
    assert sorted(parts) == sorted(page.page_id for page in book.pages)


def test_loci_are_the_last_fifth_of_each_section():
    book = book_of(30, 10)
    split = split_book(book)
    for section in range(1, 17):
        own = [page for page in book.pages if page.section == section]
        assert [page for page in split.loci if page.section == section] == own[-len(own) // 5 :]


def test_halves_take_turns_in_blocks_of_five():
    """Neighbours are in one half: a page of the judge's is next to one that was learnt from at the seams alone."""
    split = split_book(book_of(25))
    places = [page.page_num for page in split.judge if page.section == 1]
    assert places == [*range(6, 11), *range(16, 21)]
    assert BLOCK == 5


def test_short_section_is_in_all_parts():
    split = split_book(book_of(3))
    assert {page.section for page in split.judge} == {page.section for page in split.learn} == set(range(1, 17))
    assert len(split.loci) == len(split.learn) == len(split.judge) == 16


def test_a_section_of_one_page_has_no_voice_to_judge():
    split = split_book(book_of(1, 10))
    assert 0 not in split.voices
    assert "half B has no page of them: an author." in " ".join(split.notes())


def test_small_books_are_said_to_be_small():
    """What a book is too small for is said in a sentence; a large one has none."""
    assert "too small to judge voices well" in " ".join(split_book(own_book()).notes())
    assert "Voices are left out" in " ".join(split_book(book_of(1)).notes())
    assert split_book(book_of(26)).notes() == ()


def test_the_sentence_has_every_number():
    split = split_book(book_of(26))
    for number in (len(split.loci), len(split.learn), len(split.judge), len(split.edition), 16 * 26):
        assert str(number) in split.sentence()
