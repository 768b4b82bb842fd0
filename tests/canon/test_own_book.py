"""The short book that ships inside the package."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

import pytest

from qdpi.canon import own_book

pytestmark = pytest.mark.skipif(
    not (files("qdpi") / "book" / "corpus").is_dir(), reason="the package holds no book of its own yet"
)


def test_own_book_is_whole() -> None:
    """The package has a whole book of its own."""
    book = own_book()
    sizes = Counter(page.section for page in book.pages)

    assert sorted(sizes) == list(range(1, 17))
    assert min(sizes.values()) >= 3
    assert book.title
    assert book.author
    assert book.book_id != "the-entrance-way"


def test_own_book_pages_have_120_to_200_words() -> None:
    """Each of its pages has 120 to 200 words."""
    assert {p.page_id: n for p in own_book().pages if not 120 <= (n := len(p.text.split())) <= 200} == {}


def test_own_book_voices_are_described_and_distinct() -> None:
    """Each of its sixteen voices is described and none like another."""
    voices = own_book().voices

    assert {voice.source for voice in voices} == {"profile"}
    assert len({voice.profile for voice in voices}) == 16
    assert len({voice.color for voice in voices}) == 16
