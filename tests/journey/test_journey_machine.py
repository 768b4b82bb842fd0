"""The six invariants, after any sequence of presses, failures and revisions of the canon.

The machine presses with the program's own functions; `NaiveJourney` computes the expected state independently.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from tests.journey.naive import NaiveJourney, ring_page_from
from tests.support.journeys import Answer, Reader, reading, ring_of

from qdpi.journey import RECENT_LOCI, JourneyState, SequenceGap, fold, fold_all
from qdpi.page_schema import EdgeType
from qdpi.policy import MAX_BRANCH_DEPTH, MAX_DEPARTURES, allow_fork, require_return
from qdpi.policy.ring import Ring
from qdpi.symbols import Trajectory

SECTIONS = range(1, 17)
T0, T1, T2, T3 = Trajectory
RECEIVE_SYSTEM = 0x0F

symbols = st.integers(0, 255)
wishes = st.none() | st.sampled_from(Trajectory)
words = st.sampled_from(["", "go on", "take me back", "somewhere else", "what of Todd Fishbone?"])
terms = st.lists(st.sampled_from(["lamp", "heron", "lock", "key"]), max_size=2, unique=True)
questions = st.sampled_from([0, 0, 0, 1, 2])
some_page = st.integers(0, 10_000)


class JourneyMachine(RuleBasedStateMachine):
    """One journey through one synthetic book."""

    written = Bundle("written")

    @initialize(sizes=st.lists(st.integers(1, 4), min_size=16, max_size=16))
    def open_the_book(self, sizes: Sequence[int]) -> None:
        self.first_ring = ring_of(sizes)
        self.reader = Reader(self.first_ring, readings=lambda page: self.reading)
        self.reading = reading()
        self.naive = NaiveJourney()
        self.states = [JourneyState()]

    # What may happen

    @rule(
        target=written, symbol=symbols, wish=wishes, said=words, held=terms, open_questions=questions,
        page=some_page, drawn_to=some_page,
    )  # fmt: skip
    def press_on_the_canon(self, page: int, **press: Any) -> str:
        pages = self.first_ring.page_ids  # a page that a revision dropped stays readable
        return self._press(pages[page % len(pages)], **press)

    @rule(
        target=written, symbol=symbols, wish=wishes, said=words, held=terms, open_questions=questions,
        page=written, drawn_to=some_page,
    )  # fmt: skip
    def press_on_a_page_of_the_journey(self, page: str, **press: Any) -> str:
        return self._press(page, **press)

    @rule(
        target=written, symbol=symbols, wish=wishes, said=words, held=terms, open_questions=questions,
        drawn_to=some_page,
    )  # fmt: skip
    def press_where_the_journey_is(self, **press: Any) -> str:
        return self._press(None, **press)

    @rule(target=written, wish=st.sampled_from([T0, T2, T3]), page=written, drawn_to=some_page)
    def go_deeper(self, wish: Trajectory, page: str, drawn_to: int) -> str:
        return self._press(page, RECEIVE_SYSTEM, wish, "", [], 0, drawn_to)

    @rule()
    def fail(self) -> None:
        before = self.reader.state
        event = self.reader.fail()
        assert self.reader.state == before.model_copy(update={"seq": event.seq, "failures": before.failures + 1})
        self.states.append(self.reader.state)

    @rule(gone=st.sets(st.integers(0, 63), max_size=12))
    def revise_the_canon(self, gone: set[int]) -> None:
        kept = [page for n, page in enumerate(self.first_ring.page_ids) if n not in gone]
        sections = {self.first_ring.section_of(page) for page in kept}
        kept += [self.first_ring.pages_of(section)[0] for section in SECTIONS if section not in sections]
        self.reader.ring = Ring([(page, self.first_ring.section_of(page)) for page in sorted(kept)])

    @rule(prefix=some_page, repeat=some_page)
    def fold_again_from_any_prefix_and_with_repeats(self, prefix: int, repeat: int) -> None:
        events, state = self.reader.events, self.reader.state
        start = prefix % (len(events) + 1)
        assert fold_all(events[start:], self.states[start]) == state
        repeated = [event for n, event in enumerate(events) for event in [event] * (1 + (n == repeat % len(events)))]
        assert fold_all(repeated) == state
        assert fold_all(events, state) == state

    @rule(skipped=st.integers(1, 3))
    def miss_an_outcome(self, skipped: int) -> None:
        if self.reader.events:
            late = self.reader.events[-1].model_copy(update={"seq": self.reader.state.seq + 1 + skipped})
            with pytest.raises(SequenceGap, match=str(late.seq)):
                fold(self.reader.state, late)

    # What must be so after a press

    def _press(
        self,
        on: str | None,
        symbol: int,
        wish: Trajectory | None,
        said: str,
        held: Sequence[str],
        open_questions: int,
        drawn_to: int,
    ) -> str:
        self.reading = reading(*held, questions=open_questions)
        before = {section: self._owed(section) for section in SECTIONS}
        pages = self.reader.ring.page_ids
        targets = [pages[drawn_to % len(pages)]]
        answer = self.reader.press(symbol, on, wish=wish, words=said, targets=targets)
        self.states.append(self.reader.state)
        self._hangs_where_the_design_says(answer)
        self._returns_to_the_ring(answer)
        self._departed_only_where_it_was_allowed(answer, before)
        self._paid_only_by_a_return(answer, before)
        self._returned_where_it_had_to(answer)
        return answer.page.page_id

    def _owed(self, section: int) -> tuple[int, int]:
        return self.naive.open_branches(section), self.naive.return_debt(section)

    def _hangs_where_the_design_says(self, answer: Answer) -> None:
        page, placement = answer.page, answer.page.placement
        assert placement is not None
        leaf = self.naive.write(
            self.reader.ring.page_ids, page.page_id, answer.standing.pressed, page.trajectory, page.return_to or ""
        )
        departure = self.naive.departure(leaf)
        assert placement.anchor == leaf.anchor
        assert placement.anchor_section == int(leaf.anchor[1:3])
        assert placement.depth == self.naive.depth(leaf)
        assert placement.branch_id == (departure.page_id if departure else None)

    def _returns_to_the_ring(self, answer: Answer) -> None:
        page, ring = answer.page, self.reader.ring
        assert page.placement is not None
        anchor, return_to = page.placement.anchor, page.return_to
        assert return_to in ring
        assert page.trajectory is T1 or return_to != anchor or len(ring) == 1
        targets = dict(page.edges.typed())
        if page.trajectory is T0:
            after = next((other for other in ring.page_ids if other > anchor), ring.first)
            assert targets[EdgeType.NEXT] == after
        elif page.trajectory is T2:
            assert ring.section_of(targets[EdgeType.FORK]) == page.section != answer.standing.section
        else:
            assert targets[EdgeType.LOOP] == return_to
        assert all(target in ring for target in targets.values())
        if page.trajectory in {T0, T1}:
            assert page.section == answer.standing.section

    def _departed_only_where_it_was_allowed(self, answer: Answer, before: dict[int, tuple[int, int]]) -> None:
        if answer.page.trajectory in {T2, T3}:
            assert answer.page.placement is not None
            assert allow_fork(*before[answer.page.placement.anchor_section])
            assert answer.before.departures < MAX_DEPARTURES or answer.standing.branch_id
            assert not (answer.standing.branch_id and answer.situation.unresolved)

    def _paid_only_by_a_return(self, answer: Answer, before: dict[int, tuple[int, int]]) -> None:
        for section in SECTIONS:
            open_branches, debt = self._owed(section)
            if (open_branches, debt) < before[section] or debt < before[section][1]:
                assert answer.page.trajectory is T1
                assert answer.page.placement is not None
                assert section == answer.page.placement.anchor_section
                assert before[section][0] - open_branches == 1

    def _returned_where_it_had_to(self, answer: Answer) -> None:
        assert answer.page.placement is not None
        if require_return(answer.standing.depth):
            assert answer.page.trajectory is T1
        longest = MAX_BRANCH_DEPTH + (answer.page.trajectory is T1)
        assert 1 <= answer.page.placement.depth <= longest

    # What must be so at any time

    @invariant()
    def the_state_is_what_a_count_of_all_pages_says(self) -> None:
        state = self.reader.state
        for section in SECTIONS:
            assert (state.open_branches(section), state.return_debt(section)) == self._owed(section)
        assert set(state.branches) == {leaf.page_id for s in SECTIONS for leaf in self.naive.open_departures(s)}
        departures = [leaf for leaf in self.naive.leaves.values() if self.naive.departure(leaf) == leaf]
        assert state.departures == len(departures)
        assert state.returns == sum(self.naive.is_closed(departure) for departure in departures)

    @invariant()
    def outcomes_are_numbered_without_a_gap(self) -> None:
        events, state = self.reader.events, self.reader.state
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert state.seq == len(events) == state.pages + state.failures
        assert state.pages == len(self.naive.leaves)
        assert state.position == (list(self.naive.leaves)[-1] if self.naive.leaves else None)
        assert len(state.recent) == min(RECENT_LOCI, state.pages)

    @invariant()
    def every_page_ever_written_leads_back_to_the_ring(self) -> None:
        ring = self.reader.ring
        for leaf in self.naive.leaves.values():
            assert ring.resolve(leaf.return_to) == ring_page_from(ring.page_ids, leaf.return_to)
        assert len({ring.step(ring.first, n) for n in range(len(ring))}) == len(ring)

    @invariant()
    def the_state_survives_being_stored(self) -> None:
        state = self.reader.state
        assert JourneyState.model_validate_json(state.model_dump_json()) == state


TestJourney = pytest.mark.slow(JourneyMachine.TestCase)
TestJourney.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
