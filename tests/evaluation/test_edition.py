"""The edition without the judge's half, written as the files of a book."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.evaluation.books import book_of

from qdpi.canon import Book, own_book, read_book
from qdpi.evaluation.edition import edition_files, edition_pages
from qdpi.evaluation.split import Split, split_book

ODD = (
    "---\npage_id: S99-P9999\n---\nA page that looks like frontmatter.",
    "# A heading\n\n  indented: yes\n\ttabs\n* * *\n“Quotes” and an emoji \U0001f469\u200d\U0001f680.",
    "null",
)


def read_edition(folder: Path, book: Book, split: Split) -> Book:
    for name, text in edition_files(book, split).items():
        (folder / name).write_text(text, encoding="utf-8")
    return read_book(folder)


@pytest.mark.parametrize("book", [own_book(), book_of(9)], ids=lambda book: book.title)
def test_edition_has_the_other_pages_renumbered(tmp_path: Path, book: Book):
    """The edition is a book that the reader of books accepts: the same texts and titles, numbered without a gap."""
    split = split_book(book)
    edition = read_edition(tmp_path, book, split)
    assert [(p.text, p.title, p.character) for p in edition.pages] == [
        (p.text, p.title, p.character) for p in split.edition
    ]
    assert [page.page_num for page in edition.pages] == list(range(1, len(split.edition) + 1))
    assert [page.page_id for page in edition.pages] == list(edition_pages(split))
    assert not {page.text for page in split.judge} & {page.text for page in edition.pages}
    assert (edition.title, edition.author, edition.notes) == (book.title, book.author, ())


def test_odd_texts_and_titles_survive(tmp_path: Path):
    book = book_of(4)
    pages = [replace(page, text=text, title="null: [odd] #") for page, text in zip(book.pages, ODD, strict=False)]
    book = replace(book, pages=(*pages, *book.pages[len(pages) :]))
    split = split_book(book)
    edition = read_edition(tmp_path, book, split)
    assert [(page.text, page.title) for page in edition.pages] == [(page.text, page.title) for page in split.edition]


def test_described_voices_are_kept_and_measured_ones_measured_anew(tmp_path: Path):
    """A measured voice was measured on the judge's half too: nothing of that may be left."""
    book = book_of(9)
    measured = replace(book.voices[3], source="section", profile="Measured on the section's 9 pages: secret.")
    book = replace(book, voices=tuple(measured if voice.character == 3 else voice for voice in book.voices))
    voices = read_edition(tmp_path, book, split_book(book)).voices
    assert voices[0].profile == book.voices[0].profile
    assert voices[0].color == book.voices[0].color
    assert voices[3].source == "section"
    assert "6 pages" in voices[3].profile
    assert "secret" not in voices[3].profile
