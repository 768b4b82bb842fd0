"""The measures of a page: what a book's own pages pass, what is found of planted faults, and milliseconds a page.

The faults are made of the book: an essay's or an assistant's paragraph in the middle of a page, the page before word
for word, a run of words over and over, another voice's page, a page about something else, an ask that nothing answers.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.harness import book_in, summary
from qdpi.canon import read_book
from qdpi.canon.edition import Edition
from qdpi.canon.revision import edition_of
from qdpi.measures.calibration import NAMES, subjects_of
from qdpi.measures.measures import Measures
from qdpi.measures.verdict import Subject

LECTURES: Final = (
    "You're right, and this is a great example of how we must all face the past. It is important to remember this.",
    "The passage suggests a deeper meaning. It can be read as a metaphor, and it serves as a reminder to the reader.",
    "In conclusion, this highlights the power of memory. Moreover, those who listen are the ones who grow.",
    "Here are a few ways to begin. First of all, your journey is your own; feel free to ask what it means to you.",
)
"""Paragraphs as small models write them, made up for this purpose."""
UNANSWERED: Final = "What became of the zeppelin and its xylophone?"
SEED: Final = 7

Plant = Callable[[Subject, list[Subject], random.Random], Subject]


def lecturing(page: Subject, others: list[Subject], chance: random.Random) -> Subject:
    """Return a page with a lecture in its middle."""
    said = page.text.split()
    half = len(said) // 2
    return replace(page, text=" ".join((*said[:half], chance.choice(LECTURES), *said[half:])))


def copied(page: Subject, others: list[Subject], chance: random.Random) -> Subject:
    """Return the page before."""
    return replace(page, text=page.locus)


def looped(page: Subject, others: list[Subject], chance: random.Random) -> Subject:
    """Return twelve words of the page over and over."""
    said = page.text.split()
    start = chance.randrange(max(1, len(said) - 12))
    return replace(page, text=" ".join(said[start : start + 12] * 14))


def in_another_voice(page: Subject, others: list[Subject], chance: random.Random) -> Subject:
    """Return a page as one of another voice."""
    return replace(page, voice=chance.choice([other.voice for other in others if other.voice != page.voice]))


def about_something_else(page: Subject, others: list[Subject], chance: random.Random) -> Subject:
    """Return a page of another section in this page's place."""
    return replace(page, text=chance.choice([other.text for other in others if other.voice != page.voice]))


def unanswering(page: Subject, others: list[Subject], chance: random.Random) -> Subject:
    """Return the page as an answer to what it does not tell of."""
    return replace(page, asked=UNANSWERED)


PLANTED: Final[Mapping[str, tuple[str, Plant]]] = {
    "a lecture": ("lecture", lecturing),
    "a copy": ("copy", copied),
    "a loop": ("form", looped),
    "another voice": ("voice", in_another_voice),
    "another subject": ("continuity", about_something_else),
    "an unanswered ask": ("answers", unanswering),
}
"""Each fault, with the check that should find it."""


def measure() -> None:
    """Print the figures of the measures."""
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-") as folder:
        edition = edition_of(read_book(book_in(Path(folder))))
    began = time.perf_counter()
    edition.measures.learn()
    print(f"learning {len(edition.pages)} pages at the first check: {time.perf_counter() - began:.2f} s")
    subjects = list(subjects_of(list(edition.pages.values()), edition.readings))
    times = []
    for subject in subjects:
        began = time.perf_counter()
        edition.measures.validate(replace(subject, asked=UNANSWERED))
        times.append(time.perf_counter() - began)
    print(f"measuring a page: {summary(times)}")
    _shares(edition)
    _faults(edition.measures, [subject for subject in subjects if subject.locus])


def _shares(edition: Edition) -> None:
    calibration = edition.measures.calibration
    for name in NAMES:
        passes, threshold = calibration.passes[name], calibration.thresholds.get(name, 1.0)
        share = "cannot be known" if passes is None else f"{passes:.1%}"
        print(f"the book's own pages that pass {name}: {share} (threshold {threshold:.2f})")


def _faults(measures: Measures, pages: list[Subject]) -> None:
    chance = random.Random(SEED)
    for fault, (name, plant) in PLANTED.items():
        found = 0
        for page in pages:
            # What is copied or looped is no page of the book; another's text is, and is measured against the rest.
            is_own = name in {"voice", "answers"}
            checks = measures.check(replace(plant(page, pages, chance), own_id=page.own_id if is_own else None))
            found += next(check.passed is False for check in checks if check.name == name)
        print(f"{fault}, found by {name}: {found / len(pages):.1%}")


if __name__ == "__main__":
    measure()
