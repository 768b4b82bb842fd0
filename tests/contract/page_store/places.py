"""The `Places` port: the newest place counts, and no page read is lost."""

from __future__ import annotations

import asyncio

from tests.contract.page_store.rig import Connect
from tests.support import factories as make

from qdpi.ids import bitmap_of
from qdpi.store.ports import PageStore


class PlacesSuite:
    """Where readers read."""

    async def test_place_is_kept_by_journey(self, store: PageStore) -> None:
        place = make.place_row(canon=bitmap_of([1, 710]), pages=bitmap_of([3]))
        assert await store.place("reader") is None
        assert await store.put_place(place) == place
        assert await store.put_place(place) == place
        assert await store.place("reader") == place
        assert await store.place("other") is None

    async def test_newest_place_wins_and_pages_read_are_joined(self, store: PageStore) -> None:
        """In any order: by time, then event id; the pages read in either are read."""
        first = make.place_row("S01-P0001", 1, canon=bitmap_of([1]), pages=bitmap_of([9]))
        second = make.place_row("S01-P0002", 2, canon=bitmap_of([2]))
        third = make.place_row("S01-P0003", 2, event_id="zz", canon=bitmap_of([3]))
        for place in (second, first, third):
            await store.put_place(place)
        merged = await store.put_place(second)
        expected = third.model_copy(update={"canon": bitmap_of([1, 2, 3]), "pages": bitmap_of([9])})
        assert merged == expected
        assert await store.place("reader") == expected

    async def test_concurrent_devices_lose_no_page(self, store: PageStore, connect: Connect) -> None:
        clients = (store, await connect())
        places = [make.place_row(make.canon_id(n), n, canon=bitmap_of([n])) for n in range(1, 21)]
        await asyncio.gather(*(clients[n % 2].put_place(place) for n, place in enumerate(places)))
        kept = await store.place("reader")
        assert kept == places[-1].model_copy(update={"canon": bitmap_of(range(1, 21))})
