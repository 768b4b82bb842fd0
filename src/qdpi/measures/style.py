"""The measures of style: voice, shape, lecture, wholeness."""

from __future__ import annotations

from typing import Final

from qdpi.measures.book import ENGLISH, BookStatistics, english_share
from qdpi.measures.lecture import HABITS, lecture_habits
from qdpi.measures.shape import closes_its_quotes, ends_its_last_sentence, mean_paragraph, mean_sentence
from qdpi.measures.stems import has_countable_words
from qdpi.measures.verdict import Measured, Subject, unknown
from qdpi.measures.voices import FEWEST_PAGES
from qdpi.search.text import words

_FEWEST_VOICES: Final = 2


def voice(book: BookStatistics, subject: Subject) -> Measured:
    """Measure how many of the book's other voices are less likely than the page's own to have said it."""
    known, pages = book.voices.characters, book.voices.pages.get(subject.voice, 0)
    if subject.voice not in known:
        return unknown(f"The book has {_pages(pages)} of this voice, and {FEWEST_PAGES} are needed to know it.")
    if len(known) < _FEWEST_VOICES:
        return unknown("The book has no other voice to tell this one from.")
    if not has_countable_words(subject.text):
        return unknown("The words of this script are not parted by spaces, so they cannot be counted.")
    number = None if subject.own_id is None else book.numbers.get(subject.own_id)
    likely = book.voices.likely(subject.text, held_out=None if number is None else book.characters[number])
    if likely is None:
        return unknown("The page has no word that the book knows.")
    own = known.index(subject.voice)
    nearer = int((likely > likely[own]).sum())
    return Measured(
        1 - nearer / (len(known) - 1),
        f"Of the book's {len(known)} voices, {nearer or 'none'} {'is' if nearer <= 1 else 'are'} nearer to the page "
        "than its own.",
        mend="Write as the passages of this voice do: its own words, turns and pace.",
        figures={
            "nearer_voices": nearer,
            "voices": len(known),
            "lead": likely[own] - max(other for number, other in enumerate(likely) if number != own),
        },
    )


def shape(book: BookStatistics, subject: Subject) -> Measured:
    """Measure how near the page's mean paragraph is to the voice's: 1 for the same length, 0.5 for twice or half."""
    pages, mean = book.voices.pages.get(subject.voice, 0), mean_paragraph(subject.text)
    if pages < FEWEST_PAGES:
        return unknown(f"The book has {_pages(pages)} of this voice, and {FEWEST_PAGES} are needed to know its shape.")
    usual = book.paragraphs[subject.voice]
    if not usual or mean is None or not has_countable_words(subject.text):
        return unknown("There are no paragraphs of words to count.")
    return Measured(
        min(mean / usual, usual / mean),
        f"Its paragraphs have {mean:.0f} words each, and this voice's about {usual:.0f}.",
        mend=f"Make the paragraphs {'shorter' if mean > usual else 'longer'}: about {usual:.0f} words each.",
        figures={
            "paragraph_words": mean,
            "voice_paragraph_words": usual,
            "sentence_words": mean_sentence(subject.text) or 0.0,
            "voice_sentence_words": book.sentences[subject.voice],
        },
    )


def lecture(book: BookStatistics, subject: Subject) -> Measured:
    """Measure the share of the known habits of lectures that the page does not have."""
    if english_share(words(subject.text)) < ENGLISH:
        return unknown("The habits of lectures are known in English, and this page is not English prose.")
    habits = lecture_habits(subject.text)
    listed = ", ".join(habits)
    said = f"It has {'a habit' if len(habits) == 1 else 'habits'} of a lecture: it {listed}." if habits else ""
    return Measured(
        1 - len(habits) / len(HABITS),
        said or "It has no habit of a lecture.",
        mend="Tell what happens, and do not explain, advise or speak about the text.",
        figures={"habits": len(habits)},
    )


def wholeness(book: BookStatistics, subject: Subject) -> Measured:
    """Measure whether the last sentence ends and the quotations close: the share of these that the page does."""
    if not subject.text.strip():
        return unknown("The page is empty.")
    ends, closes = ends_its_last_sentence(subject.text), closes_its_quotes(subject.text)
    asked = [ends] if closes is None else [ends, closes]
    faults = (["its last sentence does not end"] if not ends else []) + (
        ["a quotation does not close"] if closes is False else []
    )
    return Measured(
        sum(asked) / len(asked),
        f"On this page {' and '.join(faults)}." if faults else "Its last sentence ends, and its quotations close.",
        mend="End the last sentence, and close every quotation.",
        figures={"ends": ends} | ({} if closes is None else {"closes": closes}),
    )


def _pages(count: int) -> str:
    return "no page" if not count else "one page" if count == 1 else f"{count} pages"
