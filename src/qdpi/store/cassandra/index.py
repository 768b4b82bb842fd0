"""The index: readings, vectors, and the reader's index of pages.

What is a function of a page and of a model is written at the present time: of one revision the last write
stands, and of several the highest revision, which readers choose. So a new model's vector replaces an old one's.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from qdpi.concurrency import map_concurrently
from qdpi.ids import time_of_uuid, time_uuid
from qdpi.store.cassandra.parts import OnCluster, batches
from qdpi.store.cassandra.session import Row
from qdpi.store.cassandra.statements import Change, Consistency, Statement, insert, select
from qdpi.store.cassandra.vectors import Scored, best, indexable, ranked
from qdpi.store.columns import as_json
from qdpi.store.rows import Embedding, IndexRow, ReadingRow

CANDIDATES: Final = 10
"""How many times `k` pages the server's approximate search is asked for, to be ranked exactly here."""
_FEWEST, _MOST = 100, 1_000
"""Bounds of that; Cassandra's own is 1,000."""

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
_ALL_EMBEDDINGS: Final = select(_EMBEDDING, "page_embeddings", "PER PARTITION LIMIT 1", page=1_000)
_NEAREST: Final = Statement(
    "SELECT page_id FROM {keyspace}.page_embeddings "
    "WHERE model = :model ORDER BY vector ANN OF :vector LIMIT :candidates",
    Consistency.ONE,
    page=_MOST + 1,
)
_PUT_ROW: Final = insert("pages_index", _ROW)
_ROWS: Final = select(_ROW, "pages_index", "WHERE character_id = :character_id AND section = :section", page=1_000)
_ONE_ROW: Final = select(
    _ROW, "pages_index", "WHERE character_id = :character_id AND section = :section AND page_id = :page_id LIMIT 1"
)
WARM: Final = (_PUT_READING, _GET_READING, _PUT_ROW)


class Index(OnCluster):
    """The verbs on the index."""

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
        """Return the kept readings of (page id, revision) pairs."""
        rows = await map_concurrently(
            lambda page: self._connection.first(
                _GET_READING, page_id=page[0], revision=page[1], extractor_version=extractor_version
            ),
            pages,
        )
        kept = (ReadingRow(**row, reading=json.loads(row["reading_json"])) for row in rows if row)
        return {(reading.page_id, reading.revision): reading for reading in kept}

    async def put_embeddings(self, embeddings: Sequence[Embedding]) -> None:
        """Store vectors; a lower revision never replaces a higher one."""
        await map_concurrently(lambda embedding: self._connection.write(*self._embedded(embedding)), embeddings)

    async def embeddings(self, page_ids: Collection[str]) -> Mapping[str, Embedding]:
        """Return the vectors of pages, those that have one."""
        rows = await map_concurrently(lambda page_id: self._connection.first(_GET_EMBEDDING, page_id=page_id), page_ids)
        return {row["page_id"]: Embedding(**row) for row in rows if row}

    async def nearest(self, vector: bytes, model: str, k: int) -> list[Scored]:
        """Return the `k` pages whose vectors by `model` are nearest by cosine, with their similarity.

        The server's search is approximate: it gives candidates, which are ranked here as everywhere. Where it
        gives no more than were asked for, all are few, and all are read: so the answer of a small set is exact.
        """
        if k <= 0:
            return []
        wanted = max(CANDIDATES * k, _FEWEST)
        query = indexable(vector)
        if query and self._connection.vectors and wanted <= _MOST:
            found = await self._connection.ask(_NEAREST, model=model, vector=query, candidates=wanted)
            if len(found) == wanted:
                near = await self.embeddings({row["page_id"] for row in found})
                return ranked(vector, model, near.values())[:k]
        return await self._nearest_of_all(vector, model, k)

    async def index_pages(self, rows: Sequence[IndexRow]) -> None:
        """Store rows of the index of pages; a lower revision never replaces a higher one."""
        changes = [Change(_PUT_ROW, _index_values(row)) for row in rows]
        shelves = batches(changes, by=lambda change: (change.values["character_id"], change.values["section"]))
        await map_concurrently(lambda changes: self._connection.write(*changes), shelves)

    async def index(self, character_id: str, section: int) -> list[IndexRow]:
        """Return the index of a character's pages in a section, by page id."""
        rows = await self._connection.ask(_ROWS, character_id=character_id, section=section)
        highest = {row["page_id"]: row for row in reversed(rows)}
        return [_index_row(highest[page_id]) for page_id in sorted(highest)]

    async def index_row(self, character_id: str, section: int, page_id: str) -> IndexRow | None:
        """Return one page's row of that index, None where there is none."""
        row = await self._connection.first(_ONE_ROW, character_id=character_id, section=section, page_id=page_id)
        return _index_row(row) if row else None

    def _embedded(self, embedding: Embedding) -> list[Change]:
        values = embedding.model_dump()
        put = Change(_PUT_EMBEDDING, values)
        if self._connection.vectors:
            put = Change(_PUT_INDEXED, {**values, "vector": indexable(embedding.embedding)})
        return [Change(_DROP_OLDER, values), put] if embedding.revision > 1 else [put]

    async def _nearest_of_all(self, vector: bytes, model: str, k: int) -> list[Scored]:
        nearest: list[Scored] = []
        async for page in self._all_embeddings():
            nearest = best([*nearest, *ranked(vector, model, page)])[:k]
        return nearest

    async def _all_embeddings(self) -> AsyncIterator[list[Embedding]]:
        async for rows in self._connection.pages(_ALL_EMBEDDINGS):
            yield [Embedding(**row) for row in rows]


def _index_values(row: IndexRow) -> dict[str, Any]:
    return {**row.model_dump(), "created_ts": UUID(time_uuid(row.created_ts, row.page_id))}


def _index_row(row: Row) -> IndexRow:
    return IndexRow(**row | {"created_ts": time_of_uuid(str(row["created_ts"]))})
