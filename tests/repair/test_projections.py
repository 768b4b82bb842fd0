from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import factories

from qdpi.events import VaultChange
from qdpi.journey import JourneyState
from qdpi.outcome import log_entry
from qdpi.page_schema import Page
from qdpi.repair.projections import (
    LOG,
    PAGES,
    READINGS,
    Difference,
    Fact,
    PageRows,
    departures_after,
    differences,
    due_log_rows,
    is_as_computed,
    log_row,
    outcome_facts,
    page_facts,
    projection_hash,
    recorded,
)
from qdpi.search.vectors import to_bytes
from qdpi.services.vault import newest_changes
from qdpi.store.rows import Embedding, ReadingRow

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


def rows(page: Page) -> PageRows:
    kept = ReadingRow(
        page_id=page.page_id,
        revision=page.revision,
        extractor_version="text/1",
        reading={"summary": "She went on.", "scores": {"coherence": 0.1 + 0.2}},
    )
    return PageRows(page, page.edges, page.signals, kept, None, None)


def test_what_the_row_of_a_page_says_of_its_edges_and_signals_is_compared_field_by_field():
    page = factories.generated_page()
    edges = page.edges.model_copy(update={"next_within": "S01-P0009"})
    changed = page.model_copy(update={"edges": edges, "signals": page.signals.model_copy(update={"novelty": 0.5})})

    found = list(differences(page_facts("p", rows(page)), page_facts("p", replace(rows(page), page=changed))))

    assert [(d.table, d.field, d.wanted, d.found) for d in found] == [
        (PAGES, "edges.next_within", page.edges.next_within, "S01-P0009"),
        (PAGES, "signals.novelty", page.signals.novelty, 0.5),
    ]


def test_a_score_of_a_reading_that_was_summed_in_another_order_is_the_same():
    page = factories.generated_page()
    due = rows(page)
    assert due.reading is not None
    summed = due.reading.model_copy(update={"reading": {**due.reading.reading, "scores": {"coherence": 0.3}}})
    other = due.reading.model_copy(update={"reading": {**due.reading.reading, "scores": {"coherence": 0.31}}})

    assert page_facts("p", replace(due, reading=summed)) == page_facts("p", due)
    assert [
        (d.table, d.field) for d in differences(page_facts("p", due), page_facts("p", replace(due, reading=other)))
    ] == [(READINGS, "reading.scores")]


def vector(*numbers: float) -> Embedding:
    return Embedding(page_id="p", revision=1, model="m", dim=3, embedding=to_bytes(np.asarray(numbers)))


@pytest.mark.parametrize(
    ("found", "due"), [((0.6, 0.8, 0), (0.6, 0.8, 0)), ((0.6000002, 0.8, -1e-7), (0.6, 0.8, 0)), ((0, 0, 0), (0, 0, 0))]
)
def test_a_vector_that_differs_by_rounding_alone_is_as_computed(found: tuple[float, ...], due: tuple[float, ...]):
    assert is_as_computed(vector(*found), vector(*due))


@pytest.mark.parametrize(
    "found",
    [
        (0, 0, 0),
        (1.2, 1.6, 0),
        (0.8, 0.6, 0),
        (0.6, 0.8),
        (0.6, 0.8, 0, 0),
        (0.6, float("nan"), 0),
        (0.6, float("inf"), 0),
    ],
)
def test_a_vector_of_other_numbers_is_not_as_computed(found: tuple[float, ...]):
    assert not is_as_computed(vector(*found), vector(0.6, 0.8, 0))


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
