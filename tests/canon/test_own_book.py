"""The short book that ships inside the package."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

import pytest

from qdpi.canon import own_book

pytestmark = pytest.mark.skipif(
    not (files("qdpi") / "book" / "corpus").is_dir(), reason="the package holds no book of its own yet"
)


def test_the_package_has_a_whole_book_of_its_own() -> None:
    book = own_book()
    sizes = Counter(page.section for page in book.pages)

    assert sorted(sizes) == list(range(1, 17))
    assert min(sizes.values()) >= 3
    assert book.title
    assert book.author
    assert book.book_id != "the-entrance-way"


def test_each_of_its_pages_has_120_to_200_words() -> None:
    assert {p.page_id: n for p in own_book().pages if not 120 <= (n := len(p.text.split())) <= 200} == {}


def test_each_of_its_sixteen_voices_is_described_and_none_like_another() -> None:
    voices = own_book().voices

    assert {voice.source for voice in voices} == {"profile"}
    assert len({voice.profile for voice in voices}) == 16
    assert len({voice.color for voice in voices}) == 16
