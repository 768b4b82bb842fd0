"""Scoring: every page of every writer, of the canon and of chance, by the judge and by the properties. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from qdpi.canon.book import Book, CanonPage
from qdpi.evaluation.answers import Answer
from qdpi.evaluation.edition import edition_pages
from qdpi.evaluation.judge import VoiceJudge, names_in, told_apart
from qdpi.evaluation.properties import Ground, PageToMeasure, ground_of, measure
from qdpi.evaluation.schedule import ASKS, VOICES
from qdpi.evaluation.split import Split
from qdpi.symbols import CHARACTER_NAMES, decode_symbol, profile_of

CANON: Final = "held-out canon"
CHANCE: Final = "chance"
FEWEST_TOLD_APART: Final = 32
"""With fewer pages a classifier of behaviours has two examples of each at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What a book gives to score pages with. `own` judges by half B, `both` by halves A and B."""

    book: Book
    split: Split
    ground: Ground
    own: VoiceJudge | None
    both: VoiceJudge | None
    pages: Mapping[str, CanonPage]
    """The pages of the edition by their ids there."""

    @property
    def following(self) -> dict[str, CanonPage]:
        """The page after each page of the book, round the ring, by the id of the page before it."""
        ring = self.book.pages
        return {page.page_id: after for page, after in zip(ring, (*ring[1:], ring[0]), strict=True)}


@dataclass(frozen=True, slots=True)
class ScoredPage:
    """A page with its figures by name; None for what cannot be known of it.

    `heard` is the voice that the judge thinks it is, None where it does not know the one that was asked for. `answer`
    is None for a page of the canon.
    """

    page: PageToMeasure
    figures: Mapping[str, float | None]
    heard: int | None = None
    answer: Answer | None = None

    @property
    def voice(self) -> int:
        """The voice that was asked for."""
        return self.page.voice


@dataclass(frozen=True, slots=True)
class Column:
    """The scored pages of one writer, of the held-out canon or of chance; and what was told apart, a value a page."""

    name: str
    kind: str
    pages: Sequence[ScoredPage]
    failures: Sequence[Answer] = ()
    apart: Mapping[str, Sequence[bool]] = field(default_factory=dict)


def bench_of(book: Book, split: Split) -> Bench:
    """Return what pages are scored with; takes a few seconds for a novel."""
    names = names_in(page.text for page in book.pages)

    def judge_of(pages: Iterable[CanonPage]) -> VoiceJudge | None:
        return VoiceJudge.train([(page.text, page.character) for page in pages], names)

    both = [*split.learn, *split.judge]
    return Bench(book, split, ground_of(book), judge_of(split.judge), judge_of(both), edition_pages(split))


def score_writer(bench: Bench, name: str, answers: Iterable[Answer]) -> Column:
    """Return the column of a writer."""
    given = list(answers)
    written = [answer for answer in given if not answer.failed]
    pages = _scored(bench, [(page_of(bench, answer), answer) for answer in written])
    return Column(name, "writer", pages, [a for a in given if a.failed], behaviors_told_apart(written))


def page_of(bench: Bench, answer: Answer) -> PageToMeasure:
    """Return an answer as a page to measure. Raises `KeyError` for a locus that the edition does not have."""
    voice, _ = decode_symbol(answer.symbol_code)
    return PageToMeasure(
        answer.text, voice, bench.pages[answer.locus], bench.pages.get(_destination(answer)), answer.words
    )


def _destination(answer: Answer) -> str:
    """Return the id of the page that a page leads to, "" where it leads nowhere."""
    forks = answer.edges.get("forks") or ()
    found = (*forks, answer.edges.get("loop_back_to"), answer.edges.get("next_within"))
    return next((page_id for page_id in found if page_id), "")


def score_canon(bench: Bench, presses: int, seed: int) -> Column:
    """Return the column of the canon's own pages: held-out ones after their true loci, voices alike in number."""
    return Column(CANON, "canon", _scored(bench, [(page, None) for page in _held_out(bench, presses, seed)]))


def score_chance(bench: Bench, presses: int, seed: int) -> Column:
    """Return the column of chance: held-out pages of other sections, in the place of the true ones."""
    true = _held_out(bench, presses, seed)
    chance = random.Random(seed)  # noqa: S311 (a baseline, not a secret)
    pages = []
    for page in true:
        others = [other.text for other in true if other.voice != page.voice]
        if others:
            pages.append(replace(page, text=chance.choice(others), words=chance.choice(ASKS)))
    return Column(CHANCE, "chance", _scored(bench, [(page, None) for page in pages]))


def _held_out(bench: Bench, presses: int, seed: int) -> list[PageToMeasure]:
    chance = random.Random(seed)  # noqa: S311 (a baseline, not a secret)
    each = max(1, -(-presses // VOICES))
    ring = bench.book.pages
    places = {page.page_id: place for place, page in enumerate(ring)}
    found = []
    for character in CHARACTER_NAMES:
        own = [page for page in bench.split.loci if page.character == character]
        for page in sorted(chance.sample(own, min(each, len(own))), key=lambda each: each.page_num):
            place = places[page.page_id]
            after = ring[(place + 1) % len(ring)]
            found.append(PageToMeasure(page.text, character, ring[place - 1], after, is_canon=True))
    return found


def _scored(bench: Bench, pages: Sequence[tuple[PageToMeasure, Answer | None]]) -> list[ScoredPage]:
    texts = [page.text for page, _ in pages]
    own = bench.own.ranking(texts) if bench.own else [()] * len(texts)
    both = bench.both.ranking(texts) if bench.both else [()] * len(texts)
    return [
        ScoredPage(
            page,
            {
                **_hits("voice", page.voice, by_own),
                **_hits("voice_ab", page.voice, by_both),
                **measure(bench.ground, page),
            }
            | _outcome(answer),
            by_own[0] if page.voice in by_own else None,
            answer,
        )
        for (page, answer), by_own, by_both in zip(pages, own, both, strict=True)
    ]


def _hits(name: str, voice: int, ranking: tuple[int, ...]) -> dict[str, float | None]:
    known = voice in ranking
    return {f"{name}_{most}": float(voice in ranking[:most]) if known else None for most in (1, 3)}


def _outcome(answer: Answer | None) -> dict[str, float | None]:
    """Return what the product itself says of a page, and what the page cost."""
    if answer is None:
        return dict.fromkeys(("passed", "reworked", "cut"))
    reasons = [call.get("finish_reason") for call in answer.calls]
    return {
        "passed": float(bool(answer.validation.get("passed"))),
        "reworked": float(bool(answer.validation.get("reworked"))),
        "cut": float("length" in reasons) if any(reasons) else None,
    }


def behaviors_told_apart(answers: Sequence[Answer]) -> dict[str, list[bool]]:
    """Return for each page whether its behaviour, its orientation and its provenance are found from the text alone.

    Empty for fewer than 32 pages.
    """
    if len(answers) < FEWEST_TOLD_APART:
        return {}
    mixed = random.Random(len(answers)).sample(list(answers), len(answers))  # noqa: S311 (an order without a pattern)
    texts = [answer.text.lower() for answer in mixed]
    profiles = [profile_of(answer.symbol_code) for answer in mixed]
    labels = {
        "behaviors": [profile.behavior for profile in profiles],
        "orientations": [ord(profile.orientation.value) for profile in profiles],
        "provenances": [ord(profile.provenance.value) for profile in profiles],
    }
    return told_apart(texts, labels)
