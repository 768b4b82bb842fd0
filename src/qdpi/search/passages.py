"""The passage of a page that is nearest to a question: the index's own ranking, over the page's paragraphs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from qdpi.search.document import Document
from qdpi.search.index import InvertedIndex
from qdpi.search.text import kept_paragraphs, opening, sentences
from qdpi.symbols import Trajectory

_BREAK: Final = "\n\n"


def nearest_passage(text: str, question: str, most_words: int) -> str:
    """Return the passage of at most `most_words` words that is nearest to a question, with its paragraphs.

    A passage begins with a paragraph, or with a sentence of a long one. Where no word of the question occurs in the
    text, and of passages that are equally near, it is the first.
    """
    if len(text.split()) <= most_words:
        return kept_paragraphs(text)
    begun = list(_passages(text, most_words))
    hits = InvertedIndex([_document(order, passage) for order, passage in enumerate(begun)]).search(question, 1)
    return begun[int(hits[0].page_id)] if hits else begun[0]


def _passages(text: str, most_words: int) -> Iterator[str]:
    """Yield the passage from each place on at which one may begin."""
    pieces = [piece for part in kept_paragraphs(text).split(_BREAK) for piece in _pieces(part, most_words)]
    ends = list(accumulate(len(piece.split()) for piece in pieces))
    for at, piece in enumerate(pieces):
        before = ends[at] - len(piece.split())
        end = bisect_left(ends, before + most_words + 1) + 1  # one word more than fits, so that it is cut well
        yield opening("".join(pieces[at:end]).strip(), most_words)


def _pieces(paragraph: str, most_words: int) -> list[str]:
    if len(paragraph.split()) <= most_words:
        return [paragraph + _BREAK]
    *first, last = sentences(paragraph) or [paragraph]
    return [*(f"{sentence} " for sentence in first), last + _BREAK]


def _document(order: int, passage: str) -> Document:
    return Document(
        page_id=str(order),
        kind="canon",
        order=order,
        title="",
        text=passage,
        section=1,
        symbol_code=0,
        trajectory=Trajectory.CONTINUE,
    )
