"""The `Pages` port: pages, edges and signals."""

from __future__ import annotations

from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import factories as make

from qdpi.page_schema import Edges
from qdpi.store.ports import PageStore

some_examples = settings(
    max_examples=20,
    deadline=None,
    # The store of a test is made once, and every adapter's class is another executor of the same examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
words = st.text(max_size=400)
names = st.text(min_size=1, max_size=40)


class PagesSuite:
    """Pages with their edges and signals."""

    async def test_storing_a_page_is_idempotent(self, store: PageStore) -> None:
        page = make.generated_page()
        for _ in range(3):
            await store.link_page(page)
            await store.put_page(page)
        assert await store.page(page.page_id) == page
        assert await store.edges(page.page_id) == page.edges
        assert await store.signals(page.page_id) == page.signals

    async def test_page_revisions_only_increase(self, store: PageStore) -> None:
        """A newer revision replaces a page; a late older one does not."""
        old = make.generated_page(text="old", edges=Edges(forks=("S02-P0001", "S03-P0001")))
        new = make.generated_page(text="new", revision=2, edges=Edges(loop_back_to="S01-P0002"))
        for page in (old, new, old):
            await store.link_page(page)
            await store.put_page(page)
        assert await store.page(new.page_id) == new
        assert await store.edges(new.page_id) == new.edges
        assert await store.signals(new.page_id) == new.signals

    async def test_linking_replaces_all_edges(self, store: PageStore) -> None:
        page = make.generated_page(edges=Edges(next_within="S01-P0002", forks=("S05-P0001", "S04-P0001")))
        await store.link_page(page)
        fewer = page.model_copy(update={"edges": Edges(forks=("S04-P0001",)), "revision": 2})
        await store.link_page(fewer)
        assert await store.edges(page.page_id) == fewer.edges
        bare = page.model_copy(update={"edges": Edges(), "revision": 3})
        await store.link_page(bare)
        assert await store.edges(page.page_id) == Edges()

    async def test_edges_before_their_page(self, store: PageStore) -> None:
        page = make.generated_page()
        await store.link_page(page)
        assert await store.edges(page.page_id) == page.edges
        assert await store.page(page.page_id) is None

    @some_examples
    @given(
        title=words,
        text=words,
        entities=st.lists(names, max_size=5),
        novelty=st.floats(0, 1),
        coherence=st.floats(0, 1),
        forks=st.lists(names, max_size=4),
        mirrors=st.lists(names, max_size=4),
        unknown=st.dictionaries(names, words | st.integers() | st.none(), max_size=3),
        created=st.datetimes(timezones=st.just(make.BEGINNING.tzinfo)),
    )
    async def test_pages_round_trip(
        self, store: PageStore, title, text, entities, novelty, coherence, forks, mirrors, unknown, created
    ) -> None:
        """Pages with any texts, edges, signals, times and unknown fields are returned unchanged."""
        page = make.generated_page(
            page_id=str(uuid4()),  # a page has one time, and every example is another page
            title=title,
            text=text,
            created_at=created,
            edges={"forks": forks, "mirrors": mirrors, **prefixed(unknown)},
            signals={"entities": entities, "novelty": novelty, "coherence": coherence, **prefixed(unknown)},
            validation=make.validation(**prefixed(unknown)),
        )
        await store.link_page(page)
        await store.put_page(page)
        assert await store.page(page.page_id) == page
        assert await store.edges(page.page_id) == page.edges
        assert await store.signals(page.page_id) == page.signals


def prefixed(fields: dict[str, object]) -> dict[str, object]:
    """Return fields of a later version, which no model knows yet."""
    return {f"later_{name}": value for name, value in fields.items()}
