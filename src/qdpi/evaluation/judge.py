"""The judge of voices: a classifier of character n-grams with names masked, by ridge regression. Pure.

Character n-grams tell authors apart by habits of wording and punctuation (E. Stamatatos, "A survey of modern
authorship attribution methods", JASIST 60, 2009). Names are masked because they tell the section, not the voice
(text distortion: E. Stamatatos, "Authorship attribution using text distortion", EACL 2017). The n-grams are hashed
into a fixed number of columns (K. Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009).
One regression a class is solved in closed form over the pages, each class weighing alike (R. Rifkin, G. Yeo,
T. Poggio, "Regularized least-squares classification", 2003).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from qdpi.search.analysis import find_entities
from qdpi.search.text import COMMON_WORDS, FUNCTION_WORDS, cased_words, sentences

JUDGE_VERSION: Final = "judge/1"
SIZES: Final = (2, 3, 4, 5)
"""The lengths of the n-grams, in characters."""
COLUMNS: Final = 1 << 15
RIDGE: Final = 0.1
"""The weight of the penalty; between 0.01 and 1 the verdicts on a novel's held-out pages hardly change."""
MOST_PAGES: Final = 100
"""How many pages of a voice the judge learns from: more tell it little, and cost memory."""
MOST_TOLD_APART: Final = 1_024
"""How many texts are told apart at most, whose likenesses to each other are all computed."""
JUDGED_WORDS: Final = 150
"""How much of a page is judged: pages of different lengths would be judged unlike."""
NAME: Final = "@"
"""What a masked name becomes."""

T = TypeVar("T")
Floats = NDArray[np.float64]
Counts = NDArray[np.float32]
_BATCH: Final = 256
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SPACE: Final = re.compile(r"\s+")
_BEFORE: Final = " \t\"“‘'(["
"""What may stand between the end of a sentence and a capital that says nothing."""
_ENDS: Final = '.!?…:\n”"'
_MULTIPLIERS: Final = tuple(pow(0x9E3779B97F4A7C15, place, 2**64) for place in range(1, max(SIZES) + 1))


def names_in(texts: Iterable[str]) -> frozenset[str]:
    """Return every word that is part of a name in one of the texts, as written."""
    common = {word.capitalize() for word in FUNCTION_WORDS | COMMON_WORDS}
    found = {word for text in texts for name in find_entities(sentences(text)) for word in cased_words(name)}
    return frozenset(found - common)


def masked(text: str, names: frozenset[str]) -> str:
    """Return a text in lower case with its names masked, and runs of white space as one space.

    A name is one of `names`, a word in capitals, or a capitalised word that does not begin a sentence.
    """
    normal = unicodedata.normalize("NFC", text)
    pieces, at = list[str](), 0
    for found in _WORD.finditer(normal):
        if _is_name(normal, found, names):
            pieces += [normal[at : found.start()], NAME]
            at = found.end()
    return _SPACE.sub(" ", "".join((*pieces, normal[at:]))).strip().lower()


def _is_name(text: str, found: re.Match[str], names: frozenset[str]) -> bool:
    base = re.split("['’]", found.group(), maxsplit=1)[0]
    if base in names:
        return True
    if len(base) < 2 or not base[0].isupper():
        return False
    before = text[: found.start()].rstrip(_BEFORE)[-1:]
    return base.isupper() or (bool(before) and before not in _ENDS)


def ngram_counts(text: str) -> Counts:
    """Return how often the n-grams of each column occur in a text; shape [COLUMNS]."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    counts = np.zeros(COLUMNS, dtype=np.float32)
    for size in SIZES:
        width = len(points) - size + 1
        if width <= 0:
            continue
        hashes = np.full(width, size, dtype=np.uint64)
        for place in range(size):
            hashes += points[place : place + width] * np.uint64(_MULTIPLIERS[place])
        hashes ^= hashes >> np.uint64(29)
        hashes *= np.uint64(0xBF58476D1CE4E5B9)
        columns = (hashes >> np.uint64(49)).astype(np.int64)
        counts += np.bincount(columns, minlength=COLUMNS)
    return counts


def counts_of(texts: Sequence[str]) -> Counts:
    """Return the n-grams of texts; shape [texts, COLUMNS]."""
    counts = np.zeros((len(texts), COLUMNS), dtype=np.float32)
    for place, text in enumerate(texts):
        counts[place] = ngram_counts(text)
    return counts


@dataclass(frozen=True, slots=True, eq=False)
class RidgeClassifier:
    """Which of some classes a text is nearest to, learnt from examples.

    `weights` has a column for each class, `offsets` what each class scores for a text without known n-grams.
    """

    classes: tuple[int, ...]
    rarity: Counts
    weights: Floats
    offsets: Floats

    @classmethod
    def train(cls, texts: Sequence[str], labels: Sequence[int]) -> RidgeClassifier:
        """Learn classes from texts and their labels, at least one text."""
        raw = counts_of(texts)
        rarity = _rarity(raw)
        rows = _normal(raw, rarity)
        classes, solved, offsets = _solve((rows @ rows.T).astype(float), labels)
        return cls(classes, rarity, rows.T @ solved, offsets)

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return each text's score for each class; shape [texts, classes]."""
        scores = np.zeros((len(texts), len(self.classes)))
        for at in range(0, len(texts), _BATCH):
            rows = _normal(counts_of(texts[at : at + _BATCH]), self.rarity)
            scores[at : at + _BATCH] = rows @ self.weights + self.offsets
        return scores


