from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.support import factories

from qdpi.events import PageFailed
from qdpi.journey import JourneyState
from qdpi.outcome import Outcome, log_entry
from qdpi.search.vectors import to_bytes
from qdpi.services.projections import BY_TABLE, PROJECTIONS
from qdpi.services.projections.journeys import LOG, EventSource, events_of, figures_after, log_columns
from qdpi.services.projections.pages import PAGES, READINGS, PageSource, is_as_computed, with_readings
from qdpi.services.projections.projection import PRESENT, Columns, Projection
from qdpi.services.projector import write_rows
from qdpi.store.ports import PageStore
from qdpi.store.rows import Embedding


def test_projections_have_distinct_tables_and_nouns():
    assert len(BY_TABLE) == len(PROJECTIONS)
    assert len({projection.noun for projection in PROJECTIONS}) == len(PROJECTIONS)


async def test_shared_write_runs_once(store: PageStore):
    """Tables that are written together share a write, which runs once for them."""
    written: list[Sequence[str]] = []

    async def write(store: PageStore, sources: Sequence[str]) -> None:
        written.append(sources)

    shared = [replace_write(projection, write) for projection in PROJECTIONS[:3]]

    await write_rows(store, shared, ["source"])

    assert written == [["source"]]


def replace_write(projection: Projection[Any], write: Any) -> Projection[Any]:
    return replace(projection, write=write)


@pytest.fixture
def store() -> PageStore:
    return None  # type: ignore[return-value]  # the writes here use none


async def missing(outcome: Outcome, log: Mapping[str, Columns]) -> list[str]:
    """Return the events of an outcome whose log rows are not as they are due."""
    sources = events_of(outcome, log)
    return [source.key for source in sources if await found(source) != LOG.due(source)]


async def found(source: EventSource) -> Any:
    return await LOG.read(None, source)  # type: ignore[arg-type]  # the log was read before


async def test_log_rows_due_of_an_outcome():
    """An outcome calls for its own log row, its request's and its press's; of the last two only the presence counts."""
    outcome = factories.outcome()
    own, request, press = outcome.event.event_id, outcome.request.event_id, outcome.event.press_id

    due = {source.key: LOG.due(source) for source in events_of(outcome)}

    assert due == {own: log_columns(log_entry(outcome.event)), request: PRESENT, press: PRESENT}
    assert await missing(outcome, {own: log_columns(log_entry(outcome.event))}) == [request, press]
    assert await missing(outcome, {**due, request: {"any": 1}, press: {"any": 2}}) == []


def test_malformed_press_has_no_log_row():
    outcome = factories.outcome(fails=True)
    assert isinstance(outcome.event, PageFailed)
    error = outcome.event.error.model_copy(update={"code": "malformed_event"})
    event = outcome.event.model_copy(update={"error": error})

    sources = events_of(outcome.model_copy(update={"event": event}))

    assert [source.key for source in sources] == [event.event_id, outcome.request.event_id]


def test_duplicate_log_row_is_a_difference():
    entry = log_entry(factories.outcome().event)

    assert log_columns(entry, log_columns(entry)) != log_columns(entry)


def test_figures_of_a_left_section_are_zero():
    away = JourneyState(seq=1, branches={b.branch_id: b for b in [factories.branch(4, pages=2)]})
    back = JourneyState(seq=2)

    assert figures_after(figures_after({}, away), back) == {4: (0, 0)}
    assert figures_after({}, away) == {4: (1, 2)}


def changed(due: Columns, other: Columns) -> dict[str, tuple[Any, Any]]:
    return {name: (due[name], other[name]) for name in due if due[name] != other[name]}


def test_page_row_is_compared_field_by_field():
    """A page's own row holds its edges and signals, and a difference names the field among them."""
    page = factories.generated_page()
    edges = page.edges.model_copy(update={"next_within": "S01-P0009"})
    other = page.model_copy(update={"edges": edges, "signals": page.signals.model_copy(update={"novelty": 0.5})})

    assert changed(PAGES.columns(page, page), PAGES.columns(other, page)) == {
        "edges.next_within": (page.edges.next_within, "S01-P0009"),
        "signals.novelty": (page.signals.novelty, 0.5),
    }


def test_reading_scores_are_compared_up_to_rounding():
    """A score that was summed in another order is the same."""
    (source,) = with_readings([PageSource(factories.generated_page())])
    kept = READINGS.due(source)
    due = kept.model_copy(update={"reading": {"summary": "She went on.", "scores": {"coherence": 0.1 + 0.2}}})
    summed = due.model_copy(update={"reading": {**due.reading, "scores": {"coherence": 0.3}}})
    other = due.model_copy(update={"reading": {**due.reading, "scores": {"coherence": 0.31}}})

    assert READINGS.columns(summed, due) == READINGS.columns(due, due)
    assert changed(READINGS.columns(due, due), READINGS.columns(other, due)).keys() == {"reading.scores"}


def vector(*numbers: float) -> Embedding:
    return Embedding(page_id="p", revision=1, model="m", dim=3, embedding=to_bytes(np.asarray(numbers)))


@pytest.mark.parametrize(
    ("found", "due"), [((0.6, 0.8, 0), (0.6, 0.8, 0)), ((0.6000002, 0.8, -1e-7), (0.6, 0.8, 0)), ((0, 0, 0), (0, 0, 0))]
)
def test_rounded_vector_is_as_computed(found: tuple[float, ...], due: tuple[float, ...]):
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
def test_other_vector_is_not_as_computed(found: tuple[float, ...]):
    assert not is_as_computed(vector(*found), vector(0.6, 0.8, 0))
