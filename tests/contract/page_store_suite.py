"""What every page store does, written against the port alone.

An adapter's test class inherits `PageStoreSuite` and gives the fixture `connect`: each call opens one more
client on the same data, which is empty when a test begins.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import factories as make

from qdpi.errors import BookRefused
from qdpi.page_schema import Edges, Page
from qdpi.store.ports import Answered, Committed, Moved, PageStore
from qdpi.store.rows import SectionStatistics

Connect = Callable[[], Awaitable[PageStore]]

some_examples = settings(
    max_examples=20,
    deadline=None,
    # The store of a test is made once, and every adapter's class is another executor of the same examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
words = st.text(max_size=400)
names = st.text(min_size=1, max_size=40)
AWKWARD = 'It\'s "quoted" \\ back; -- no comment\r\n\t\0 🫖👩🏽‍🚀 e\u0301 \u202e٣ <b>&amp;{}%s'


def vector(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


class PageStoreSuite:
    @pytest.fixture
    def connect(self) -> Connect:
        raise NotImplementedError("An adapter's class gives this fixture.")

    @pytest.fixture
    async def store(self, connect: Connect) -> PageStore:
        return await connect()

    # opening

    async def test_it_answers_once_it_is_open_and_may_be_opened_and_closed_again(self, store: PageStore) -> None:
        await store.open()
        await store.ping()
        await store.close()
        await store.close()
        await store.open()
        await store.ping()

    async def test_what_was_written_is_there_for_the_next_client(self, store: PageStore, connect: Connect) -> None:
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

    # the commit point

    async def test_outcomes_are_committed_one_after_another(self, store: PageStore) -> None:
        first = make.outcome(seq=1)
        second = make.outcome(seq=2, before=first.state, fails=True)
        assert await store.commit_outcome("reader", first.request_id, 0, first) == Committed()
        assert await store.commit_outcome("reader", second.request_id, 1, second) == Committed()
        assert await store.outcomes("reader") == [first, second]
        assert await store.last_outcome("reader") == second
        assert await store.outcome("reader", first.request_id) == first

    async def test_every_journey_with_an_outcome_is_given_once(self, store: PageStore) -> None:
        assert [journey async for journey in store.journeys()] == []
        for journey in ("one", "two", "three"):
            first = make.outcome(journey, seq=1)
            second = make.outcome(journey, seq=2, before=first.state)
            await store.commit_outcome(journey, first.request_id, 0, first)
            await store.commit_outcome(journey, second.request_id, 1, second)
        await store.append_log([make.log_row("four")])
        assert sorted([journey async for journey in store.journeys()]) == ["one", "three", "two"]

    async def test_every_journey_with_a_row_of_the_log_is_given_once(self, store: PageStore) -> None:
        assert [journey async for journey in store.logged_journeys()] == []
        first = make.outcome("one", seq=1)
        await store.commit_outcome("one", first.request_id, 0, first)
        for journey in ("two", "three"):
            await store.append_log([make.log_row(journey, event) for event in ("e-1", "e-2")])
        assert sorted([journey async for journey in store.logged_journeys()]) == ["three", "two"]

    async def test_a_request_that_has_an_outcome_is_answered_with_it_and_no_other(self, store: PageStore) -> None:
        first = make.outcome(seq=1, text="the first telling")
        await store.commit_outcome("reader", first.request_id, 0, first)
        again = await store.commit_outcome("reader", first.request_id, 0, first)
        other = make.outcome(seq=1, text="another telling")
        elsewhere = make.outcome(seq=2, number=1, text="another telling")
        assert again == Answered(outcome=first)
        assert await store.commit_outcome("reader", other.request_id, 0, other) == Answered(outcome=first)
        assert await store.commit_outcome("reader", first.request_id, 1, elsewhere) == Answered(outcome=first)
        assert await store.outcomes("reader") == [first]

    async def test_a_run_that_decided_on_an_old_head_is_told_the_new_one(self, store: PageStore) -> None:
        first, late = make.outcome(seq=1), make.outcome(seq=1, number=2)
        await store.commit_outcome("reader", first.request_id, 0, first)
        assert await store.commit_outcome("reader", late.request_id, 0, late) == Moved(head=1)
        assert await store.outcome("reader", late.request_id) is None
        placed = make.outcome(seq=2, number=2, before=first.state)
        assert await store.commit_outcome("reader", placed.request_id, 1, placed) == Committed()

    async def test_a_run_that_is_ahead_of_the_head_leaves_no_gap(self, store: PageStore) -> None:
        ahead = make.outcome(seq=5)
        assert await store.commit_outcome("reader", ahead.request_id, 4, ahead) == Moved(head=0)
        assert await store.last_outcome("reader") is None

    async def test_an_outcome_that_says_another_place_than_it_is_given_is_refused(self, store: PageStore) -> None:
        outcome = make.outcome(seq=2)
        with pytest.raises(ValueError, match="cannot be committed"):
            await store.commit_outcome("reader", outcome.request_id, 0, outcome)
        with pytest.raises(ValueError, match="cannot be committed"):
            await store.commit_outcome("other", outcome.request_id, 1, outcome)
        assert await store.has_journeys() is False

    async def test_journeys_do_not_share_a_head(self, store: PageStore) -> None:
        mine, yours = make.outcome("mine"), make.outcome("yours")
        await store.commit_outcome("mine", mine.request_id, 0, mine)
        assert await store.commit_outcome("yours", yours.request_id, 0, yours) == Committed()
        assert await store.outcomes("mine") == [mine]

    async def test_outcomes_are_read_from_any_seq_on_in_pages(self, store: PageStore) -> None:
        told = [make.outcome(seq=seq) for seq in range(1, 13)]
        for outcome in told:
            await store.commit_outcome("reader", outcome.request_id, outcome.seq - 1, outcome)
        assert await store.outcomes("reader", after=9) == told[9:]
        assert await store.outcomes("reader", after=2, limit=3) == told[2:5]
        assert await store.outcomes("reader", after=12) == []

    async def test_eight_writers_racing_for_a_journey_fill_every_place_once(
        self, store: PageStore, connect: Connect
    ) -> None:
        """Every request is raced for by two writers, on two clients."""
        clients = (store, await connect())
        answers = await asyncio.gather(*(place(clients[w % 2], "raced", range(w // 2, 200, 4)) for w in range(8)))
        outcomes = await store.outcomes("raced")
        assert [outcome.seq for outcome in outcomes] == list(range(1, 201))
        assert len({outcome.request_id for outcome in outcomes}) == 200
        committed = [number for placed in answers for number in placed]
        assert sorted(committed) == list(range(200))

    async def test_writers_racing_in_many_journeys_do_not_hinder_each_other(self, store: PageStore) -> None:
        sessions = [f"reader-{n}" for n in range(20)]
        await asyncio.gather(*(place(store, session, range(5)) for session in sessions))
        for session in sessions:
            assert [outcome.seq for outcome in await store.outcomes(session)] == [1, 2, 3, 4, 5]

    async def test_an_attempts_number_is_claimed_once(self, store: PageStore, connect: Connect) -> None:
        clients = (store, await connect())
        claims = [clients[n % 2].begin_attempt("reader", "r-1") for n in range(24)]
        assert sorted(await asyncio.gather(*claims)) == list(range(1, 25))
        assert await store.begin_attempt("reader", "r-2") == 1
        assert await store.begin_attempt("other", "r-1") == 1

    async def test_it_tells_whether_there_are_journeys(self, store: PageStore) -> None:
        assert await store.has_journeys() is False
        outcome = make.outcome()
        await store.commit_outcome("reader", outcome.request_id, 0, outcome)
        assert await store.has_journeys() is True

    async def test_what_nobody_wrote_is_not_there(self, store: PageStore) -> None:
        assert await store.outcome("nobody", "nothing") is None
        assert await store.last_outcome("nobody") is None
        assert await store.outcomes("nobody") == []
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

    # pages

    async def test_a_page_is_the_same_however_often_it_is_stored(self, store: PageStore) -> None:
        page = make.generated_page()
        for _ in range(3):
            await store.link_page(page)
            await store.put_page(page)
        assert await store.page(page.page_id) == page
        assert await store.edges(page.page_id) == page.edges
        assert await store.signals(page.page_id) == page.signals

    async def test_a_newer_revision_replaces_a_page_and_a_late_older_one_does_not(self, store: PageStore) -> None:
        old = make.generated_page(text="old", edges=Edges(forks=("S02-P0001", "S03-P0001")))
        new = make.generated_page(text="new", revision=2, edges=Edges(loop_back_to="S01-P0002"))
        for page in (old, new, old):
            await store.link_page(page)
            await store.put_page(page)
        assert await store.page(new.page_id) == new
        assert await store.edges(new.page_id) == new.edges
        assert await store.signals(new.page_id) == new.signals

    async def test_linking_replaces_a_pages_edges_as_a_set(self, store: PageStore) -> None:
        page = make.generated_page(edges=Edges(next_within="S01-P0002", forks=("S05-P0001", "S04-P0001")))
        await store.link_page(page)
        fewer = page.model_copy(update={"edges": Edges(forks=("S04-P0001",)), "revision": 2})
        await store.link_page(fewer)
        assert await store.edges(page.page_id) == fewer.edges
        bare = page.model_copy(update={"edges": Edges(), "revision": 3})
        await store.link_page(bare)
        assert await store.edges(page.page_id) == Edges()

    async def test_a_page_is_linked_before_it_is_there(self, store: PageStore) -> None:
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
    async def test_what_is_put_is_got(
        self, store: PageStore, title, text, entities, novelty, coherence, forks, mirrors, unknown, created
    ) -> None:
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

    @pytest.mark.parametrize("text", [AWKWARD, "", "長" * 200_000], ids=["awkward", "empty", "long"])
    async def test_a_text_comes_back_as_it_went_in_wherever_it_is_kept(self, store: PageStore, text: str) -> None:
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

    # the log

    async def test_the_log_is_in_the_order_of_time_and_event_id_however_it_was_written(self, store: PageStore) -> None:
        rows = [make.log_row(event_id=f"e-{n:02d}", ts=make.at(n // 3 * 0.000_001)) for n in range(12)]
        early = make.log_row(event_id="z", ts=make.at(-1_000_000))
        await store.append_log([*rows[6:], early])
        await store.append_log(list(reversed(rows[:8])))
        await store.append_log([])
        await store.append_log(rows)
        assert await store.log("reader") == [early, *rows]
        assert await store.log("reader", limit=3) == [early, *rows[:2]]

    async def test_the_log_is_read_from_any_time_on(self, store: PageStore) -> None:
        times = [1, 2, 2, 2, 3]
        rows = [make.log_row(event_id=f"e-{n}", ts=make.at(second)) for n, second in enumerate(times)]
        await store.append_log(rows)
        assert await store.log("reader", since=make.at(2)) == rows[1:]
        assert await store.log("reader", since=make.at(2), limit=3) == rows[1:4]
        assert await store.log("reader", since=make.at(2.000001)) == rows[4:]
        assert await store.log("reader", since=make.at(4)) == []

    async def test_an_event_that_comes_again_with_another_time_or_body_is_logged_once_as_it_first_was(
        self, store: PageStore
    ) -> None:
        first = make.log_row(event_id="e-1")
        await store.append_log([first])
        await store.append_log([make.log_row(event_id="e-1", ts=make.at(5), payload_json="another"), first])
        await store.append_log([make.log_row("yours", event_id="e-1", ts=make.at(5))])
        assert await store.log("reader") == [first]
        assert len(await store.log("yours")) == 1

    async def test_a_log_of_one_topic_has_only_that_topics_rows_and_as_many_as_are_asked_for(
        self, store: PageStore
    ) -> None:
        saved = [make.log_row(event_id=f"v-{n}", ts=make.at(n), type="gibsey.vault") for n in range(6)]
        others = [make.log_row(event_id=f"o-{n}", ts=make.at(n + 0.5)) for n in range(6)]
        await store.append_log([*others, *saved])
        assert await store.log("reader", topic="gibsey.vault") == saved
        assert await store.log("reader", topic="gibsey.vault", limit=2) == saved[:2]
        assert await store.log("reader", topic="gibsey.vault", since=make.at(4)) == saved[4:]
        assert await store.log("reader", topic="gibsey.none") == []

    async def test_an_event_is_found_by_its_id_as_it_first_was_in_its_own_journey(self, store: PageStore) -> None:
        first = make.log_row(event_id="e-1")
        assert await store.logged("reader", "e-1") is None
        await store.append_log([first, make.log_row(event_id="e-2", ts=make.at(1))])
        await store.append_log([make.log_row(event_id="e-1", ts=make.at(5), payload_json="another")])
        await store.append_log([make.log_row("yours", event_id="e-1", ts=make.at(7))])
        assert await store.logged("reader", "e-1") == first
        assert await store.logged("reader", "e-3") is None
        assert await store.logged("nobody", "e-1") is None

    async def test_a_log_is_one_journeys_own(self, store: PageStore) -> None:
        await store.append_log([make.log_row("mine"), make.log_row("yours")])
        assert await store.log("mine") == [make.log_row("mine")]

    # snapshots and section statistics

    async def test_the_newest_snapshot_stands_however_late_an_older_one_comes(self, store: PageStore) -> None:
        for seq in (2, 3, 3, 1):
            await store.save_snapshot(make.snapshot("reader", seq))
        assert await store.snapshot("reader") == make.snapshot("reader", 3)

    async def test_a_snapshot_of_a_long_journey_is_its_newest(self, store: PageStore) -> None:
        for seq in range(1, 121):
            await store.save_snapshot(make.snapshot("reader", seq))
        await store.save_snapshot(make.snapshot("reader", 5))
        assert await store.snapshot("reader") == make.snapshot("reader", 120)

    async def test_a_section_nobody_departed_from_is_all_zero(self, store: PageStore) -> None:
        await store.save_snapshot(make.snapshot("reader", 1, make.branch(4, pages=2)))
        assert await store.section_statistics(3) == figures(3, 0, 0, 0)

    async def test_a_sections_figures_are_the_sums_over_its_journeys(self, store: PageStore) -> None:
        both = (make.branch(2, pages=3), make.branch(2, pages=1, opened_seq=2))
        await store.save_snapshot(make.snapshot("one", 4, *both))
        await store.save_snapshot(make.snapshot("two", 1, make.branch(2, pages=1), make.branch(5, pages=2)))
        assert await store.section_statistics(2) == figures(2, 2, 3, 5)
        assert await store.section_statistics(5) == figures(5, 1, 1, 2)

    async def test_a_branch_that_came_back_leaves_the_figures_and_its_journey_stays_counted(
        self, store: PageStore
    ) -> None:
        opened = make.snapshot("one", 1, make.branch(2, pages=1))
        closed = make.snapshot("one", 2)
        for snapshot in (opened, opened, closed, opened, closed):
            await store.save_snapshot(snapshot)
        await store.save_snapshot(make.snapshot("two", 1, make.branch(2, pages=1)))
        assert await store.section_statistics(2) == figures(2, 2, 1, 1)

    async def test_the_figures_are_the_same_in_whatever_order_snapshots_come(self, store: PageStore) -> None:
        opened, closed = make.snapshot("one", 1, make.branch(2, pages=1)), make.snapshot("one", 2)
        await store.save_snapshot(closed)
        await store.save_snapshot(opened)
        assert await store.section_statistics(2) == figures(2, 1, 0, 0)

    async def test_a_journeys_figures_are_its_own_with_a_zero_for_what_came_back(self, store: PageStore) -> None:
        await store.save_snapshot(make.snapshot("one", 1, make.branch(2, pages=1)))
        await store.save_snapshot(make.snapshot("one", 2, make.branch(5, pages=3)))
        await store.save_snapshot(make.snapshot("two", 1, make.branch(2, pages=4)))
        assert await store.section_figures("one") == {2: (0, 0), 5: (1, 3)}
        assert await store.section_figures("nobody") == {}

    # the canon

    async def test_a_canon_is_invisible_until_it_is_switched_to(self, store: PageStore) -> None:
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

    async def test_a_prepared_revision_changes_nothing_that_readers_see(self, store: PageStore) -> None:
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

    async def test_a_new_revision_keeps_what_is_unchanged_and_what_it_drops(self, store: PageStore) -> None:
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

    async def test_switching_again_changes_nothing(self, store: PageStore) -> None:
        _, second = await self.two_revisions(store)
        await store.switch_canon(make.canon_revision(2))
        await store.switch_canon(make.canon_revision(1))
        assert await store.canon() == make.canon_revision(2)
        assert await store.page(second[1].page_id) == second[1]

    async def test_of_two_preparations_the_higher_revision_stays_whichever_is_switched_last(
        self, store: PageStore
    ) -> None:
        slow = [page.model_copy(update={"text": "slow", "revision": 2}) for page in make.ring(3)]
        quick = [page.model_copy(update={"text": "quick", "revision": 3}) for page in make.ring(3)]
        await store.put_canon(1, 0, slow)
        await store.put_canon(2, 0, quick)
        await store.switch_canon(make.canon_revision(2))
        await store.switch_canon(make.canon_revision(1))
        assert await store.canon() == make.canon_revision(2)
        assert await store.page("S01-P0001") == quick[0]
        assert await store.canon_pages(1) == slow

    async def test_a_revision_that_is_out_is_changed_by_nobody(self, store: PageStore) -> None:
        first, second = await self.two_revisions(store)
        late = [page.model_copy(update={"text": "late"}) for page in first]
        await store.put_canon(1, 0, list(reversed(late)))
        await store.put_canon(3, 0, late)
        assert await store.canon_pages(1) == first
        assert await store.page(second[1].page_id) == second[1]
        with pytest.raises(BookRefused, match="already"):
            await store.switch_canon(make.canon_revision(2, content_hash="another book"))
        assert await store.canon() == make.canon_revision(2)

    async def test_a_revision_with_pages_missing_is_refused(self, store: PageStore) -> None:
        await store.put_canon(1, 0, make.ring(3)[:2])
        with pytest.raises(BookRefused, match="2 of its 3 pages"):
            await store.switch_canon(make.canon_revision(1, pages=3))
        assert await store.canon() is None

    async def test_a_preparation_that_was_given_up_leaves_nothing_in_the_next(self, store: PageStore) -> None:
        given_up = [page.model_copy(update={"text": "given up"}) for page in make.ring(5)]
        await store.put_canon(1, 0, given_up)
        await store.put_canon(1, 0, make.ring(3))
        await store.switch_canon(make.canon_revision(1, pages=3))
        assert await store.canon_pages(1) == make.ring(3)
        assert await store.page("S01-P0001") == make.ring(3)[0]

    async def test_a_late_put_of_an_older_canon_page_loses(self, store: PageStore) -> None:
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

    # the index

    async def test_readings_are_kept_by_page_revision_and_extractor(self, store: PageStore) -> None:
        kept = [make.reading("a", 1, "1"), make.reading("a", 2, "1"), make.reading("b", 1, "1")]
        await store.put_readings([*kept, make.reading("a", 1, "2")])
        await store.put_readings(kept)
        await store.put_readings([])
        wanted = [("a", 1), ("b", 1), ("c", 1), ("b", 2)]
        assert await store.readings(wanted, "1") == {("a", 1): kept[0], ("b", 1): kept[2]}
        assert await store.readings(wanted, "2") == {("a", 1): make.reading("a", 1, "2")}
        assert await store.readings(wanted, "3") == {}

    async def test_many_readings_are_read_at_once(self, store: PageStore) -> None:
        kept = [make.reading(make.canon_id(n)) for n in range(1_000)]
        await store.put_readings(kept)
        found = await store.readings({(r.page_id, r.revision) for r in kept}, "1")
        assert found == {(r.page_id, r.revision): r for r in kept}

    async def test_the_nearest_pages_come_first_and_equals_by_page_id(self, store: PageStore) -> None:
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

    async def test_many_equal_vectors_tie_by_page_id(self, store: PageStore) -> None:
        pages = [f"page-{n:03d}" for n in range(300)]
        same = vector(*(0.1 * n for n in range(1, 70)))
        await store.put_embeddings([make.embedding(page, same) for page in reversed(pages)])
        assert [page for page, _ in await store.nearest(same, "m", 20)] == pages[:20]

    async def test_a_vector_is_replaced_by_a_newer_one_and_not_by_an_older(
        self, store: PageStore, connect: Connect
    ) -> None:
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

    async def test_the_index_of_pages_is_by_character_and_section(self, store: PageStore) -> None:
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

    # the vault

    async def test_a_vault_holds_what_was_saved_the_oldest_first(self, store: PageStore) -> None:
        entries = [make.vault_entry("late", 9), make.vault_entry("early", 1), make.vault_entry("mid", 5)]
        for entry in (*entries, *entries):
            await store.save(entry)
        await store.save(make.vault_entry("mid", 5, session_id="other"))
        assert await store.vault("reader") == [entries[1], entries[2], entries[0]]

    async def test_the_newest_change_of_a_saved_page_stands_in_whatever_order_they_come(self, store: PageStore) -> None:
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

    async def test_of_two_changes_at_one_time_the_higher_event_id_stands(self, store: PageStore) -> None:
        first, second = make.vault_entry("p", event_id="a"), make.vault_entry("p", event_id="b", label="b")
        await store.save(second)
        await store.save(first)
        await store.unsave("reader", "p", second.saved_at, "aa")
        assert await store.vault("reader") == [second]

    async def test_a_pages_entry_is_found_while_it_is_saved_and_only_in_its_own_vault(self, store: PageStore) -> None:
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


def prefixed(fields: dict[str, object]) -> dict[str, object]:
    """Return fields of a later version, which no model knows yet."""
    return {f"later_{name}": value for name, value in fields.items()}


def figures(section: int, journeys: int, open_branches: int, return_debt: int) -> SectionStatistics:
    return SectionStatistics(section=section, journeys=journeys, open_branches=open_branches, return_debt=return_debt)


async def place(store: PageStore, session_id: str, numbers: range) -> list[int]:
    """Commit an outcome for each press, folding again when the journey moved; return those committed."""
    head, committed = 0, []
    for number in numbers:
        answer: Committed | Answered | Moved = Moved(head=head)
        while isinstance(answer, Moved):
            head = answer.head
            outcome = make.outcome(session_id, head + 1, number=number)
            answer = await store.commit_outcome(session_id, outcome.request_id, head, outcome)
        if isinstance(answer, Committed):
            committed.append(number)
            head += 1
        else:
            assert answer.outcome.request_id == make.request(session_id, number).request_id
    return committed
