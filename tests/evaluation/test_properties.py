"""The properties of pages: each says of plain examples what its name says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.evaluation.books import book_of

from qdpi.canon import own_book
from qdpi.evaluation.properties import PROPERTIES, Ground, PageToMeasure, ground_of, measure
from qdpi.measures.lecture import lecture_habits

BOOK = own_book()
LOCUS, NEXT, AFTER = BOOK.pages[0], BOOK.pages[1], BOOK.pages[2]


@pytest.fixture(scope="module")
def ground() -> Ground:
    return ground_of(BOOK)


def measured(ground: Ground, text: str, name: str, **changes: Any) -> float | None:
    page = PageToMeasure(text, LOCUS.character, LOCUS, NEXT, "Who left the lantern on the stairs?")
    return measure(ground, replace(page, **changes))[name]


def test_the_books_own_next_page_has_every_virtue(ground: Ground):
    page = PageToMeasure(NEXT.text, NEXT.character, LOCUS, AFTER, is_canon=True)
    found = measure(ground, page)
    assert found["form"] == found["shaped"] == found["ends"] == 1.0
    assert found["copied"] == found["lectures"] == 0.0
    assert found["answers"] is None
    assert (found["continuity"] or 0) > 0.1


def test_loops_and_scraps_have_no_form(ground: Ground):
    assert measured(ground, "Too short.", "form") == 0.0
    assert measured(ground, "The same sentence came again. " * 40, "form") == 0.0


def test_copies_are_counted_by_the_share_of_the_page(ground: Ground):
    """A page of the book given back is a copy; half of it is half a copy."""
    assert measured(ground, NEXT.text, "copied") == 1.0
    other = " ".join(f"word{number}" for number in range(len(NEXT.text.split())))
    assert measured(ground, f"{NEXT.text} {other}", "copied") == pytest.approx(0.5, abs=0.06)
    assert measured(ground, other, "copied") == 0.0
    assert measured(ground, "A few words.", "copied") is None


def test_names_and_motifs_of_the_locus_are_found(ground: Ground):
    motifs = ground.reading(LOCUS).motifs
    known = next(page for page in BOOK.pages if ground.reading(page).entities)
    nameless = replace(LOCUS, page_id="S99-P9999", text="it was late, and nobody was there.")
    name = ground.reading(known).entities[0]
    assert measured(ground, f"Then {name} came in.", "names", locus=known) == 1.0
    assert measured(ground, "Then nobody came in.", "names", locus=known) == 0.0
    assert measured(ground, "Then nobody came in.", "names", locus=nameless) is None
    assert measured(ground, f"The {motifs[0]} and the {motifs[1]}.", "anchored") == 1.0
    assert measured(ground, f"The {motifs[0]} alone.", "anchored") == 0.0


def test_answers_take_up_a_content_word_of_the_readers_words(ground: Ground):
    assert measured(ground, "There were lanterns everywhere.", "answers") == 1.0
    assert measured(ground, "Who was it, and where did they go?", "answers") == 0.0
    assert measured(ground, "There were lanterns.", "answers", words="") is None
    assert measured(ground, "There were lanterns.", "answers", words="Who was it?") is None


def test_bridges_end_near_to_where_they_lead(ground: Ground):
    """The end of a page counts, beside the other pages of the section that it leads to."""
    start = "Nothing of this is anywhere. " * 30
    assert measured(ground, start + " ".join(AFTER.text.split()[:60]), "bridges", leads_to=AFTER) == 1.0
    assert measured(ground, "Zzz qqq.", "bridges") is None
    assert measured(ground, NEXT.text, "bridges", leads_to=None) is None


def test_paragraphs_are_held_against_the_voices(ground: Ground):
    usual = round(ground.paragraphs[LOCUS.character])
    assert measured(ground, "\n\n".join(["word " * usual] * 3), "shaped") == 1.0
    assert measured(ground, "word " * usual * 3, "shaped") == 0.0
    assert measured(ground, "", "shaped") is None


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("It is over.", 1.0),
        ("“It is over.”", 1.0),
        ("Is it?)", 1.0),
        ("And then the", 0.0),
        ("“And then,”", 0.0),
        ("", 0.0),
    ],
)
def test_last_sentences_end(ground: Ground, text: str, ends: float):
    assert measured(ground, text, "ends") == ends


@pytest.mark.parametrize(
    ("text", "closes"),
    [
        ("“Yes,” he said.", 1.0),
        ('"Yes," he said.', 1.0),
        ("“Yes, he said.", 0.0),
        ('"Yes, he said.', 0.0),
        ("Yes.", None),
    ],
)
def test_quotations_close(ground: Ground, text: str, closes: float | None):
    assert measured(ground, text, "closes") == closes


def test_continuity_ranks_among_neighbours(ground: Ground):
    same, other = measured(ground, LOCUS.text, "continuity"), measured(ground, "Zzz qqq.", "continuity")
    assert same == 1.0
    assert other == 0.0


def test_a_book_of_single_pages_has_no_neighbours():
    """What cannot be known on a small book is None, not a guess."""
    book = book_of(1)
    page = PageToMeasure("It was a page.", 0, book.pages[0], book.pages[1])
    found = measure(ground_of(book), page)
    assert found["continuity"] is None
    assert found["bridges"] is None


def test_lectures_are_not_known_in_other_languages():
    """The habits are English words: of a book in another language nothing is said."""
    book = book_of(4)
    text = "Dann kam der Mond, und niemand war da; es ist wichtig, das zu sagen, sagte der Alte zu den anderen."
    german = replace(book, pages=tuple(replace(page, text=text) for page in book.pages))
    page = PageToMeasure(LECTURES[0], 0, german.pages[0])
    assert measure(ground_of(german), page)["lectures"] is None
    assert measure(ground_of(book), replace(page, locus=book.pages[0]))["lectures"] == 1.0


def test_properties_have_names_of_their_own():
    assert len({each.name for each in PROPERTIES}) == len({each.title for each in PROPERTIES}) == len(PROPERTIES)


LECTURES = (
    "You're right, this is a classic example of how people who write use a symbol.",
    "In conclusion, the passage suggests that we must all find what makes us whole.",
    "The reader is invited in. This highlights the ability to change.",
    "Here are some ways to improve your story: first, it's important to listen.",
    "It is more than just a game; it is a tapestry of your dreams when it comes to life.",
    "It’s important to note that in this world nothing is simple.",
)


@pytest.mark.parametrize("text", LECTURES)
def test_lectures_are_heard(ground: Ground, text: str):
    assert measured(ground, text, "lectures") == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "You're right, said the keeper, and put the lamp down.",
        "It was not just raining; it poured.",
        "The reader at the next desk turned a page.",
    ],
)
def test_one_such_phrase_is_no_lecture(ground: Ground, text: str):
    assert len(lecture_habits(text)) == 1
    assert measured(ground, text, "lectures") == 0.0


def test_the_books_own_pages_do_not_lecture():
    lecturing = [page.page_id for page in BOOK.pages if len(lecture_habits(page.text)) > 1]
    assert lecturing == []
