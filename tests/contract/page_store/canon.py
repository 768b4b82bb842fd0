"""The `Canon` port: revisions are prepared invisibly and published in one write."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support import factories as make

from qdpi.errors import BookRefused
from qdpi.page_schema import Page
from qdpi.store.ports import PageStore


class CanonSuite:
    """Revisions of the canon."""

    async def test_canon_is_invisible_until_its_switch(self, store: PageStore) -> None:
        first = make.ring(3)
        await store.put_canon(1, 0, first[:2])
        await store.put_canon(1, 2, first[2:])
        assert await store.canon() is None
        assert await store.canon_pages(1) == []
        assert await store.page(first[0].page_id) is None
        assert await store.edges(first[0].page_id) is None
        assert await store.page_revisions(first[0].page_id) == []
        await store.switch_canon(make.canon_revision(1))
        assert await store.canon() == make.canon_revision(1)
        assert await store.canon_pages(1) == first
        assert [await store.page(page.page_id) for page in first] == first
        assert [await store.edges(page.page_id) for page in first] == [page.edges for page in first]
        assert [await store.signals(page.page_id) for page in first] == [page.signals for page in first]

    async def test_prepared_revision_is_invisible(self, store: PageStore) -> None:
        first, second = await self.two_revisions(store, switch=False)
        assert await store.canon() == make.canon_revision(1)
        assert await store.canon(2) is None
        assert await store.canon_pages(2) == []
        assert await store.canon_pages(1) == first
        for page in first:
            assert await store.page(page.page_id) == page
            assert await store.edges(page.page_id) == page.edges
            assert await store.page_revisions(page.page_id) == [page]
        assert await store.page(second[-1].page_id) is None

    async def test_new_revision_keeps_older_pages(self, store: PageStore) -> None:
        """A new revision keeps unchanged pages, and dropped pages stay readable."""
        first, second = await self.two_revisions(store)
        assert await store.canon() == make.canon_revision(2)
        assert await store.canon_number() == 2
        assert await store.canon(1) == make.canon_revision(1)
        assert await store.canon_pages(1) == first
        assert await store.canon_pages(2) == second
        for page in second:
            assert await store.page(page.page_id) == page
            assert await store.edges(page.page_id) == page.edges
        dropped = first[2]
        assert await store.page(dropped.page_id) == dropped
        assert await store.page_revisions(first[1].page_id) == [first[1], second[1]]
        assert [p.revision for p in await store.page_revisions(first[0].page_id)] == [1]
        assert await store.page_revisions(dropped.page_id) == [dropped]

    async def test_drawings_belong_to_their_revision(self, store: PageStore) -> None:
        """Voices and their drawings are kept as they were in each revision, whatever letters are in them."""
        drawings = ['<svg xmlns="http://www.w3.org/2000/svg"><title>é 💧 \'"</title></svg>', None, "<svg/>"]
        voices = make.canon_revision().voices
        for number, svg in enumerate(drawings, start=1):
            await store.put_canon(
                number, 0, [page.model_copy(update={"canon_revision": number}) for page in make.ring(3)]
            )
            drawn = tuple(replace(voice, symbol_svg=svg) for voice in voices)
            await store.switch_canon(make.canon_revision(number, voices=drawn))
        for number, svg in enumerate(drawings, start=1):
            kept = await store.canon(number)
            assert kept is not None
            assert [voice.symbol_svg for voice in kept.voices] == [svg] * len(voices)

    async def test_switching_is_idempotent(self, store: PageStore) -> None:
        _, second = await self.two_revisions(store)
        await store.switch_canon(make.canon_revision(2))
        await store.switch_canon(make.canon_revision(1))
        assert await store.canon() == make.canon_revision(2)
        assert await store.page(second[1].page_id) == second[1]

    async def test_highest_revision_is_current(self, store: PageStore) -> None:
        """Of two prepared revisions the higher one is current, whichever is switched last."""
        slow = [page.model_copy(update={"text": "slow", "revision": 2}) for page in make.ring(3)]
        quick = [page.model_copy(update={"text": "quick", "revision": 3}) for page in make.ring(3)]
        await store.put_canon(1, 0, slow)
        await store.put_canon(2, 0, quick)
        await store.switch_canon(make.canon_revision(2))
        await store.switch_canon(make.canon_revision(1))
        assert await store.canon() == make.canon_revision(2)
        assert await store.page("S01-P0001") == quick[0]
        assert await store.canon_pages(1) == slow

    async def test_published_revisions_are_immutable(self, store: PageStore) -> None:
        first, second = await self.two_revisions(store)
        late = [page.model_copy(update={"text": "late"}) for page in first]
        await store.put_canon(1, 0, list(reversed(late)))
        await store.put_canon(3, 0, late)
        assert await store.canon_pages(1) == first
        assert await store.page(second[1].page_id) == second[1]
        with pytest.raises(BookRefused, match="already"):
            await store.switch_canon(make.canon_revision(2, content_hash="another book"))
        assert await store.canon() == make.canon_revision(2)

    async def test_incomplete_revision_is_refused(self, store: PageStore) -> None:
        await store.put_canon(1, 0, make.ring(3)[:2])
        with pytest.raises(BookRefused, match="2 of its 3 pages"):
            await store.switch_canon(make.canon_revision(1, pages=3))
        assert await store.canon() is None

    async def test_abandoned_preparation_leaves_nothing(self, store: PageStore) -> None:
        given_up = [page.model_copy(update={"text": "given up"}) for page in make.ring(5)]
        await store.put_canon(1, 0, given_up)
        await store.put_canon(1, 0, make.ring(3))
        await store.switch_canon(make.canon_revision(1, pages=3))
        assert await store.canon_pages(1) == make.ring(3)
        assert await store.page("S01-P0001") == make.ring(3)[0]

    async def test_late_write_of_an_older_canon_page_loses(self, store: PageStore) -> None:
        first, second = await self.two_revisions(store)
        await store.put_page(first[1])
        await store.link_page(first[1])
        assert await store.page(second[1].page_id) == second[1]
        assert await store.edges(second[1].page_id) == second[1].edges

    async def two_revisions(self, store: PageStore, *, switch: bool = True) -> tuple[list[Page], list[Page]]:
        """Put a ring of three, then one that keeps the first, changes the second, replaces the third."""
        first = make.ring(3)
        await store.put_canon(1, 0, first)
        await store.switch_canon(make.canon_revision(1, pages=3))
        second = [
            first[0].model_copy(update={"canon_revision": 2}),
            make.canon_page(2, text="rewritten", revision=2, next_id="S01-P0004", canon_revision=2),
            make.canon_page(4, next_id="S01-P0001", canon_revision=2),
        ]
        await store.put_canon(2, 0, second)
        if switch:
            await store.switch_canon(make.canon_revision(2, pages=3))
        return first, second
