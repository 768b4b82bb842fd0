"""The `Outcomes` port: one commit point for each journey."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.page_store.rig import Connect
from tests.support import factories as make

from qdpi.store.columns import tree_row
from qdpi.store.ports import Answered, Committed, Moved, PageStore


class OutcomesSuite:
    """Outcomes, attempts and journeys."""

    async def test_outcomes_commit_in_order(self, store: PageStore) -> None:
        first = make.outcome(seq=1)
        second = make.outcome(seq=2, before=first.state, fails=True)
        assert await store.commit_outcome("reader", first.request_id, 0, first) == Committed()
        assert await store.commit_outcome("reader", second.request_id, 1, second) == Committed()
        assert await store.outcomes("reader") == [first, second]
        assert await store.last_outcome("reader") == second
        assert await store.outcome("reader", first.request_id) == first

    async def test_journeys_are_listed_once(self, store: PageStore) -> None:
        """Each journey with an outcome is yielded once; a row of the log alone does not count."""
        assert [journey async for journey in store.journeys()] == []
        for journey in ("one", "two", "three"):
            first = make.outcome(journey, seq=1)
            second = make.outcome(journey, seq=2, before=first.state)
            await store.commit_outcome(journey, first.request_id, 0, first)
            await store.commit_outcome(journey, second.request_id, 1, second)
        await store.append_log([make.log_row("four")])
        assert sorted([journey async for journey in store.journeys()]) == ["one", "three", "two"]

    async def test_commit_of_an_answered_request(self, store: PageStore) -> None:
        """A request that has an outcome is answered with it, whatever outcome and head are given."""
        first = make.outcome(seq=1, text="the first telling")
        await store.commit_outcome("reader", first.request_id, 0, first)
        again = await store.commit_outcome("reader", first.request_id, 0, first)
        other = make.outcome(seq=1, text="another telling")
        elsewhere = make.outcome(seq=2, number=1, text="another telling")
        assert again == Answered(outcome=first)
        assert await store.commit_outcome("reader", other.request_id, 0, other) == Answered(outcome=first)
        assert await store.commit_outcome("reader", first.request_id, 1, elsewhere) == Answered(outcome=first)
        assert await store.outcomes("reader") == [first]

    async def test_commit_on_an_old_head(self, store: PageStore) -> None:
        """A run that decided on an old head gets the new head, and can commit on it."""
        first, late = make.outcome(seq=1), make.outcome(seq=1, number=2)
        await store.commit_outcome("reader", first.request_id, 0, first)
        assert await store.commit_outcome("reader", late.request_id, 0, late) == Moved(head=1)
        assert await store.outcome("reader", late.request_id) is None
        placed = make.outcome(seq=2, number=2, before=first.state)
        assert await store.commit_outcome("reader", placed.request_id, 1, placed) == Committed()

    async def test_commit_ahead_of_the_head(self, store: PageStore) -> None:
        ahead = make.outcome(seq=5)
        assert await store.commit_outcome("reader", ahead.request_id, 4, ahead) == Moved(head=0)
        assert await store.last_outcome("reader") is None

    async def test_commit_with_other_arguments_is_refused(self, store: PageStore) -> None:
        """The outcome's journey and seq must equal the arguments."""
        outcome = make.outcome(seq=2)
        with pytest.raises(ValueError, match="cannot be committed"):
            await store.commit_outcome("reader", outcome.request_id, 0, outcome)
        with pytest.raises(ValueError, match="cannot be committed"):
            await store.commit_outcome("other", outcome.request_id, 1, outcome)
        assert await store.has_journeys() is False

    async def test_heads_are_per_journey(self, store: PageStore) -> None:
        mine, yours = make.outcome("mine"), make.outcome("yours")
        await store.commit_outcome("mine", mine.request_id, 0, mine)
        assert await store.commit_outcome("yours", yours.request_id, 0, yours) == Committed()
        assert await store.outcomes("mine") == [mine]

    async def test_outcomes_are_read_in_pages(self, store: PageStore) -> None:
        result = [make.outcome(seq=seq) for seq in range(1, 13)]
        for outcome in result:
            await store.commit_outcome("reader", outcome.request_id, outcome.seq - 1, outcome)
        assert await store.outcomes("reader", after=9) == result[9:]
        assert await store.outcomes("reader", after=2, limit=3) == result[2:5]
        assert await store.outcomes("reader", after=12) == []

    async def test_head_is_the_newest_seq(self, store: PageStore) -> None:
        assert await store.head("reader") == 0
        for seq in (1, 2, 3):
            outcome = make.outcome(seq=seq)
            await store.commit_outcome("reader", outcome.request_id, seq - 1, outcome)
            assert await store.head("reader") == seq
        assert await store.head("other") == 0

    async def test_tree_has_a_row_for_each_outcome(self, store: PageStore) -> None:
        """The rows follow from the outcomes, pages and failures, and are read by ranges of seqs."""
        result = [make.outcome(seq=seq, fails=seq % 3 == 0) for seq in range(1, 9)]
        for outcome in result:
            await store.commit_outcome("reader", outcome.request_id, outcome.seq - 1, outcome)
        rows = [tree_row(outcome) for outcome in result]
        assert await store.tree("reader", 0, 8) == rows
        assert await store.tree("reader", 2, 5) == rows[2:5]
        assert await store.tree("reader", 7, 100) == rows[7:]
        assert await store.tree("reader", 8, 8) == []
        assert await store.tree("other", 0, 8) == []
        assert [row.status for row in rows[:3]] == ["complete", "complete", "failed"]

    async def test_lost_commit_leaves_no_row_of_the_tree(self, store: PageStore) -> None:
        first, late = make.outcome(seq=1), make.outcome(seq=1, number=2)
        await store.commit_outcome("reader", first.request_id, 0, first)
        assert await store.commit_outcome("reader", late.request_id, 0, late) == Moved(head=1)
        assert await store.tree("reader", 0, 1) == [tree_row(first)]

    async def test_racing_writers_fill_every_seq_once(self, store: PageStore, connect: Connect) -> None:
        """Two writers on two clients race for every request."""
        clients = (store, await connect())
        answers = await asyncio.gather(*(place(clients[w % 2], "raced", range(w // 2, 200, 4)) for w in range(8)))
        outcomes = await store.outcomes("raced")
        assert [outcome.seq for outcome in outcomes] == list(range(1, 201))
        assert len({outcome.request_id for outcome in outcomes}) == 200
        committed = [number for placed in answers for number in placed]
        assert sorted(committed) == list(range(200))

    async def test_writers_in_many_journeys(self, store: PageStore) -> None:
        sessions = [f"reader-{n}" for n in range(20)]
        await asyncio.gather(*(place(store, session, range(5)) for session in sessions))
        for session in sessions:
            assert [outcome.seq for outcome in await store.outcomes(session)] == [1, 2, 3, 4, 5]

    async def test_attempt_numbers_are_unique(self, store: PageStore, connect: Connect) -> None:
        clients = (store, await connect())
        claims = [clients[n % 2].begin_attempt("reader", "r-1") for n in range(24)]
        assert sorted(await asyncio.gather(*claims)) == list(range(1, 25))
        assert await store.begin_attempt("reader", "r-2") == 1
        assert await store.begin_attempt("other", "r-1") == 1

    async def test_has_journeys(self, store: PageStore) -> None:
        assert await store.has_journeys() is False
        outcome = make.outcome()
        await store.commit_outcome("reader", outcome.request_id, 0, outcome)
        assert await store.has_journeys() is True


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
