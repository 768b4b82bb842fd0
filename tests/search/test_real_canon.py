"""Readings, checks and search measured on the author's canon. No sentence of it is quoted here."""

from __future__ import annotations

import math
import random

import pytest
from tests.search.conftest import CORPUS

from qdpi.canon import read_book
from qdpi.canon.revision import edition_of, shares_of
from qdpi.language.answer import BEGINNING, reads_as_thought, tidy
from qdpi.measures.checks import Thresholds, calibrate, check_copy, check_form, check_marks
from qdpi.page_schema import Reading
from qdpi.search.analysis import read_text
from qdpi.search.document import Document
from qdpi.search.index import InvertedIndex
from qdpi.search.ngrams import CanonGrams
from qdpi.search.ranking import HybridRetriever
from qdpi.search.vectors import Embedder, SemanticIndex

pytestmark = pytest.mark.canon


@pytest.fixture(scope="module")
def texts(canon_documents: list[Document]) -> list[str]:
    return [passage.text for passage in canon_documents]


@pytest.fixture(scope="module")
def grams(texts: list[str]) -> CanonGrams:
    return CanonGrams.build(texts)


@pytest.mark.slow
def test_form_of_canon_pages_passes(texts: list[str], grams: CanonGrams) -> None:
    """The canon's own pages keep the form measured for it."""
    passed = [not check_form(text, Thresholds(), grams, held_out=True).reasons for text in texts]
    assert 0.91 <= sum(passed) / len(passed) <= 0.97


def test_canon_pages_are_not_copies(texts: list[str], grams: CanonGrams) -> None:
    """No canon page is a copy of the rest of the canon."""
    flagged = [not check_copy(text, Thresholds(), grams, held_out=True).passed for text in texts]
    assert sum(flagged) / len(flagged) <= 0.006


def test_copied_and_half_copied_pages_are_caught(texts: list[str], grams: CanonGrams) -> None:
    """Every copied page and every half-copied one is caught."""
    long = [text for text in texts if len(text.split()) >= 100]
    halves = [
        " ".join(a.split()[: len(a.split()) // 2] + b.split()[len(b.split()) // 2 :])
        for a, b in zip(long, long[::-1], strict=True)
    ]
    assert not any(check_copy(text, Thresholds(), grams).passed for text in (*long, *halves))


def test_no_canon_page_has_marks(texts: list[str]) -> None:
    """No canon page has anything that looks like a control token, or is changed where it is an answer."""
    assert all(check_marks(text).passed for text in texts)
    assert all(tidy(text) == text.replace("\t", " ").strip() for text in texts)


def test_few_canon_pages_begin_like_a_thought(texts: list[str]) -> None:
    """Where a page begins like a model's thought, it is shown late: few of an author's pages do."""
    assert sum(reads_as_thought(text[:BEGINNING]) for text in texts) / len(texts) < 0.04


@pytest.mark.slow
def test_degenerate_pages_are_caught(texts: list[str], grams: CanonGrams) -> None:
    """Degenerate pages made of the canon are caught."""
    rng = random.Random(11)
    made = [spoil(text, rng) for text in rng.sample(texts, 200) for spoil in (looped, shuffled, garbled, listed)]
    caught = sum(not check_form(text, Thresholds(), grams).passed for text in made)
    assert caught / len(made) >= 0.97


def looped(text: str, rng: random.Random) -> str:
    start = rng.randrange(max(1, len(text.split()) - 12))
    return " ".join(text.split()[start : start + 12] * 15)


def shuffled(text: str, rng: random.Random) -> str:
    words = text.split()
    return " ".join(rng.sample(words, len(words)))


def garbled(text: str, rng: random.Random) -> str:
    return "".join(rng.choice("abcdefghijklmnop") if c.isalpha() and rng.random() < 0.4 else c for c in text)


def listed(text: str, rng: random.Random) -> str:
    return "\n".join(f"* {word}" for word in rng.sample(text.split(), min(80, len(text.split()))))


@pytest.mark.slow
def test_calibration_on_the_canon_gives_default_bounds(texts: list[str], grams: CanonGrams) -> None:
    """The default bounds are the canon's own."""
    assert calibrate(texts, grams) == Thresholds()


@pytest.mark.slow
def test_retrieval_finds_the_next_page(canon_documents: list[Document]) -> None:
    """The next page is found by words as often as was measured."""
    embedder = Embedder()
    hybrid = HybridRetriever(InvertedIndex(canon_documents), SemanticIndex.build(canon_documents, embedder))
    shares = {semantic: next_in_top_5(hybrid, canon_documents, semantic=semantic) for semantic in (False, True)}
    assert shares[False] >= 0.37
    assert shares[True] >= 0.35


def next_in_top_5(retriever: HybridRetriever, ring: list[Document], *, semantic: bool) -> float:
    found = 0
    for page, following in zip(ring, [*ring[1:], ring[0]], strict=True):
        hits = retriever.search(page.text, 6, semantic=semantic)
        others = [hit.page_id for hit in hits if hit.page_id != page.page_id]
        found += following.page_id in others[:5]
    return found / len(ring)


def test_readings_of_neighbours_share_more_terms(texts: list[str]) -> None:
    """Every page has a reading and neighbours share more terms than distant pages."""
    readings = [read_text(text) for text in texts]
    assert all(reading.summary and reading.hooks and reading.motifs for reading in readings)
    assert all(0 < len(reading.summary) <= 300 for reading in readings)
    half = len(readings) // 2
    near = sum(map(shared_terms, readings, readings[1:])) / len(readings)
    far = sum(map(shared_terms, readings, readings[half:])) / half
    assert near > 4 * far


def shared_terms(a: Reading, b: Reading) -> float:
    """The cosine of two readings' sets of terms, 0..1."""
    return len(a.terms & b.terms) / math.sqrt(len(a.terms) * len(b.terms) or 1)


@pytest.mark.slow
def test_measures_of_the_canon(canon_documents: list[Document]) -> None:
    """What share of the canon's own pages passes each check is as docs/measurements.md says, and is stored with it."""
    passes = shares_of(edition_of(read_book(CORPUS)).revision)
    told = {name: None if share is None else round(share, 2) for name, share in passes.items()}
    assert told == {
        "form": 0.93,
        "copy": 1.0,
        "marks": 1.0,
        "lecture": 0.97,
        "continuity": 0.95,
        "voice": 0.9,
        "shape": 0.6,
        "anchored": 0.55,
        "answers": None,
        "plan": None,
        "bridges": 0.8,
        "wholeness": 0.92,
    }
