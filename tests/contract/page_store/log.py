"""The `Log` port: the events log, snapshots and section statistics."""

from __future__ import annotations

from tests.support import factories as make

from qdpi.store.ports import PageStore
from qdpi.store.rows import SectionStatistics


class LogSuite:
    """The events log, snapshots and section statistics."""

    async def test_log_order(self, store: PageStore) -> None:
        """The log is ordered by time and event id, in whatever order it was written."""
        rows = [make.log_row(event_id=f"e-{n:02d}", ts=make.at(n // 3 * 0.000_001)) for n in range(12)]
        early = make.log_row(event_id="z", ts=make.at(-1_000_000))
        await store.append_log([*rows[6:], early])
        await store.append_log(list(reversed(rows[:8])))
        await store.append_log([])
        await store.append_log(rows)
        assert await store.log("reader") == [early, *rows]
        assert await store.log("reader", limit=3) == [early, *rows[:2]]

    async def test_log_since_a_time(self, store: PageStore) -> None:
        times = [1, 2, 2, 2, 3]
        rows = [make.log_row(event_id=f"e-{n}", ts=make.at(second)) for n, second in enumerate(times)]
        await store.append_log(rows)
        assert await store.log("reader", since=make.at(2)) == rows[1:]
        assert await store.log("reader", since=make.at(2), limit=3) == rows[1:4]
        assert await store.log("reader", since=make.at(2.000001)) == rows[4:]
        assert await store.log("reader", since=make.at(4)) == []

    async def test_repeated_events_are_logged_once(self, store: PageStore) -> None:
        """A repeat with another time or body changes nothing."""
        first = make.log_row(event_id="e-1")
        await store.append_log([first])
        await store.append_log([make.log_row(event_id="e-1", ts=make.at(5), payload_json="another"), first])
        await store.append_log([make.log_row("yours", event_id="e-1", ts=make.at(5))])
        assert await store.log("reader") == [first]
        assert len(await store.log("yours")) == 1

    async def test_newest_rows_of_a_topic(self, store: PageStore) -> None:
        """The newest come first, each event once, of one topic and journey."""
        saved = [make.log_row(event_id=f"v-{n}", ts=make.at(n // 2), type="gibsey.vault") for n in range(6)]
        others = [make.log_row(event_id=f"o-{n}", ts=make.at(n + 0.5)) for n in range(6)]
        await store.append_log([*others, *saved, make.log_row("yours", event_id="v-9", type="gibsey.vault")])
        assert await store.newest("reader", "gibsey.vault", 4) == saved[:1:-1]
        await store.append_log([make.log_row(event_id="v-0", ts=make.at(9), type="gibsey.vault")])
        assert await store.newest("reader", "gibsey.vault", 100) == saved[::-1]
        assert (await store.newest("reader", others[0].type, 100)) == others[::-1]
        assert await store.newest("reader", "gibsey.none", 4) == []
        assert await store.newest("nobody", "gibsey.vault", 4) == []

    async def test_log_of_one_topic(self, store: PageStore) -> None:
        saved = [make.log_row(event_id=f"v-{n}", ts=make.at(n), type="gibsey.vault") for n in range(6)]
        others = [make.log_row(event_id=f"o-{n}", ts=make.at(n + 0.5)) for n in range(6)]
        await store.append_log([*others, *saved])
        assert await store.log("reader", topic="gibsey.vault") == saved
        assert await store.log("reader", topic="gibsey.vault", limit=2) == saved[:2]
        assert await store.log("reader", topic="gibsey.vault", since=make.at(4)) == saved[4:]
        assert await store.log("reader", topic="gibsey.none") == []

    async def test_logged_event_by_id(self, store: PageStore) -> None:
        """An event is found by its id, in its own journey, as it was first logged."""
        first = make.log_row(event_id="e-1")
        assert await store.logged("reader", "e-1") is None
        await store.append_log([first, make.log_row(event_id="e-2", ts=make.at(1))])
        await store.append_log([make.log_row(event_id="e-1", ts=make.at(5), payload_json="another")])
        await store.append_log([make.log_row("yours", event_id="e-1", ts=make.at(7))])
        assert await store.logged("reader", "e-1") == first
        assert await store.logged("reader", "e-3") is None
        assert await store.logged("nobody", "e-1") is None

    async def test_logs_are_per_journey(self, store: PageStore) -> None:
        await store.append_log([make.log_row("mine"), make.log_row("yours")])
        assert await store.log("mine") == [make.log_row("mine")]

    async def test_logged_journeys_are_listed_once(self, store: PageStore) -> None:
        """Each journey with a row of the log is yielded once; an outcome alone does not count."""
        assert [journey async for journey in store.logged_journeys()] == []
        first = make.outcome("one", seq=1)
        await store.commit_outcome("one", first.request_id, 0, first)
        for journey in ("two", "three"):
            await store.append_log([make.log_row(journey, event) for event in ("e-1", "e-2")])
        assert sorted([journey async for journey in store.logged_journeys()]) == ["three", "two"]

    async def test_older_snapshot_loses(self, store: PageStore) -> None:
        for seq in (2, 3, 3, 1):
            await store.save_snapshot(make.snapshot("reader", seq))
        assert await store.snapshot("reader") == make.snapshot("reader", 3)

    async def test_newest_snapshot_of_a_long_journey(self, store: PageStore) -> None:
        for seq in range(1, 121):
            await store.save_snapshot(make.snapshot("reader", seq))
        await store.save_snapshot(make.snapshot("reader", 5))
        assert await store.snapshot("reader") == make.snapshot("reader", 120)

    async def test_statistics_of_an_unused_section_are_zero(self, store: PageStore) -> None:
        await store.save_snapshot(make.snapshot("reader", 1, make.branch(4, pages=2)))
        assert await store.section_statistics(3) == figures(3, 0, 0, 0)

    async def test_statistics_are_sums_over_journeys(self, store: PageStore) -> None:
        both = (make.branch(2, pages=3), make.branch(2, pages=1, opened_seq=2))
        await store.save_snapshot(make.snapshot("one", 4, *both))
        await store.save_snapshot(make.snapshot("two", 1, make.branch(2, pages=1), make.branch(5, pages=2)))
        assert await store.section_statistics(2) == figures(2, 2, 3, 5)
        assert await store.section_statistics(5) == figures(5, 1, 1, 2)

    async def test_statistics_after_a_branch_closed(self, store: PageStore) -> None:
        """A closed branch leaves the sums, and its journey stays counted."""
        opened = make.snapshot("one", 1, make.branch(2, pages=1))
        closed = make.snapshot("one", 2)
        for snapshot in (opened, opened, closed, opened, closed):
            await store.save_snapshot(snapshot)
        await store.save_snapshot(make.snapshot("two", 1, make.branch(2, pages=1)))
        assert await store.section_statistics(2) == figures(2, 2, 1, 1)

    async def test_statistics_do_not_depend_on_snapshot_order(self, store: PageStore) -> None:
        opened, closed = make.snapshot("one", 1, make.branch(2, pages=1)), make.snapshot("one", 2)
        await store.save_snapshot(closed)
        await store.save_snapshot(opened)
        assert await store.section_statistics(2) == figures(2, 1, 0, 0)

    async def test_section_figures_of_a_journey(self, store: PageStore) -> None:
        """Figures are per journey, with zeros for sections whose branches closed."""
        await store.save_snapshot(make.snapshot("one", 1, make.branch(2, pages=1)))
        await store.save_snapshot(make.snapshot("one", 2, make.branch(5, pages=3)))
        await store.save_snapshot(make.snapshot("two", 1, make.branch(2, pages=4)))
        assert await store.section_figures("one") == {2: (0, 0), 5: (1, 3)}
        assert await store.section_figures("nobody") == {}


def figures(section: int, journeys: int, open_branches: int, return_debt: int) -> SectionStatistics:
    return SectionStatistics(section=section, journeys=journeys, open_branches=open_branches, return_debt=return_debt)
