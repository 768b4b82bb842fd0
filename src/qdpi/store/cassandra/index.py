"""The index: readings, vectors, and the reader's index of pages.

Rows here are functions of a page and a model, and are written at the present time: of one revision the last write
wins, and of several revisions reads choose the highest. So a new model's vector replaces an old one's.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from qdpi.concurrency import map_concurrently
from qdpi.ids import time_of_uuid, time_uuid
from qdpi.store.cassandra.session import Repository, ResultRow
from qdpi.store.cassandra.statements import Change, Consistency, Statement, batches, insert, select
from qdpi.store.columns import as_json
from qdpi.store.rows import Embedding, IndexRow, ReadingRow
from qdpi.store.vectors import Scored, rank, rank_embeddings

DIMENSIONS: Final = 256
"""Of the vectors that the server indexes: wordllama's. Others are searched by this process."""
CANDIDATES: Final = 10
"""The server's approximate search is asked for this many times `k` candidates, which are ranked exactly here."""
_FEWEST_CANDIDATES, _MOST_CANDIDATES = 100, 1_000
"""Cassandra's own limit is 1,000."""

_READING: Final = ("page_id", "revision", "extractor_version", "reading_json")
_EMBEDDING: Final = tuple(Embedding.model_fields)
_ROW: Final = tuple(IndexRow.model_fields)

_PUT_READING: Final = insert("readings", _READING)
_GET_READING: Final = select(
    _READING,
    "readings",
    "WHERE page_id = :page_id AND revision = :revision AND extractor_version = :extractor_version",
)
_PUT_EMBEDDING: Final = insert("page_embeddings", _EMBEDDING)
_PUT_INDEXED: Final = insert("page_embeddings", (*_EMBEDDING, "vector"))
_DROP_OLDER: Final = Statement(
    "DELETE FROM {keyspace}.page_embeddings WHERE page_id = :page_id AND revision < :revision"
)
_GET_EMBEDDING: Final = select(_EMBEDDING, "page_embeddings", "WHERE page_id = :page_id LIMIT 1")
_ALL_EMBEDDINGS: Final = select(_EMBEDDING, "page_embeddings", "PER PARTITION LIMIT 1", fetch_size=1_000)
_NEAREST: Final = Statement(
    "SELECT page_id FROM {keyspace}.page_embeddings "
    "WHERE model = :model ORDER BY vector ANN OF :vector LIMIT :candidates",
    Consistency.ONE,
    fetch_size=_MOST_CANDIDATES + 1,
)
_IN_SECTION: Final = "WHERE character_id = :character_id AND section = :section"
_PUT_ROW: Final = insert("pages_index", _ROW)
_ROWS: Final = select(_ROW, "pages_index", _IN_SECTION, fetch_size=1_000)
_ONE_ROW: Final = select(_ROW, "pages_index", f"{_IN_SECTION} AND page_id = :page_id LIMIT 1")
PREPARED_AT_OPEN: Final = (_PUT_READING, _GET_READING, _PUT_ROW)


