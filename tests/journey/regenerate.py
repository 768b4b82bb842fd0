"""The fold's test vectors, for a second implementation: `python -m tests.journey.regenerate` writes them anew.

Each journey is played by the program's own functions on a small ring. A step is an event with the state that
the fold must give after it, the figures of its sections, and whether the event must be refused as a gap.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tests.support.journeys import Reader, reading, ring_of

import qdpi
from qdpi.events import PageDone, PageFailed
from qdpi.journey import FOLD_VERSION, JourneyState, SequenceGap, fold
from qdpi.symbols import Trajectory

VECTORS: Final = Path(qdpi.__file__).parent / "journey_vectors.json"
T0, T1, T2, T3 = Trajectory
RECEIVE_SYSTEM: Final = 0x0F
FIRST, SECOND, OTHER = "S01-P0001", "S01-P0002", "S02-P0004"

Steps = Iterator[PageDone | PageFailed]


def interleaves(reader: Reader) -> Steps:
    """T0 on a canon page and under it, and T1 outside a branch: nothing is opened, owed or paid."""
    yield press(reader, T0, FIRST)
    yield press(reader, T0)
    yield press(reader, T1)
    yield press(reader, T1, SECOND)


def a_departure_and_its_return(reader: Reader) -> Steps:
    """T2 opens a branch, T0 adds a page to it, T1 closes it and pays both."""
    yield press(reader, T2, FIRST)
    yield press(reader, T0)
    yield press(reader, T1)
    yield press(reader, T0)


def a_fork_inside_a_branch(reader: Reader) -> Steps:
    """T2 and T3 in an open branch add pages to it and open nothing; T1 pays all three."""
    departure = press(reader, T2, FIRST)
    yield departure
    yield press(reader, T2, departure.page_id)
    yield press(reader, T3, departure.page_id)
    yield press(reader, T1, departure.page_id)


def a_drift_and_its_return(reader: Reader) -> Steps:
    """T3 opens a branch; a walk back to the canon pays nothing; T1 does, once."""
    drift = press(reader, T3, SECOND)
    yield drift
    yield press(reader, T0, FIRST)
    yield press(reader, T1, drift.page_id)
    yield press(reader, T1, drift.page_id)


def two_sections(reader: Reader) -> Steps:
    """Branches are booked on their anchors' sections and paid one by one."""
    here, there = press(reader, T2, FIRST), press(reader, T3, OTHER)
    yield here
    yield there
    yield press(reader, T2, SECOND)
    yield press(reader, T0, there.page_id)
    yield press(reader, T1, here.page_id)
    yield press(reader, T1, there.page_id)


def failures(reader: Reader) -> Steps:
    """A failed run is counted and moves nothing else."""
    yield reader.fail()
    yield press(reader, T2, FIRST)
    yield reader.fail()
    yield press(reader, T1)
    yield reader.fail()


def a_repeated_outcome(reader: Reader) -> Steps:
    """An outcome that was folded before changes nothing, the newest or an older one."""
    first, second = press(reader, T2, FIRST), press(reader, T0)
    yield first
    yield first
    yield second
    yield second
    yield first
    yield press(reader, T1)


def a_gap(reader: Reader) -> Steps:
    """An outcome that is not the next one is refused and leaves the state as it was; then the missing one comes."""
    first, missed, late = press(reader, T0, FIRST), press(reader, T2, FIRST), press(reader, T1)
    yield first
    yield late
    yield missed
    yield late


def more_loci_than_are_remembered(reader: Reader) -> Steps:
    """The last four loci are remembered with their terms, repeats included."""
    for page in (*reader.ring.page_ids[:4], FIRST, FIRST):
        yield press(reader, T0, page)


def a_page_that_was_closed_in_another_branch(reader: Reader) -> Steps:
    """A press on a closed branch's page opens a branch of its own, under the page that it returned to."""
    departure = press(reader, T2, FIRST)
    yield departure
    yield press(reader, T1, departure.page_id)
    yield press(reader, T2, departure.page_id)


JOURNEYS: Final[tuple[Callable[[Reader], Steps], ...]] = (
    interleaves,
    a_departure_and_its_return,
    a_fork_inside_a_branch,
    a_drift_and_its_return,
    two_sections,
    failures,
    a_repeated_outcome,
    a_gap,
    more_loci_than_are_remembered,
    a_page_that_was_closed_in_another_branch,
)


def press(reader: Reader, wish: Trajectory, on: str | None = None) -> PageDone:
    """Press for a trajectory that the policy must be able to give."""
    answer = reader.press(RECEIVE_SYSTEM, on, wish=wish, targets=(OTHER,))
    if answer.verdict.given is not wish:
        raise ValueError(f"{wish} was refused: {answer.verdict.reasons}")
    return answer.event


def vectors() -> dict[str, Any]:
    """Return all vectors as JSON values."""
    return {
        "fold_version": FOLD_VERSION,
        "about": "Fold each journey's events in the order given, from `start`. After each step the state is `state` "
        "and the figures of the named sections are `sections`; a step with `gap` must be refused.",
        "start": JourneyState().model_dump(mode="json"),
        "journeys": [_journey(play) for play in JOURNEYS],
    }


def _journey(play: Callable[[Reader], Steps]) -> dict[str, Any]:
    reader = Reader(ring_of([3, 2, 2]), session_id="vectors", readings=lambda page: reading("lamp", f"door {page}"))
    state, steps = JourneyState(), []
    for event in play(reader):
        state, gap = _next(state, event)
        steps.append({"type": event.topic, "event": _event_facts(event), "gap": gap, **_figures(state)})
    return {"name": play.__name__.replace("_", " "), "about": play.__doc__, "steps": steps}


def _next(state: JourneyState, event: PageDone | PageFailed) -> tuple[JourneyState, bool]:
    try:
        return fold(state, event), False
    except SequenceGap:
        return state, True


def _event_facts(event: PageDone | PageFailed) -> dict[str, Any]:
    short: dict[str, Any] = {"text": "A short page."} if isinstance(event, PageDone) else {}
    return event.model_copy(update=short).model_dump(mode="json")


def _figures(state: JourneyState) -> dict[str, Any]:
    sections = {
        str(section): {"open_branches": state.open_branches(section), "return_debt": state.return_debt(section)}
        for section in (1, 2)
    }
    return {"state": state.model_dump(mode="json"), "sections": sections}


def text() -> str:
    """Return the file's content."""
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    VECTORS.write_text(text(), encoding="utf-8")
