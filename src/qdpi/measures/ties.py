"""The measures of what ties a page to others and to what was wanted: continuity, anchored, answers, bridges, plan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from qdpi.measures.book import BookStatistics
from qdpi.measures.stems import has_countable_words
from qdpi.measures.verdict import Measured, Planned, Subject, unknown
from qdpi.search.text import first_words, terms_of, words

FEWEST_NEIGHBOURS: Final = 20
"""So many pairs of neighbours are needed to say what is usual between them."""
FEWEST_MOTIFS: Final = 2
"""How many motifs of its locus a page takes up that is anchored there."""
LAST_WORDS: Final = 60
"""How many words at the end of a page should lead on to the page that it leads to."""
FEWEST_OTHERS: Final = 2
"""So many other pages of a section are needed to say that one is nearer."""
FOUND_SHARE: Final = 1 / 3
"""A line of a plan is on the page where this share of its content words is: prose says little in a plan's words."""
FEWEST_DRAWN: Final = 2
"""So many words of a passage, none of them its locus's, are on a page that draws on it."""
FEWEST_PLANNED: Final = 2
"""Of a plan of fewer things nothing can be said: what answers no request for a plan is often one line."""
_QUOTED_WORDS: Final = 12
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
    asked = book.telling(subject.asked)
    if asked is None:
        return unknown("The book is too short to tell which of the reader's words say what was asked.")
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


def plan(book: BookStatistics, subject: Subject) -> Measured:
    """Measure the share of a plan that is on the page: its beats, its question, its edges, the passages that it uses.

    Edges are looked for at the end of the page. What has no word to look for is not counted.
    """
    if subject.planned is None:
        return unknown("No model made a plan of the page.")
    if not has_countable_words(subject.text):
        return unknown(_NO_WORDS)
    found = dict(_found(book, subject, subject.planned))
    if len(found) < FEWEST_PLANNED:
        return unknown(f"The plan has fewer than {FEWEST_PLANNED} things that can be looked for.")
    missed = "; ".join(line for line, is_there in found.items() if not is_there)
    kept = sum(found.values())
    return Measured(
        kept / len(found),
        f"The page has {kept} of the {len(found)} things that were planned.{f' It lacks: {missed}.' if missed else ''}",
        mend="Let what was planned happen on the page.",
        figures={"planned": len(found), "kept": kept},
    )


def _found(book: BookStatistics, subject: Subject, planned: Planned) -> Iterator[tuple[str, bool]]:
    """Yield what was planned, as a sentence names it, and whether it is there."""
    page = words(subject.text)
    held, at_end = frozenset(terms_of(page)), frozenset(terms_of(page[-LAST_WORDS:]))
    lines = [("", beat, held) for beat in planned.beats]
    lines += [("an answer to ", planned.answers, held)] if planned.answers else []
    lines += [("at its end ", edge, at_end) for edge in planned.edges]
    for what, line, among in lines:
        if wanted := book.telling(line):
            yield f"{what}“{_quoted(line)}”", _count(wanted, among) >= math.ceil(FOUND_SHARE * len(wanted))
    known = frozenset(terms_of(words(subject.locus)))
    for passage in planned.uses:
        own = [stem for stem in book.telling(passage) or () if stem not in known]
        if len(own) >= FEWEST_DRAWN:
            yield f"matter of the passage “{_quoted(passage)}”", _count(own, held) >= FEWEST_DRAWN


def _quoted(line: str) -> str:
    return first_words(line, _QUOTED_WORDS).rstrip(".")


def _count(wanted: Iterable[str], among: frozenset[str]) -> int:
    return sum(stem in among for stem in wanted)
