"""The index: readings, vectors, and the reader's index of pages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from qdpi.ids import time_of_uuid, time_uuid
from qdpi.sqlite import Database
from qdpi.store.columns import as_json
from qdpi.store.embedded.statements import Repository, number, put_many, row, rows, upsert
from qdpi.store.embedded.vectors import VectorCache
from qdpi.store.rows import Embedding, IndexRow, ReadingRow

_READING = ("page_id", "revision", "extractor_version")


class Index(Repository):
    """The `Index` port."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._vectors: dict[tuple[str, int], VectorCache] = {}

    async def put_readings(self, readings: Sequence[ReadingRow]) -> None:
        """Store readings, each under its page, revision and extractor version."""
        columns = [
            {**reading.model_dump(exclude={"reading"}), "reading_json": as_json(reading.reading)}
            for reading in readings
        ]
        statement = upsert("readings", (*_READING, "reading_json"), _READING)
        await self._database.write(lambda c: put_many(c, statement, columns), durable=False)

    async def readings(
        self, pages: Collection[tuple[str, int]], extractor_version: str
    ) -> Mapping[tuple[str, int], ReadingRow]:
        """Return the stored readings of (page id, revision) pairs."""
        wanted = list(pages)

        def read(connection: sqlite3.Connection) -> dict[tuple[str, int], ReadingRow]:
            kept = (_reading(connection, *page, extractor_version) for page in wanted)
            return {(reading.page_id, reading.revision): reading for reading in kept if reading}

        return await self._database.read(read)

    async def put_embeddings(self, embeddings: Sequence[Embedding]) -> None:
        """Store vectors; a lower revision never replaces a higher one."""
        statement = upsert("page_embeddings", (*Embedding.model_fields, "change"), ("page_id",), version="revision")

        def store(connection: sqlite3.Connection) -> None:
            first = 1 + number(connection, "SELECT max(change) FROM page_embeddings")
            numbered = enumerate(embeddings, start=first)
            put_many(connection, statement, (e.model_dump() | {"change": change} for change, e in numbered))

        await self._database.write(store, durable=False)

    async def embeddings(self, page_ids: Collection[str]) -> Mapping[str, Embedding]:
        """Return the vectors of the pages that have one, by page id."""
        wanted = list(page_ids)

        def read(connection: sqlite3.Connection) -> dict[str, Embedding]:
            sql = "SELECT * FROM page_embeddings WHERE page_id = ?"
            found = (row(connection, sql, page_id) for page_id in wanted)
            return {kept["page_id"]: Embedding(**kept) for kept in found if kept}

        return await self._database.read(read)

    async def nearest(self, vector: bytes, model: str, k: int) -> list[tuple[str, float]]:
        """Return the `k` pages whose vectors by `model` are nearest by cosine, with their similarity."""
        kind = (model, len(vector) // 4)

        def search(connection: sqlite3.Connection) -> list[tuple[str, float]]:
            vectors = self._vectors.get(kind) or self._vectors.setdefault(kind, VectorCache(*kind))
            return vectors.nearest(connection, vector, k)

        return await self._database.read(search)

    async def index_pages(self, rows: Sequence[IndexRow]) -> None:
        """Store rows of the index of pages; a lower revision never replaces a higher one."""
        columns = [entry.model_dump() | {"created_ts": time_uuid(entry.created_ts, entry.page_id)} for entry in rows]
        statement = upsert(
            "pages_index", IndexRow.model_fields, ("character_id", "section", "page_id"), version="revision"
        )
        await self._database.write(lambda c: put_many(c, statement, columns), durable=False)

    async def index(self, character_id: str, section: int) -> list[IndexRow]:
        """Return the index of a character's pages in a section, by page id."""
        sql = "SELECT * FROM pages_index WHERE character_id = ? AND section = ? ORDER BY page_id"

        def read(connection: sqlite3.Connection) -> list[IndexRow]:
            return [_index_row(found) for found in rows(connection, sql, character_id, section)]

        return await self._database.read(read)

    async def index_row(self, character_id: str, section: int, page_id: str) -> IndexRow | None:
        """Return one page's row of that index, None without one."""
        sql = "SELECT * FROM pages_index WHERE character_id = ? AND section = ? AND page_id = ?"

        def read(connection: sqlite3.Connection) -> IndexRow | None:
            found = row(connection, sql, character_id, section, page_id)
            return _index_row(found) if found else None

        return await self._database.read(read)


def _index_row(stored: dict[str, Any]) -> IndexRow:
    return IndexRow(**stored | {"created_ts": time_of_uuid(stored["created_ts"])})


def _reading(connection: sqlite3.Connection, page_id: str, revision: int, extractor_version: str) -> ReadingRow | None:
    sql = "SELECT * FROM readings WHERE page_id = ? AND revision = ? AND extractor_version = ?"
    found = row(connection, sql, page_id, revision, extractor_version)
    return ReadingRow(**found, reading=json.loads(found["reading_json"])) if found else None