def _rarity(raw: Counts) -> Counts:
    known = (raw > 0).sum(axis=0)
    return np.where(known > 0, np.log((1 + len(raw)) / (1 + known)) + 1, 0.0).astype(np.float32)


def _normal(raw: Counts, rarity: Counts) -> Counts:
    """Weigh counts, in their place, and bring each row to length 1."""
    np.log1p(raw, out=raw)
    raw *= rarity
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    raw /= np.where(lengths > 0, lengths, np.float32(1))
    return raw


def _solve(likenesses: Floats, labels: Sequence[int]) -> tuple[tuple[int, ...], Floats, Floats]:
    """Return the classes, the weight of each text for each class, and the classes' offsets.

    `likenesses` are the dot products of the texts; every class weighs the same, however many texts it has.
    """
    classes = tuple(sorted(set(labels)))
    wanted = (np.array(labels)[:, None] == np.array(classes)).astype(float)
    alike = len(labels) / (len(classes) * wanted.sum(axis=0)[wanted.argmax(axis=1)])
    offsets = alike @ wanted / alike.sum()
    return classes, np.linalg.solve(likenesses + RIDGE * np.diag(1 / alike), wanted - offsets), offsets


@dataclass(frozen=True, slots=True, eq=False)
class VoiceJudge:
    """Ranks the voices of a page; trained on pages that no writer has learnt from."""

    classifier: RidgeClassifier
    names: frozenset[str]

    @classmethod
    def train(cls, pages: Sequence[tuple[str, int]], names: frozenset[str]) -> VoiceJudge | None:
        """Learn the voices from (text, character) pairs; None where there are fewer than two voices to tell apart."""
        if len({character for _, character in pages}) < 2:
            return None
        some = [page for voice in sorted({voice for _, voice in pages}) for page in _some_of(pages, voice)]
        texts = [masked(text, names) for text, _ in some]
        return cls(RidgeClassifier.train(texts, [character for _, character in some]), names)

    @property
    def voices(self) -> tuple[int, ...]:
        """The characters that it knows."""
        return self.classifier.classes

    def ranking(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the characters for each text, the likeliest first."""
        scores = self.classifier.scores([masked(beginning(text), self.names) for text in texts])
        orders = np.argsort(-scores, axis=1, kind="stable")
        return [tuple(self.voices[place] for place in order) for order in orders]


def _some_of(pages: Sequence[tuple[str, int]], voice: int) -> list[tuple[str, int]]:
    return spaced([page for page in pages if page[1] == voice], MOST_PAGES)


def spaced(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many items, evenly spaced."""
    count = min(most, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def beginning(text: str, count: int = JUDGED_WORDS) -> str:
    """Return a text up to the end of its word number `count`, white space kept."""
    ends = [found.end() for found in re.finditer(r"\S+", text)]
    return text if len(ends) <= count else text[: ends[count - 1]]


def told_apart(texts: Sequence[str], labels: Mapping[str, Sequence[int]], folds: int = 8) -> dict[str, list[bool]]:
    """Return, for each labelling and text, whether a classifier of the other folds finds the text's label.

    Cross-validation: text number i is in fold i modulo `folds`, so give the texts in an order without a pattern. Of
    many texts the first 1,024 are taken; fewer than two tell nothing.
    """
    if len(texts) < 2:
        return {name: [] for name in labels}
    some = texts[:MOST_TOLD_APART]
    raw = counts_of(some)
    rows = _normal(raw, _rarity(raw))
    likenesses = (rows @ rows.T).astype(float)
    return {
        name: _cross_validated(likenesses, each[: len(some)], min(folds, len(some))) for name, each in labels.items()
    }


def _cross_validated(likenesses: Floats, labels: Sequence[int], folds: int) -> list[bool]:
    found = [False] * len(labels)
    for fold in range(folds):
        inside = [place for place in range(len(labels)) if place % folds == fold]
        others = [place for place in range(len(labels)) if place % folds != fold]
        classes, solved, offsets = _solve(likenesses[np.ix_(others, others)], [labels[place] for place in others])
        best = (likenesses[np.ix_(inside, others)] @ solved + offsets).argmax(axis=1)
        for place, choice in zip(inside, best, strict=True):
            found[place] = classes[choice] == labels[place]
    return found
