"""The tables derived from a page, of a journey or of the canon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from qdpi.canon.editions import reading_row
from qdpi.outcome import Outcome
from qdpi.page_schema import Page, Reading
from qdpi.search.analysis import read_text
from qdpi.search.vectors import Embedder, from_bytes, to_bytes
from qdpi.services.projections.projection import Columns, Projection, Remedy, model_columns
from qdpi.store.ports import Index, Pages
from qdpi.store.rows import Embedding, IndexRow, ReadingRow
from qdpi.symbols import CHARACTER_MAP
from qdpi.topology import INDEXER, PAGE_GENERATOR

EXCERPT_CHARACTERS: Final = 200
ROUNDING: Final = 1e-4
"""The largest difference in a component of two equal vectors of length 1: processors add in different orders."""
DECIMALS: Final = 9
"""The decimals to which a reading's scores are compared: Python versions sum floats differently."""


@dataclass(frozen=True, slots=True)
class PageSource:
    """A page, with its reading and its vector as far as they are known; `seq` is its outcome's, 0 for the canon."""

    page: Page
    reading: Reading | None = None
    embedding: Embedding | None = None
    seq: int = 0

    @property
    def key(self) -> str:
        """The key of the rows."""
        return self.page.page_id


def pages_of(outcomes: Iterable[Outcome]) -> list[PageSource]:
    """Return the pages of outcomes, with the readings that the outcomes carry."""
    return [
        PageSource(outcome.page, outcome.reading, seq=outcome.seq) for outcome in outcomes if outcome.page is not None
    ]


def with_readings(sources: Iterable[PageSource]) -> list[PageSource]:
    """Return the sources, those without a reading with one made from the text. Takes milliseconds a page."""
    return [
        source if source.reading is not None else replace(source, reading=read_text(source.page.text))
        for source in sources
    ]


def with_embeddings(sources: Sequence[PageSource], embedder: Embedder) -> list[PageSource]:
    """Return the sources with vectors made from the texts. Takes about a millisecond a page."""
    vectors = embedder.embed([source.page.text for source in sources])
    return [
        replace(source, embedding=_embedding(source.page, embedder.model, vector))
        for source, vector in zip(sources, vectors, strict=True)
    ]


def _embedding(page: Page, model: str, vector: np.ndarray[Any, np.dtype[np.float32]]) -> Embedding:
    return Embedding(
        page_id=page.page_id,
        revision=page.revision,
        model=model,
        dim=len(vector),
        embedding=to_bytes(vector),
    )


def due_index_row(source: PageSource) -> IndexRow | None:
    """Return a page's row in the index of pages, None for a page without a vector to refer to."""
    page = source.page
    if source.embedding is None:
        return None
    return IndexRow(
        character_id=CHARACTER_MAP[page.char_hex],
        section=page.section,
        page_id=page.page_id,
        title=page.title,
        excerpt=page.text[:EXCERPT_CHARACTERS],
        embeddings_ref=f"{source.embedding.model}/{page.page_id}",
        created_ts=page.created_at,
        revision=page.revision,
    )


def _due_reading(source: PageSource) -> ReadingRow | None:
    return reading_row(source.page, source.reading) if source.reading is not None else None


async def _write_pages(store: Pages, sources: Sequence[PageSource]) -> None:
    # The edges come first: a page that can be read has them.
    for source in sources:
        await store.link_page(source.page)
        await store.put_page(source.page)


async def _write_readings(store: Index, sources: Sequence[PageSource]) -> None:
    rows = [row for row in map(_due_reading, sources) if row is not None]
    if rows:
        await store.put_readings(rows)


async def _write_embeddings(store: Index, sources: Sequence[PageSource]) -> None:
    await store.put_embeddings([source.embedding for source in sources if source.embedding is not None])


async def _write_index_rows(store: Index, sources: Sequence[PageSource]) -> None:
    await store.index_pages([row for row in map(due_index_row, sources) if row is not None])


async def _read_reading(store: Index, source: PageSource) -> ReadingRow | None:
    if source.reading is None:
        return None
    key = (source.page.page_id, source.page.revision)
    return (await store.readings([key], source.reading.version)).get(key)


async def _read_embedding(store: Index, source: PageSource) -> Embedding | None:
    return (await store.embeddings([source.key])).get(source.key)


