"""The `Index` port: readings, vectors and the index of pages."""

from __future__ import annotations

import pytest
from tests.contract.page_store.rig import Connect, vector
from tests.support import factories as make

from qdpi.store.ports import PageStore


class IndexSuite:
    """Readings, vectors and the index of pages."""

    async def test_readings_are_keyed_by_page_revision_and_extractor(self, store: PageStore) -> None:
        kept = [make.reading("a", 1, "1"), make.reading("a", 2, "1"), make.reading("b", 1, "1")]
        await store.put_readings([*kept, make.reading("a", 1, "2")])
        await store.put_readings(kept)
        await store.put_readings([])
        wanted = [("a", 1), ("b", 1), ("c", 1), ("b", 2)]
        assert await store.readings(wanted, "1") == {("a", 1): kept[0], ("b", 1): kept[2]}
        assert await store.readings(wanted, "2") == {("a", 1): make.reading("a", 1, "2")}
        assert await store.readings(wanted, "3") == {}

    async def test_many_readings_in_one_call(self, store: PageStore) -> None:
        kept = [make.reading(make.canon_id(n)) for n in range(1_000)]
        await store.put_readings(kept)
        found = await store.readings({(r.page_id, r.revision) for r in kept}, "1")
        assert found == {(r.page_id, r.revision): r for r in kept}

    async def test_nearest_pages_are_ranked(self, store: PageStore) -> None:
        """The nearest pages come first, equals by page id; other models do not count."""
        await store.put_embeddings(
            [
                make.embedding("north", vector(0, 2)),
                make.embedding("east-b", vector(3, 0)),
                make.embedding("south", vector(0, -1)),
                make.embedding("east-a", vector(0.5, 0)),
                make.embedding("north-east", vector(1, 1)),
                make.embedding("nowhere", vector(0, 0)),
                make.embedding("of another model", vector(1, 0), model="other"),
            ]
        )
        found = await store.nearest(vector(7, 0), "m", 4)
        assert [page for page, _ in found] == ["east-a", "east-b", "north-east", "north"]
        assert [similarity for _, similarity in found] == pytest.approx([1, 1, 0.5**0.5, 0], abs=1e-5)
        assert [page for page, _ in await store.nearest(vector(7, 0), "m", 1)] == ["east-a"]
        assert len(await store.nearest(vector(7, 0), "m", 100)) == 6
        assert await store.nearest(vector(7, 0), "m", 0) == []
        assert [page for page, _ in await store.nearest(vector(1, 0), "other", 3)] == ["of another model"]

    async def test_equal_vectors_are_ranked_by_page_id(self, store: PageStore) -> None:
        pages = [f"page-{n:03d}" for n in range(300)]
        same = vector(*(0.1 * n for n in range(1, 70)))
        await store.put_embeddings([make.embedding(page, same) for page in reversed(pages)])
        assert [page for page, _ in await store.nearest(same, "m", 20)] == pages[:20]

    async def test_vector_revisions_only_increase(self, store: PageStore, connect: Connect) -> None:
        """A newer vector replaces an older one, and every client's ranking follows."""
        other = await connect()
        beside = make.embedding("b", vector(0.8, 0.6))
        await store.put_embeddings([make.embedding("a", vector(1, 0)), beside])
        assert [page for page, _ in await other.nearest(vector(1, 0), "m", 2)] == ["a", "b"]
        newer = make.embedding("a", vector(0, 1), revision=2)
        await store.put_embeddings([newer])
        await store.put_embeddings([make.embedding("a", vector(1, 0))])
        assert await store.embeddings(["a", "b", "c"]) == {"a": newer, "b": beside}
        for client in (store, other):
            assert [page for page, _ in await client.nearest(vector(1, 0), "m", 2)] == ["b", "a"]
        await store.put_embeddings([make.embedding("a", vector(1, 0), model="new", revision=2)])
        for client in (store, other):
            assert [page for page, _ in await client.nearest(vector(0, 1), "m", 2)] == ["b"]
            assert [page for page, _ in await client.nearest(vector(1, 0), "new", 2)] == ["a"]

    async def test_index_of_pages_by_character_and_section(self, store: PageStore) -> None:
        rows = [make.index_row("b"), make.index_row("a"), make.index_row("c", section=2)]
        await store.index_pages(rows)
        await store.index_pages([make.index_row("a", title="newer", revision=2)])
        await store.index_pages([*rows, make.index_row("d", character_id="london-fox")])
        await store.index_pages([])
        found = await store.index("an-author", 1)
        assert found == [make.index_row("a", title="newer", revision=2), make.index_row("b")]
        assert await store.index("an-author", 2) == [make.index_row("c", section=2)]
        assert await store.index_row("an-author", 1, "a") == make.index_row("a", title="newer", revision=2)
        assert await store.index_row("an-author", 2, "a") is None
