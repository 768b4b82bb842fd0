"""How drafts of a page are judged while it is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qdpi.canon.edition import Edition
from qdpi.measures.verdict import Subject
from qdpi.program.guide import appeal_of, guide_to

LECTURE = "In conclusion, it's important to note that the reader of this text may learn a great deal from the passage."


@pytest.fixture(scope="module")
def page(edition: Edition) -> Subject:
    """A page of the book as if a model had to write it."""
    locus = edition.pages[edition.ring.first]
    own = edition.pages[edition.ring.after(locus.page_id)]
    return Subject(text=own.text, voice=own.char_hex, locus=locus.text, locus_id=locus.page_id)


def test_lecture_is_worth_less_than_the_same_page_without_it(edition: Edition, page: Subject) -> None:
    judge = appeal_of(edition.measures, page)
    assert judge(page.text).score > judge(f"{page.text}\n\n{LECTURE}").score


def test_one_habit_of_a_lecture_is_never_good_enough(edition: Edition, page: Subject) -> None:
    """The whole page may have one; what begins so goes on so."""
    assert not appeal_of(edition.measures, page)(f"{page.text} {LECTURE}").is_enough


def test_draft_that_takes_up_the_readers_words_is_worth_more(edition: Edition, page: Subject) -> None:
    judge = appeal_of(edition.measures, replace(page, asked="Who lit the samovar?"))
    assert judge(f"{page.text} The samovar was warm.").score > judge(f"{page.text} The cupboard was warm.").score


def test_marks_of_a_chat_are_refused(edition: Edition, page: Subject) -> None:
    judge = appeal_of(edition.measures, page)
    assert judge(page.text).score > judge(f"{page.text}<|eot|>").score + 1


def test_short_beginning_is_not_refused_for_its_form(edition: Edition, page: Subject) -> None:
    """A sentence has fewer words than a page; its form says nothing yet."""
    judge = appeal_of(edition.measures, page)
    capitals = "THE LAMP WAS LIT."
    assert judge(capitals).score == pytest.approx(judge(capitals.lower().capitalize()).score, abs=0.5)
    assert judge(f"{capitals} " * 20).score < judge(capitals).score


def test_guide_has_the_voices_own_shape_within_bounds(edition: Edition, page: Subject) -> None:
    guide = guide_to(edition, page.voice, {"lamp": 1.0}, page)
    assert guide.paragraph_words == edition.cards[page.voice].paragraph_words
    assert 110 <= guide.page_words <= 200
    assert guide.words == {"lamp": 1.0}
