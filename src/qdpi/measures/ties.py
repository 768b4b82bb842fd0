"""The measures of what ties a page to others: continuity, anchored, answers, bridges."""

from __future__ import annotations

from typing import Final

import numpy as np

from qdpi.measures.book import BookStatistics
from qdpi.measures.stems import has_countable_words
from qdpi.measures.verdict import Measured, Subject, unknown
from qdpi.search.text import terms_of, words

FEWEST_NEIGHBOURS: Final = 20
"""So many pairs of neighbours are needed to say what is usual between them."""
FEWEST_MOTIFS: Final = 2
"""How many motifs of its locus a page takes up that is anchored there."""
LAST_WORDS: Final = 60
"""How many words at the end of a page should lead on to the page that it leads to."""
FEWEST_OTHERS: Final = 2
"""So many other pages of a section are needed to say that one is nearer."""
_EVERYWHERE: Final = 0.3
"""A stem on a larger share of the pages of a book that is not English says nothing about what was asked."""
_FEWEST_PAGES: Final = 8
_NO_WORDS: Final = "The words of this script are not parted by spaces, so they cannot be counted."


def continuity(book: BookStatistics, subject: Subject) -> Measured:
    """Measure the share of neighbours in the book that are less alike than the page and what it goes on from.

    That is its locus, or a text whose matter it carries, where it is more like that.
    """
    if len(book.neighbours) < FEWEST_NEIGHBOURS:
        return unknown(f"The book has {len(book.neighbours)} pairs of neighbours; {FEWEST_NEIGHBOURS} are needed.")
    if not has_countable_words(subject.text):
        return unknown(_NO_WORDS)
    vector, locus = book.stems.vector(words(subject.text)), book.stems.vector(words(subject.locus))
    if not locus.any():
        return unknown("The page that it goes on from has no word that tells what it is about.")
    others = [book.stems.vector(words(text)) for text in subject.matter]
    alike = round(max(float(np.dot(vector, other)) for other in (locus, *others)), 9)
    score = float(np.searchsorted(book.neighbours, alike)) / len(book.neighbours)
    return Measured(
        score,
        f"It keeps to what it goes on from more closely than {score:.0%} of the book's neighbouring pages do.",
        mend="Go on with the matter of the page before: its things, its people, what happens there.",
        figures={"likeness": alike},
    )


def anchored(book: BookStatistics, subject: Subject) -> Measured:
    """Measure the share of its locus's motifs that occur on the page; two are enough, as the threshold says."""
    if len(subject.motifs) < FEWEST_MOTIFS:
        return unknown(f"The page that it goes on from has fewer than {FEWEST_MOTIFS} motifs.")
    if not has_countable_words(subject.text):
        return unknown(_NO_WORDS)
    held = set(terms_of(words(subject.text)))
    taken = [motif for motif in subject.motifs if motif in held]
    return Measured(
        min(1.0, len(taken) / FEWEST_MOTIFS),
        f"It takes up {len(taken)} of the {len(subject.motifs)} motifs of the page that it goes on from"
        f"{': ' + ', '.join(taken) if taken else ''}.",
        mend=f"Take up {FEWEST_MOTIFS} or more of: {', '.join(subject.motifs)}.",
        figures={"motifs": len(subject.motifs), "taken_up": len(taken)},
    )


def answers(book: BookStatistics, subject: Subject) -> Measured:
    """Measure whether a content word of the reader's occurs on the page: 1 or 0."""
    if not subject.asked.strip():
        return unknown("The reader asked for nothing in words.")
    if not (has_countable_words(subject.asked) and has_countable_words(subject.text)):
        return unknown(_NO_WORDS)
    asked = dict.fromkeys(terms_of(words(subject.asked)))
    if not book.is_english:
        if len(book.numbers) < _FEWEST_PAGES:
            return unknown("The book is too short to tell which of the reader's words say what was asked.")
        asked = {stem: None for stem in asked if book.stems.share_with(stem) <= _EVERYWHERE}
    if not asked:
        return unknown("The reader's words have none that says what was asked.")
    held = set(terms_of(words(subject.text)))
    heard = [stem for stem in asked if stem in held]
    return Measured(
        float(bool(heard)),
        f"It takes up the reader's words: {', '.join(heard)}." if heard else "It takes up none of the reader's words.",
        mend="Let the page take up what its reader asked.",
        figures={"asked": len(asked), "heard": len(heard)},
    )


def bridges(book: BookStatistics, subject: Subject) -> Measured:
    """Measure the share of a section's pages that the page's end is less like than the page that it leads to.

    Half is chance. Ties count half. Neither its locus nor the page itself is among them.
    """
    if subject.leads_to is None or subject.leads_to not in book.numbers:
        return unknown("It leads to no page of the book.")
    if not has_countable_words(subject.text):
        return unknown(_NO_WORDS)
    to = book.numbers[subject.leads_to]
    away = {to, book.numbers.get(subject.locus_id or ""), book.numbers.get(subject.own_id or "")}
    others = [number for number in book.pages_of(book.characters[to]) if number not in away]
    end = book.stems.vector(words(subject.text)[-LAST_WORDS:])
    if len(others) < FEWEST_OTHERS or not end.any():
        return unknown("There are too few pages, or too few of the book's words, to say where its end leads.")
    likenesses = book.stems.likenesses(end)
    own, rest = likenesses[to], likenesses[others]
    score = float((own > rest).mean() + 0.5 * (own == rest).mean())
    return Measured(
        score,
        f"Its end is nearer to the page that it leads to than to {score:.0%} of the other pages there.",
        mend="Let the end come nearer to the page that follows.",
        figures={"others": len(others)},
    )
