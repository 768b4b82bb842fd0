"""The properties of a page, measured from outside of the product: no check of the program is asked. Pure.

Each was chosen because the pages of a novel and other texts differ in it; docs/evaluation.md has the definitions. A
property that cannot be known of a page is None.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple, TypeAlias

from qdpi.canon.book import Book, CanonPage
from qdpi.evaluation.judge import spaced
from qdpi.measures.checks import Thresholds, calibrate, check_form
from qdpi.measures.lecture import FEWEST_HABITS, lecture_habits
from qdpi.measures.shape import mean_paragraph
from qdpi.measures.ties import FEWEST_MOTIFS, LAST_WORDS
from qdpi.page_schema import Reading
from qdpi.search.analysis import read_text
from qdpi.search.ngrams import CanonGrams
from qdpi.search.text import FUNCTION_WORDS, terms_of, words

ENGLISH: Final = 0.25
"""With a smaller share of English function words a book is in another language; novels have 0.4 to 0.6."""
MOST_RANKED: Final = 200
"""How many pages of a section an end is ranked among."""
MOST_PAIRS: Final = 2_000
"""How many neighbours of the book a page and its locus are ranked among."""
_CLOSING: Final = "\"'”’)]*_»"


Vector: TypeAlias = Mapping[str, float]
"""The weights of a text's content stems."""


@dataclass(frozen=True, slots=True)
class PageToMeasure:
    """A page with what it answers to. `leads_to` is the canon page that it leads to, None where there is none.

    `is_canon` is whether the text itself is a page of the book.
    """

    text: str
    voice: int
    locus: CanonPage
    leads_to: CanonPage | None = None
    words: str = ""
    is_canon: bool = False


class Property(NamedTuple):
    """A property: its name in JSON, in a table, its meaning, and whether more or less of it is wanted."""

    name: str
    title: str
    meaning: str
    wanted: str
    measure: Callable[[Ground, PageToMeasure], float | None]


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What pages are measured against: the whole book, both halves.

    `sections` has at most 200 pages a section, evenly spaced, beside which a page is ranked. `paragraphs` is the
    median of each voice's mean paragraphs, in words. `is_english` is whether the book seems to be. `neighbours` are
    likenesses of pages to the ones before, sorted.
    """

    thresholds: Thresholds
    grams: CanonGrams
    rarity: Mapping[str, float]
    sections: Mapping[int, Sequence[CanonPage]]
    paragraphs: Mapping[int, float]
    is_english: bool
    neighbours: Sequence[float] = ()
    _readings: dict[str, Reading] = field(default_factory=dict)
    _vectors: dict[str, Vector] = field(default_factory=dict)

    def reading(self, page: CanonPage) -> Reading:
        """Return a page's reading, computed once."""
        if page.page_id not in self._readings:
            self._readings[page.page_id] = read_text(page.text)
        return self._readings[page.page_id]

    def page_vector(self, page: CanonPage) -> Vector:
        """Return a page's vector, computed once."""
        if page.page_id not in self._vectors:
            self._vectors[page.page_id] = self.vector(page.text)
        return self._vectors[page.page_id]

    def vector(self, text: str) -> Vector:
        """Return a text's content stems, weighed by their rarity in the book, as a vector of length 1."""
        counts = Counter(terms_of(words(text)))
        weighed = {
            stem: (1 + math.log(count)) * self.rarity[stem] for stem, count in counts.items() if stem in self.rarity
        }
        length = math.sqrt(math.fsum(value * value for value in weighed.values()))
        return {stem: value / length for stem, value in weighed.items()} if length else {}


def ground_of(book: Book) -> Ground:
    """Return what pages are measured against, from every page of the book."""
    sections = defaultdict[int, list[CanonPage]](list)
    for page in book.pages:
        sections[page.character].append(page)
    grams = CanonGrams.build([page.text for page in book.pages])
    ground = Ground(
        thresholds=calibrate([page.text for page in book.pages], grams),
        grams=grams,
        rarity=_rarity(book.pages),
        sections={character: spaced(pages, MOST_RANKED) for character, pages in sections.items()},
        is_english=_is_english(book.pages),
        paragraphs={c: median(mean_paragraph(page.text) or 0.0 for page in pages) for c, pages in sections.items()},
    )
    pairs = spaced([pair for pages in sections.values() for pair in pairwise(pages)], MOST_PAIRS)
    likenesses = sorted(likeness(ground.page_vector(a), ground.page_vector(b)) for a, b in pairs)
    return replace(ground, neighbours=likenesses)


def _is_english(pages: Sequence[CanonPage]) -> bool:
    known = [word in FUNCTION_WORDS for page in spaced(pages, MOST_RANKED) for word in words(page.text)]
    return sum(known) >= ENGLISH * len(known)


def _rarity(pages: Sequence[CanonPage]) -> dict[str, float]:
    counts = Counter(stem for page in pages for stem in set(terms_of(words(page.text))))
    return {stem: math.log((1 + len(pages)) / (1 + count)) + 1 for stem, count in counts.items()}


def _name_words(entities: Sequence[str]) -> frozenset[str]:
    return frozenset(word for name in entities for word in words(name) if len(word) > 2)


