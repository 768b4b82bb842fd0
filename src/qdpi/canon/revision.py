"""Makes revisions and editions of a book: canon pages with edges and signals, and the calibration of the checks.

Pure: the same book and the same earlier pages give the same revision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from qdpi.canon.book import Book
from qdpi.canon.edition import Edition
from qdpi.canon.sections import section_titles
from qdpi.canon.voice_cards import VoiceCards
from qdpi.canon.voice_words import VoiceWords
from qdpi.measures.book import BookStatistics
from qdpi.measures.calibration import Calibration, calibrated, is_current
from qdpi.measures.measures import Measures
from qdpi.page_schema import Edges, Page, Reading
from qdpi.policy.ring import Ring
from qdpi.search.analysis import read_text
from qdpi.search.document import Document, document_of
from qdpi.search.index import InvertedIndex
from qdpi.search.ranking import HybridRetriever
from qdpi.search.vectors import SemanticIndex
from qdpi.store.rows import CanonRevision
from qdpi.symbols import Trajectory, encode_symbol

CANON_VERSION: Final = "canon/1"
_READ_CANON: Final = 0
_SAME_BOOK: Final = 0.5


def canon_pages(
    book: Book, readings: Mapping[str, Reading], revision: int, at: datetime, earlier: Mapping[str, Page]
) -> list[Page]:
    """Return a book's pages in ring order, each leading to the next and the last to the first.

    A page whose text and title are unchanged since `earlier` keeps its revision number and its time; others get
    the next number.
    """
    following = [*book.pages[1:], book.pages[0]]
    pages = []
    for page, after in zip(book.pages, following, strict=True):
        before = earlier.get(page.page_id)
        unchanged = before is not None and (before.text, before.title) == (page.text, page.title)
        pages.append(
            Page(
                page_id=page.page_id,
                symbol_code=encode_symbol(page.character, _READ_CANON),
                section=page.section,
                page_num=page.page_num,
                title=page.title,
                trajectory=Trajectory.CONTINUE,
                text=page.text,
                created_at=before.created_at if before and unchanged else at,
                author=book.author,
                version=CANON_VERSION,
                revision=before.revision + (not unchanged) if before else 1,
                edges=Edges(next_within=after.page_id),
                signals=readings[page.page_id].signals,
                canon_revision=revision,
            )
        )
    return pages


def revision_of(book: Book, revision: int, at: datetime, calibration: Calibration) -> CanonRevision:
    """Return the record of a book as a revision of the canon."""
    return CanonRevision(
        revision=revision,
        book_id=book.book_id,
        title=book.title,
        author=book.author,
        content_hash=book.content_hash,
        pages=len(book.pages),
        created_at=at,
        voices=book.voices,
        thresholds_version=calibration.version,
        thresholds=calibration.as_dict(),
    )


def calibration_of(pages: Sequence[Page], readings: Mapping[str, Reading]) -> Calibration:
    """Return the thresholds of the checks, loosened where the book's own pages break them."""
    return calibrated(BookStatistics.of(pages, readings), pages, readings)


def shares_of(revision: CanonRevision) -> dict[str, float | None]:
    """Return the share of a revision's pages that passes each check; none where it was calibrated by another version.

    A share is None where no page of the book could be measured.
    """
    stored = revision.thresholds
    return dict(Calibration.from_dict(stored).passes) if is_current(stored) else {}


def is_same_book(book: Book, earlier: Mapping[str, Page]) -> bool:
    """Return whether a book is a new revision of the earlier pages: over half of the smaller one is unchanged."""
    same = sum(
        page.page_id in earlier and (earlier[page.page_id].text, earlier[page.page_id].title) == (page.text, page.title)
        for page in book.pages
    )
    return same > _SAME_BOOK * min(len(book.pages), len(earlier))


def assemble_edition(
    revision: CanonRevision,
    pages: Sequence[Page],
    readings: Mapping[str, Reading],
    semantic: SemanticIndex | None = None,
) -> Edition:
    """Return an edition made of its stored parts."""
    index = InvertedIndex(documents_of(pages))
    by_id = {page.page_id: page for page in pages}
    return Edition(
        revision=revision,
        ring=Ring([(page.page_id, page.section) for page in pages]),
        pages=by_id,
        cards=VoiceCards(by_id),
        voice_words=VoiceWords(by_id, readings),
        voices={voice.character: voice for voice in revision.voices},
        section_titles=section_titles(pages, revision.voices),
        readings=readings,
        index=index,
        retriever=HybridRetriever(index, semantic),
        measures=Measures(pages, readings, revision.thresholds),
    )


def documents_of(pages: Sequence[Page]) -> list[Document]:
    """Return canon pages, given in ring order, as documents of an index."""
    return [document_of(page, position) for position, page in enumerate(pages)]


def edition_of(book: Book) -> Edition:
    """Return a book as an edition in memory, without a store."""
    at = datetime(1970, 1, 1, tzinfo=UTC)
    readings = {page.page_id: read_text(page.text) for page in book.pages}
    pages = canon_pages(book, readings, 1, at, {})
    return assemble_edition(revision_of(book, 1, at, calibration_of(pages, readings)), pages, readings)
