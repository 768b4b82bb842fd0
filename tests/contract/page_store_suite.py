"""The behaviour of every page store, written against the ports alone.

An adapter's test class inherits `PageStoreSuite` and overrides the fixture `connect`: each call opens one more
client on the same data, which is empty when a test begins.
"""

from __future__ import annotations

import pytest
from tests.contract.page_store.canon import CanonSuite
from tests.contract.page_store.index import IndexSuite
from tests.contract.page_store.log import LogSuite
from tests.contract.page_store.outcomes import OutcomesSuite
from tests.contract.page_store.pages import PagesSuite
from tests.contract.page_store.places import PlacesSuite
from tests.contract.page_store.rig import Connect, vector
from tests.contract.page_store.vault import VaultSuite
from tests.support import factories as make

from qdpi.store.ports import PageStore

AWKWARD = 'It\'s "quoted" \\ back; -- no comment\r\n\t\0 🫖👩🏽‍🚀 e\u0301 \u202e٣ <b>&amp;{}%s'


class PageStoreSuite(OutcomesSuite, PagesSuite, LogSuite, CanonSuite, IndexSuite, VaultSuite, PlacesSuite):
    """The behaviour of a `PageStore`: the suites of its ports, its lifecycle, and tests across ports."""

    @pytest.fixture
    def connect(self) -> Connect:
        raise NotImplementedError("An adapter's class overrides this fixture.")

    @pytest.fixture
    async def store(self, connect: Connect) -> PageStore:
        return await connect()

    async def test_open_and_close_are_idempotent(self, store: PageStore) -> None:
        """An open store answers; it may be closed twice and opened again."""
        await store.open()
        await store.ping()
        await store.close()
        await store.close()
        await store.open()
        await store.ping()

    async def test_writes_survive_reopening(self, store: PageStore, connect: Connect) -> None:
        outcome = make.outcome()
        await store.commit_outcome("reader", outcome.request_id, 0, outcome)
        await store.put_page(make.generated_page())
        await store.link_page(make.generated_page())
        await store.save(make.vault_entry())
        await store.close()
        again = await connect()
        assert await again.last_outcome("reader") == outcome
        assert await again.page(make.generated_page().page_id) == make.generated_page()
        assert await again.edges(make.generated_page().page_id) == make.generated_page().edges
        assert await again.vault("reader") == [make.vault_entry()]

    async def test_empty_store_has_nothing(self, store: PageStore) -> None:
        assert await store.outcome("nobody", "nothing") is None
        assert await store.last_outcome("nobody") is None
        assert await store.outcomes("nobody") == []
        assert await store.head("nobody") == 0
        assert await store.tree("nobody", 0, 10) == []
        assert await store.page("nothing") is None
        assert await store.edges("nothing") is None
        assert await store.signals("nothing") is None
        assert await store.log("nobody") == []
        assert await store.snapshot("nobody") is None
        assert await store.canon() is None
        assert await store.canon_number() is None
        assert await store.canon(7) is None
        assert await store.canon_pages(7) == []
        assert await store.page_revisions("nothing") == []
        assert await store.readings([("nothing", 1)], "1") == {}
        assert await store.readings([], "1") == {}
        assert await store.embeddings(["nothing"]) == {}
        assert await store.nearest(vector(1, 0), "m", 5) == []
        assert await store.index("an-author", 1) == []
        assert await store.vault("nobody") == []

    @pytest.mark.parametrize("text", [AWKWARD, "", "長" * 200_000], ids=["awkward", "empty", "long"])
    async def test_texts_round_trip(self, store: PageStore, text: str) -> None:
        """Awkward, empty and long texts are returned unchanged from every table that holds a text."""
        outcome = make.outcome(text=text)
        entry = make.vault_entry(label=text, notes=text)
        row = make.log_row(payload_json=text)
        await store.commit_outcome("reader", outcome.request_id, 0, outcome)
        await store.put_canon(1, 0, [make.canon_page(text=text)])
        await store.switch_canon(make.canon_revision(pages=1, title=text))
        await store.save(entry)
        await store.append_log([row])
        await store.index_pages([make.index_row(title=text, excerpt=text)])
        assert await store.outcome("reader", outcome.request_id) == outcome
        assert await store.canon_pages(1) == [make.canon_page(text=text)]
        assert await store.page("S01-P0001") == make.canon_page(text=text)
        assert await store.canon() == make.canon_revision(pages=1, title=text)
        assert await store.vault("reader") == [entry]
        assert await store.log("reader") == [row]
        assert await store.index("an-author", 1) == [make.index_row(title=text, excerpt=text)]