async def _read_index_row(store: Index, source: PageSource) -> IndexRow | None:
    return await store.index_row(CHARACTER_MAP[source.page.char_hex], source.page.section, source.key)


def _page_columns(page: Page, due: Page) -> Columns:
    return _flattened(page.model_dump(mode="json"), "edges", "signals")


def _reading_columns(row: ReadingRow, due: ReadingRow) -> Columns:
    return _flattened(_rounded(row.model_dump(mode="json", include={"extractor_version", "reading"})), "reading")


def _embedding_columns(row: Embedding, due: Embedding | None) -> Columns:
    columns = row.model_dump(mode="json", include={"revision", "model", "dim"})
    return {**columns, "as_computed": due is not None and is_as_computed(row, due)}


def is_as_computed(found: Embedding, due: Embedding) -> bool:
    """Return whether a vector is the one that is due, up to rounding: its bytes depend on the processor."""
    if len(found.embedding) != len(due.embedding):
        return False
    numbers, wanted = from_bytes(found.embedding, due.dim), from_bytes(due.embedding, due.dim)
    return bool(np.allclose(numbers, wanted, rtol=0, atol=ROUNDING))


def _flattened(columns: Columns, *fields: str) -> Columns:
    """Return columns with the fields of nested objects as columns, so that a difference names the field."""
    parts = {f"{field}.{name}": value for field in fields for name, value in columns[field].items()}
    return {**{name: value for name, value in columns.items() if name not in fields}, **parts}


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(part) for name, part in value.items()}
    return round(value, DECIMALS) if isinstance(value, float) else value


_REWRITTEN: Final = Remedy("It is written again from its outcome.")
_INDEXED: Final = Remedy("The page is indexed again.")
_INGEST_BROKE_OFF: Final = {
    "ahead": Remedy("If no ingest is at work, one broke off: ingest the book again.", mends=False)
}

PAGES: Final = Projection[PageSource](
    table="pages",
    noun="page",
    writer=PAGE_GENERATOR,
    due=lambda source: source.page,
    read=lambda store, source: store.page(source.key),
    columns=_page_columns,
    write=_write_pages,
    remedy=_REWRITTEN,
    version="revision",
)
EDGES: Final = Projection[PageSource](
    table="page_edges",
    noun="edges",
    writer=PAGE_GENERATOR,
    due=lambda source: source.page.edges,
    read=lambda store, source: store.edges(source.key),
    columns=model_columns,
    write=_write_pages,
    remedy=_REWRITTEN,
)
SIGNALS: Final = Projection[PageSource](
    table="page_index_signals",
    noun="signals",
    writer=PAGE_GENERATOR,
    due=lambda source: source.page.signals,
    read=lambda store, source: store.signals(source.key),
    columns=model_columns,
    write=_write_pages,
    remedy=_REWRITTEN,
)
READINGS: Final = Projection[PageSource](
    table="readings",
    noun="reading",
    writer=PAGE_GENERATOR,  # with the outcome that carries it; the indexer adds the reading of any other page
    due=_due_reading,
    read=_read_reading,
    columns=_reading_columns,
    write=_write_readings,
    remedy=_INDEXED,
)
VECTORS: Final = Projection[PageSource](
    table="page_embeddings",
    noun="vector",
    writer=INDEXER,
    due=lambda source: source.embedding,
    read=_read_embedding,
    columns=_embedding_columns,
    write=_write_embeddings,
    remedy=_INDEXED,
    remedies=_INGEST_BROKE_OFF,
    version="revision",
)
INDEX: Final = Projection[PageSource](
    table="pages_index",
    noun="index-row",
    writer=INDEXER,
    due=due_index_row,
    read=_read_index_row,
    columns=model_columns,
    write=_write_index_rows,
    remedy=_INDEXED,
    remedies=_INGEST_BROKE_OFF,
    version="revision",
)
OF_PAGE: Final = (PAGES, EDGES, SIGNALS, READINGS, VECTORS, INDEX)
"""The tables derived from a page."""
BESIDE_PAGE: Final = tuple(projection for projection in OF_PAGE if projection.write is not _write_pages)
"""The tables derived from a page that hold no part of the page itself: of the canon's pages, an ingest writes them."""
INDEXED: Final = (READINGS, *(projection for projection in OF_PAGE if projection.writer is INDEXER))
"""The tables that the indexer writes: readings only where a page has none."""