def likeness(a: Vector, b: Vector) -> float:
    """Return the cosine of two vectors of length 1."""
    small, large = (a, b) if len(a) < len(b) else (b, a)
    return math.fsum(value * large.get(stem, 0.0) for stem, value in small.items())


def form(ground: Ground, page: PageToMeasure) -> float:
    """Return 1 for prose of the book's form: length, repetition, noise."""
    return float(not check_form(page.text, ground.thresholds, ground.grams, held_out=page.is_canon).reasons)


def copied(ground: Ground, page: PageToMeasure) -> float | None:
    """Return the share of the page's runs of eight words that the book has."""
    flags = ground.grams.copied(words(page.text), held_out=page.is_canon)
    return float(flags.mean()) if len(flags) else None


def lectures(ground: Ground, page: PageToMeasure) -> float | None:
    """Return 1 for a page with the habits of essays about a text, of advice, or of an assistant.

    None where the book is not in English, as the habits are.
    """
    if not ground.is_english:
        return None
    return float(len(lecture_habits(page.text)) >= FEWEST_HABITS)


def names(ground: Ground, page: PageToMeasure) -> float | None:
    """Return 1 for a page with a name of its locus, None where the locus has no names."""
    known = _name_words(ground.reading(page.locus).entities)
    return float(not known.isdisjoint(words(page.text))) if known else None


def anchored(ground: Ground, page: PageToMeasure) -> float | None:
    """Return 1 for a page with two or more motifs of its locus, None where the locus has fewer."""
    motifs = ground.reading(page.locus).motifs
    if len(motifs) < FEWEST_MOTIFS:
        return None
    return float(len(set(motifs).intersection(terms_of(words(page.text)))) >= FEWEST_MOTIFS)


def answers(ground: Ground, page: PageToMeasure) -> float | None:
    """Return 1 for a page with a content word of the reader's words, None where there were none."""
    asked = set(terms_of(words(page.words)))
    return float(not asked.isdisjoint(terms_of(words(page.text)))) if asked else None


def bridges(ground: Ground, page: PageToMeasure) -> float | None:
    """Return the share of the section's pages that the page's end is less like than the page that it leads to.

    Half is chance. Ties count half. None for a page that leads nowhere, or without words of the book at its end.
    """
    if page.leads_to is None:
        return None
    end = ground.vector(" ".join(words(page.text)[-LAST_WORDS:]))
    away = {page.leads_to.page_id, page.locus.page_id}
    others = [p for p in ground.sections[page.leads_to.character] if p.page_id not in away and p.text != page.text]
    if not end or not others:
        return None
    own = likeness(end, ground.page_vector(page.leads_to))
    rest = [likeness(end, ground.page_vector(other)) for other in others]
    return sum((own > each) + 0.5 * (own == each) for each in rest) / len(rest)


def shaped(ground: Ground, page: PageToMeasure) -> float | None:
    """Return 1 where the mean paragraph is at least half and at most twice as long as the voice's median."""
    usual, mean = ground.paragraphs.get(page.voice), mean_paragraph(page.text)
    if not usual or mean is None:
        return None
    return float(usual / 2 <= mean <= usual * 2)


def ends(ground: Ground, page: PageToMeasure) -> float:
    """Return 1 for a page whose last sentence ends."""
    return float(page.text.rstrip().rstrip(_CLOSING)[-1:] in {".", "!", "?", "…", "—", "–"})


def closes(ground: Ground, page: PageToMeasure) -> float | None:
    """Return 1 for a page that closes every quotation it opens, None for a page without quotation marks."""
    counted = Counter(mark for mark in page.text if mark in '“”"')
    if not counted:
        return None
    return float(counted["“"] == counted["”"] and counted['"'] % 2 == 0)


def continuity(ground: Ground, page: PageToMeasure) -> float | None:
    """Return the share of neighbours in the book that are less alike than the page and its locus."""
    if not ground.neighbours:
        return None
    like = likeness(ground.vector(page.text), ground.page_vector(page.locus))
    return bisect_left(ground.neighbours, like) / len(ground.neighbours)


PROPERTIES: Final = (
    Property("form", "form", "prose of the book's form: length, repetition, noise", "more", form),
    Property("copied", "copied", "runs of eight words that the book has", "less", copied),
    Property("lectures", "lectures", "talks as an essay, as advice or as an assistant", "less", lectures),
    Property("names", "names", "has a name of its locus", "more", names),
    Property("anchored", "anchored", "has two motifs or more of its locus", "more", anchored),
    Property("answers", "answers", "has a content word of the reader's words; asked pages alone", "more", answers),
    Property(
        "bridges", "bridges", "its end is nearer to where it leads than others are; .5 is chance", "more", bridges
    ),
    Property("shaped", "paragraphs", "its paragraphs are about as long as the voice's", "more", shaped),
    Property("ends", "ends", "its last sentence ends", "more", ends),
    Property("closes", "quotes close", "closes the quotations it opens", "more", closes),
    Property("continuity", "continuity", "how like its locus, beside neighbours in the book", "more", continuity),
)
"""Every property of one page, in the order of the table."""


def measure(ground: Ground, page: PageToMeasure) -> dict[str, float | None]:
    """Return every property of a page, by name."""
    return {each.name: each.measure(ground, page) for each in PROPERTIES}
