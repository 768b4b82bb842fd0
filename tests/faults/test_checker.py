"""The checker finds no violation in a good history, and exactly the planted one in a changed history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.faults.checker import Broken, History, Stream, table, tally, violations
from tests.support import factories as make

from qdpi.journey import JourneyState
from qdpi.outcome import LogEntry, Outcome, dead_letter_of, log_entry
from qdpi.page_schema import Edges
from qdpi.store.rows import Snapshot

Plant = Callable[[History], History]


def good() -> History:
    """Two journeys: one with a failure between two pages, one with a single page."""
    outcomes = {"amber": journey("amber", 4, failing=2), "birch": journey("birch", 1)}
    everything = [outcome for found in outcomes.values() for outcome in found]
    pages = tuple(outcome.page for outcome in everything if outcome.page)
    letters = tuple(letter for outcome in everything if (letter := dead_letter_of(outcome)))
    return History(
        ring={make.canon_id(number) for number in range(1, 10)},
        presses={name: tuple(o.event.press_id for o in found) for name, found in outcomes.items()},
        outcomes=outcomes,
        pages=pages,
        edges={page.page_id: page.edges for page in pages},
        indexed={page.page_id for page in pages},
        log={name: tuple(row for o in found for row in rows(o)) for name, found in outcomes.items()},
        snapshots={name: snapshot(found[-1]) for name, found in outcomes.items()},
        published=tuple(outcome.event for outcome in everything),
        letters=letters,
        streams=(Stream("first", "amber", (1, 2, 3, 4)), Stream("second", "amber", (3, 4), after=2)),
    )


def journey(session: str, length: int, *, failing: int = 0) -> tuple[Outcome, ...]:
    outcomes: list[Outcome] = []
    state = JourneyState()
    for seq in range(1, length + 1):
        outcomes.append(make.outcome(session, seq, before=state, fails=seq == failing))
        state = outcomes[-1].state
    return tuple(outcomes)


def rows(outcome: Outcome) -> tuple[LogEntry, ...]:
    press = make.log_row(outcome.session_id, outcome.event.press_id)
    return press, log_entry(outcome.request), log_entry(outcome.event)


def snapshot(outcome: Outcome) -> Snapshot:
    return make.snapshot(outcome.session_id, outcome.seq, state=outcome.state)


def with_outcomes(history: History, *outcomes: Outcome) -> History:
    return replace(history, outcomes={**history.outcomes, "amber": outcomes})


def renumbered(outcome: Outcome, seq: int) -> Outcome:
    return outcome.model_copy(update={"event": outcome.event.model_copy(update={"seq": seq})})


def a_lost_press(history: History) -> History:
    return replace(history, presses={**history.presses, "amber": (*history.presses["amber"], "pressed-last")})


def a_journey_without_any_answer(history: History) -> History:
    return replace(history, presses={**history.presses, "cedar": ("pressed-alone",)})


def a_press_answered_twice(history: History) -> History:
    amber = history.outcomes["amber"]
    again = amber[-1].event.model_copy(update={"seq": 5, "event_id": "again"})
    return with_outcomes(history, *amber, amber[-1].model_copy(update={"event": again}))


def an_outcome_of_no_press(history: History) -> History:
    return replace(history, presses={**history.presses, "birch": ()})


def a_gap_in_seq(history: History) -> History:
    *first, last = history.outcomes["amber"]
    return with_outcomes(history, *first, renumbered(last, 5))


def a_swap_of_two_presses(history: History) -> History:
    first, second, *others = history.presses["amber"]
    return replace(history, presses={**history.presses, "amber": (second, first, *others)})


def a_swap_of_two_outcomes(history: History) -> History:
    one, two, three, four = history.outcomes["amber"]
    return with_outcomes(history, one, two, renumbered(four, 3), renumbered(three, 4))


def a_state_that_is_no_fold(history: History) -> History:
    *first, last = history.outcomes["amber"]
    state = last.state.model_copy(update={"pages": last.state.pages + 1})
    return with_outcomes(history, *first, last.model_copy(update={"state": state}))


def a_doubled_page(history: History) -> History:
    return replace(history, pages=(*history.pages, history.pages[0]))


def a_page_of_no_outcome(history: History) -> History:
    stray = history.pages[0].model_copy(update={"page_id": "written-beside"})
    edges = {**history.edges, "written-beside": stray.edges}
    return replace(history, pages=(*history.pages, stray), edges=edges)


def a_page_that_was_never_stored(history: History) -> History:
    edges = {page: found for page, found in history.edges.items() if page != history.pages[0].page_id}
    return replace(history, pages=history.pages[1:], edges=edges)


def a_page_with_another_text(history: History) -> History:
    torn = history.pages[0].model_copy(update={"text": "half of"})
    return replace(history, pages=(torn, *history.pages[1:]))


def a_page_without_edges(history: History) -> History:
    edges = dict(history.edges)
    del edges[history.pages[0].page_id]
    return replace(history, edges=edges)


def edges_without_a_page(history: History) -> History:
    return replace(history, edges={**history.edges, "without-a-page": Edges()})


def edges_that_lead_elsewhere(history: History) -> History:
    return replace(history, edges={**history.edges, history.pages[0].page_id: Edges()})


def a_return_off_the_ring(history: History) -> History:
    return replace(history, ring={make.canon_id(1)})


def a_page_not_indexed(history: History) -> History:
    return replace(history, indexed={page.page_id for page in history.pages[1:]})


def no_snapshot(history: History) -> History:
    return replace(history, snapshots={"amber": history.snapshots["amber"]})


def a_snapshot_behind(history: History) -> History:
    return replace(history, snapshots={**history.snapshots, "amber": snapshot(history.outcomes["amber"][1])})


def a_snapshot_that_is_no_fold(history: History) -> History:
    state = history.snapshots["amber"].state.model_copy(update={"failures": 7})
    changed = history.snapshots["amber"].model_copy(update={"state": state})
    return replace(history, snapshots={**history.snapshots, "amber": changed})


def a_missing_row_of_the_log(history: History) -> History:
    return replace(history, log={**history.log, "amber": history.log["amber"][1:]})


def a_doubled_row_of_the_log(history: History) -> History:
    first = history.log["amber"][0]
    later = first.model_copy(update={"ts": make.at(99)})
    return replace(history, log={**history.log, "amber": (*history.log["amber"], later)})


def an_unpublished_outcome(history: History) -> History:
    return replace(history, published=history.published[1:])


def a_changed_publication(history: History) -> History:
    event = history.published[0].model_copy(update={"seq": 3})
    return replace(history, published=(*history.published, event))


def a_failure_without_a_dead_letter(history: History) -> History:
    return replace(history, letters=())


def a_stream_that_missed_one(history: History) -> History:
    return replace(history, streams=(*history.streams, Stream("third", "amber", (1, 2, 4))))


def a_stream_that_missed_the_last(history: History) -> History:
    return replace(history, streams=(*history.streams, Stream("third", "birch", ())))


def a_stream_that_saw_one_twice(history: History) -> History:
    return replace(history, streams=(*history.streams, Stream("third", "amber", (1, 2, 3, 3, 4))))


def a_stream_out_of_order(history: History) -> History:
    return replace(history, streams=(*history.streams, Stream("third", "amber", (1, 3, 2, 4))))


PLANTED: dict[Plant, set[Broken]] = {
    a_lost_press: {Broken.LOST_PRESS},
    a_journey_without_any_answer: {Broken.LOST_PRESS},
    a_press_answered_twice: {
        Broken.DOUBLED_PRESS,
        Broken.STATE_OFF_FOLD,
        Broken.SNAPSHOT_BEHIND,
        Broken.UNPUBLISHED,
        Broken.STREAM_MISSED,
        Broken.LOG_MISSING,
    },
    an_outcome_of_no_press: {Broken.STRAY_OUTCOME},
    a_gap_in_seq: {
        Broken.SEQ_GAP,
        Broken.SNAPSHOT_BEHIND,
        Broken.SNAPSHOT_OFF_FOLD,
        Broken.STREAM_MISSED,
        Broken.PUBLISHED_CHANGED,
    },
    a_swap_of_two_presses: {Broken.OUT_OF_ORDER},
    a_swap_of_two_outcomes: {
        Broken.OUT_OF_ORDER,
        Broken.STATE_OFF_FOLD,
        Broken.SNAPSHOT_OFF_FOLD,
        Broken.PUBLISHED_CHANGED,
    },
    a_state_that_is_no_fold: {Broken.STATE_OFF_FOLD},
    a_doubled_page: {Broken.DOUBLED_PAGE},
    a_page_of_no_outcome: {Broken.STRAY_PAGE},
    a_page_that_was_never_stored: {Broken.MISSING_PAGE},
    a_page_with_another_text: {Broken.CHANGED_PAGE},
    a_page_without_edges: {Broken.PAGE_WITHOUT_EDGES},
    edges_without_a_page: {Broken.EDGES_WITHOUT_PAGE},
    edges_that_lead_elsewhere: {Broken.CHANGED_EDGES},
    a_return_off_the_ring: {Broken.OFF_THE_RING},
    a_page_not_indexed: {Broken.NOT_INDEXED},
    no_snapshot: {Broken.SNAPSHOT_BEHIND},
    a_snapshot_behind: {Broken.SNAPSHOT_BEHIND},
    a_snapshot_that_is_no_fold: {Broken.SNAPSHOT_OFF_FOLD},
    a_missing_row_of_the_log: {Broken.LOG_MISSING},
    a_doubled_row_of_the_log: {Broken.LOG_DOUBLED},
    an_unpublished_outcome: {Broken.UNPUBLISHED},
    a_changed_publication: {Broken.PUBLISHED_CHANGED},
    a_failure_without_a_dead_letter: {Broken.LETTER_MISSING},
    a_stream_that_missed_one: {Broken.STREAM_MISSED},
    a_stream_that_missed_the_last: {Broken.STREAM_MISSED},
    a_stream_that_saw_one_twice: {Broken.STREAM_REPEATED},
    a_stream_out_of_order: {Broken.STREAM_OUT_OF_ORDER},
}


def test_good_history_has_no_violations():
    assert violations(good()) == []


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_planted_violation_is_the_only_one_found(plant: Plant):
    assert {violation.broken for violation in violations(plant(good()))} == PLANTED[plant]


def test_every_violation_is_planted():
    assert set().union(*PLANTED.values()) == set(Broken)


def test_violation_names_its_journey_and_press():
    (found,) = violations(a_lost_press(good()))
    assert found == (Broken.LOST_PRESS, "amber", "pressed-last")


def test_repeated_publication_is_no_violation():
    """Repeated publications of one outcome are no violation."""
    history = good()
    assert violations(replace(history, published=history.published * 2, letters=history.letters * 2)) == []


def test_press_sent_again_may_have_several_log_rows():
    """A press that its client sent again may have a log row for each arrival."""
    history = a_doubled_row_of_the_log(good())
    assert violations(replace(history, repeated=history.presses["amber"][:1])) == []


def test_table_counts_lost_doubled_and_swapped():
    good_row, bad_row = tally(good(), kills=3), tally(a_swap_of_two_presses(a_lost_press(good())), kills=0)
    assert good_row == (3, 5, 5, 0, 0, 0, 6, 0)
    assert bad_row == (0, 6, 5, 1, 0, 1, 6, 0)
    assert table([good_row]).splitlines()[0].startswith("kills | presses | outcomes | lost")
