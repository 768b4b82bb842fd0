from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.support import factories

from qdpi.events import VaultChange
from qdpi.journey import JourneyState
from qdpi.outcome import log_entry
from qdpi.projections import (
    LOG,
    Difference,
    Fact,
    departures_after,
    differences,
    due_log_rows,
    log_row,
    newest_changes,
    outcome_facts,
    projection_hash,
    recorded,
)

values = st.dictionaries(
    st.text(max_size=5),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    max_size=4,
)
facts = st.lists(st.builds(Fact, st.sampled_from("abc"), st.text(max_size=3), st.one_of(st.none(), values)), max_size=6)


@given(facts, st.data())
def test_hashes_are_equal_exactly_if_nothing_differs(wanted: list[Fact], data: st.DataObject):
    found = [fact._replace(says=data.draw(st.one_of(st.just(fact.says), st.none(), values))) for fact in wanted]

    assert (projection_hash(wanted) == projection_hash(found)) == (not list(differences(wanted, found)))


def test_the_order_of_a_rows_columns_is_no_difference():
    one, other = Fact("t", "k", {"a": 1, "b": 2}), Fact("t", "k", {"b": 2, "a": 1})

    assert projection_hash([one]) == projection_hash([other])


def test_a_difference_names_the_field_both_values_and_the_outcome():
    wanted, found = Fact("t", "k", {"a": 1, "b": 2}, 3), Fact("t", "k", {"a": 1, "c": 4}, 3)

    assert list(differences([wanted], [found])) == [
        Difference("t", "k", "b", 2, None, 3),
        Difference("t", "k", "c", None, 4, 3),
    ]


def test_a_row_that_is_wanting_is_one_difference():
    wanted, found = Fact("t", "k", {"a": 1, "b": 2}), Fact("t", "k", None)

    assert list(differences([wanted], [found])) == [Difference("t", "k", "", {"a": 1, "b": 2}, None)]


def test_an_outcome_calls_for_its_own_row_of_the_log_its_requests_and_its_presses():
    outcome = factories.outcome()

    due = due_log_rows(outcome)

    assert due.keys() == {outcome.event.event_id, outcome.request.event_id, outcome.event.press_id}
    assert recorded(outcome) == [outcome.request.event_id, outcome.event.press_id]
    there = {outcome.event.event_id: log_row(log_entry(outcome.event))}
    lacking = differences(outcome_facts(outcome, outcome.state, due), outcome_facts(outcome, outcome.state, there))
    assert [(d.table, d.key) for d in lacking] == [(LOG, key) for key in recorded(outcome)]


def test_a_row_of_the_log_that_is_there_twice_is_not_the_one_that_is_due():
    entry = log_entry(factories.outcome().event)

    assert log_row(entry, log_row(entry)) != log_row(entry)


def test_a_section_that_a_journey_came_back_to_has_figures_of_zero():
    away = JourneyState(seq=1, branches={b.branch_id: b for b in [factories.branch(4, pages=2)]})
    back = JourneyState(seq=2)

    assert departures_after(departures_after({}, away), back) == {4: (0, 0)}
    assert departures_after({}, away) == {4: (1, 2)}


@given(st.permutations(range(4)))
def test_the_newest_change_of_a_page_stands_in_whatever_order_rows_come(order: list[int]):
    changes = [
        VaultChange(
            event_id=f"e{n}", ts=factories.at(n // 2), session_id="s", action="saved", page_id="p", label=str(n)
        )
        for n in range(4)
    ]
    rows = [log_entry(changes[n]) for n in order]

    assert newest_changes({}, rows) == {"p": changes[3]}
    assert newest_changes(newest_changes({}, rows[:2]), rows[2:]) == {"p": changes[3]}
