"""The `Vault` port: the newest change of a page wins."""

from __future__ import annotations

from tests.support import factories as make

from qdpi.store.ports import PageStore


class VaultSuite:
    """Saved pages."""

    async def test_saved_pages_are_listed_oldest_first(self, store: PageStore) -> None:
        entries = [make.vault_entry("late", 9), make.vault_entry("early", 1), make.vault_entry("mid", 5)]
        for entry in (*entries, *entries):
            await store.save(entry)
        await store.save(make.vault_entry("mid", 5, session_id="other"))
        assert await store.vault("reader") == [entries[1], entries[2], entries[0]]

    async def test_newest_change_wins_in_any_order(self, store: PageStore) -> None:
        saved, relabelled = make.vault_entry("p", 1), make.vault_entry("p", 3, label="mine no more")
        changes = [
            lambda: store.save(saved),
            lambda: store.unsave("reader", "p", make.at(2), "e-2"),
            lambda: store.save(relabelled),
        ]
        for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0, 1, 2)):
            for change in order:
                await changes[change]()
            assert await store.vault("reader") == [relabelled]
        await store.unsave("reader", "p", make.at(4), "e-4")
        for change in (2, 0, 1):
            await changes[change]()
        assert await store.vault("reader") == []

    async def test_changes_of_one_time_are_ordered_by_event_id(self, store: PageStore) -> None:
        first, second = make.vault_entry("p", event_id="a"), make.vault_entry("p", event_id="b", label="b")
        await store.save(second)
        await store.save(first)
        await store.unsave("reader", "p", second.saved_at, "aa")
        assert await store.vault("reader") == [second]

    async def test_every_change_is_kept(self, store: PageStore) -> None:
        """Each change once, in the order of time and event id, whatever came first; of all time or since a moment."""
        saved, relabelled = make.vault_entry("p", 1), make.vault_entry("p", 3, label="mine no more")
        for _ in range(2):
            await store.save(relabelled, labelled=True)
            await store.unsave("reader", "p", make.at(4), "e-4")
            await store.save(saved)
            await store.save(make.vault_entry("q", 2))
            await store.save(make.vault_entry("p", 2, session_id="other"))
        changes = await store.changes("reader")
        assert [(row.page_id, row.action, row.saved_at) for row in changes] == [
            ("p", "saved", make.at(1)),
            ("q", "saved", make.at(2)),
            ("p", "labelled", make.at(3)),
            ("p", "unsaved", make.at(4)),
        ]
        assert [(row.event_id, row.label, row.notes) for row in (changes[0], changes[2], changes[3])] == [
            (saved.event_id, saved.label, saved.notes),
            (relabelled.event_id, "mine no more", relabelled.notes),
            ("e-4", "", ""),
        ]
        assert await store.changes("reader", since=make.at(3)) == changes[2:]
        assert await store.changes("reader", since=make.at(9)) == []
        assert await store.changes("nobody") == []

    async def test_saved_entry_of_a_page(self, store: PageStore) -> None:
        """An entry is found while its page is saved, and only in its own vault."""
        saved, relabelled = make.vault_entry("p", 1), make.vault_entry("p", 3, label="mine")
        assert await store.saved("reader", "p") is None
        await store.save(make.vault_entry("q", 2))
        for entry in (saved, relabelled, saved):
            await store.save(entry)
        assert await store.saved("reader", "p") == relabelled
        assert await store.saved("reader", "nothing") is None
        assert await store.saved("other", "p") is None
        await store.unsave("reader", "p", make.at(4), "e-4")
        assert await store.saved("reader", "p") is None
        await store.save(make.vault_entry("p", 5))
        assert await store.saved("reader", "p") == make.vault_entry("p", 5)
