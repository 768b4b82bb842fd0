"""Variants of a book: a page changed, a page dropped, or all pages replaced."""

from __future__ import annotations

from dataclasses import replace

from qdpi.canon.book import Book


def changed(book: Book, page_id: str, text: str) -> Book:
    """Return the book with a new text for one page."""
    return replace(book, pages=tuple(replace(p, text=text) if p.page_id == page_id else p for p in book.pages))


def without(book: Book, page_id: str) -> Book:
    """Return the book without one page."""
    return replace(book, pages=tuple(page for page in book.pages if page.page_id != page_id))


def another(book: Book) -> Book:
    """Return another book with the same number of pages and other texts."""
    pages = tuple(replace(page, title=f"Other {page.page_num}", text=f"Not {page.text}") for page in book.pages)
    return replace(book, book_id="another", title="Another Book", pages=pages)