class Index(Repository):
    """The `Index` port."""

    async def put_readings(self, readings: Sequence[ReadingRow]) -> None:
        """Store readings, each under its page, revision and extractor version."""
        await map_concurrently(
            lambda reading: self._connection.write(
                Change(_PUT_READING, {**reading.model_dump(), "reading_json": as_json(reading.reading)})
            ),
            readings,
        )

    async def readings(
        self, pages: Collection[tuple[str, int]], extractor_version: str
    ) -> Mapping[tuple[str, int], ReadingRow]:
        """Return the stored readings of (page id, revision) pairs."""
        rows = await map_concurrently(
            lambda page: self._connection.first(
                _GET_READING, page_id=page[0], revision=page[1], extractor_version=extractor_version
            ),
            pages,
        )
        stored = (ReadingRow(**row, reading=json.loads(row["reading_json"])) for row in rows if row)
        return {(reading.page_id, reading.revision): reading for reading in stored}

    async def put_embeddings(self, embeddings: Sequence[Embedding]) -> None:
        """Store vectors; a lower revision never replaces a higher one."""
        await map_concurrently(lambda row: self._connection.write(*self._embedding_changes(row)), embeddings)

    async def embeddings(self, page_ids: Collection[str]) -> Mapping[str, Embedding]:
        """Return the vectors of the pages that have one, by page id."""
        rows = await map_concurrently(lambda page_id: self._connection.first(_GET_EMBEDDING, page_id=page_id), page_ids)
        return {row["page_id"]: Embedding(**row) for row in rows if row}

    async def nearest(self, vector: bytes, model: str, k: int) -> list[Scored]:
        """Return the `k` pages whose vectors by `model` are nearest by cosine, with their similarity.

        The server's search is approximate: it returns candidates, which are ranked here. Where it returns fewer than
        were asked for, the table is small, and all vectors are read: the result for a small table is exact.
        """
        if k <= 0:
            return []
        wanted = max(CANDIDATES * k, _FEWEST_CANDIDATES)
        query = _indexable(vector)
        if query and self._connection.vectors and wanted <= _MOST_CANDIDATES:
            found = await self._connection.rows(_NEAREST, model=model, vector=query, candidates=wanted)
            if len(found) == wanted:
                near = await self.embeddings({row["page_id"] for row in found})
                return rank_embeddings(vector, model, near.values())[:k]
        return await self._nearest_of_all(vector, model, k)

    async def index_pages(self, rows: Sequence[IndexRow]) -> None:
        """Store rows of the index of pages; a lower revision never replaces a higher one."""
        changes = [Change(_PUT_ROW, _index_values(row)) for row in rows]
        partitions = batches(changes, lambda change: (change.values["character_id"], change.values["section"]))
        await map_concurrently(lambda batch: self._connection.write(*batch), partitions)

    async def index(self, character_id: str, section: int) -> list[IndexRow]:
        """Return the index of a character's pages in a section, by page id."""
        rows = await self._connection.rows(_ROWS, character_id=character_id, section=section)
        highest = {row["page_id"]: row for row in reversed(rows)}
        return [_index_row(highest[page_id]) for page_id in sorted(highest)]

    async def index_row(self, character_id: str, section: int, page_id: str) -> IndexRow | None:
        """Return one page's row of that index, None without one."""
        row = await self._connection.first(_ONE_ROW, character_id=character_id, section=section, page_id=page_id)
        return _index_row(row) if row else None

    def _embedding_changes(self, embedding: Embedding) -> list[Change]:
        values = embedding.model_dump()
        put = Change(_PUT_EMBEDDING, values)
        if self._connection.vectors:
            put = Change(_PUT_INDEXED, {**values, "vector": _indexable(embedding.embedding)})
        return [Change(_DROP_OLDER, values), put] if embedding.revision > 1 else [put]

    async def _nearest_of_all(self, vector: bytes, model: str, k: int) -> list[Scored]:
        nearest: list[Scored] = []
        async for page in self._all_embeddings():
            nearest = rank([*nearest, *rank_embeddings(vector, model, page)])[:k]
        return nearest

    async def _all_embeddings(self) -> AsyncIterator[list[Embedding]]:
        async for rows in self._connection.pages(_ALL_EMBEDDINGS):
            yield [Embedding(**row) for row in rows]


def _indexable(vector: bytes) -> list[float] | None:
    """Return a vector for the server's index; None where it accepts none: another dimension, all zero, not finite."""
    if len(vector) != 4 * DIMENSIONS:
        return None
    values = list(struct.unpack(f"<{DIMENSIONS}f", vector))
    return values if any(values) and all(map(math.isfinite, values)) else None


def _index_values(row: IndexRow) -> dict[str, Any]:
    return {**row.model_dump(), "created_ts": UUID(time_uuid(row.created_ts, row.page_id))}


def _index_row(row: ResultRow) -> IndexRow:
    return IndexRow(**row | {"created_ts": time_of_uuid(str(row["created_ts"]))})
