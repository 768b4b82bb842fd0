"""Outcomes of presses, for tests of counterfactual runs."""

from __future__ import annotations

from typing import Any

from tests.support import factories

from qdpi.events import Fault
from qdpi.journey import JourneyState, fold
from qdpi.outcome import Outcome
from qdpi.page_schema import Page, Placement
from qdpi.search.analysis import read_text


def written(seq: int = 1, on: str = "S01-P0001", *, asked: dict[str, Any] | None = None, **page: Any) -> Outcome:
    """Return the outcome of a press that wrote a page. `asked` changes its request, the others its page."""
    request = factories.request(number=seq, **(asked or {}))
    placement = Placement(locus=on, anchor="S01-P0001", anchor_section=1, depth=seq)
    made = factories.generated_page(request, seq=seq, **{"placement": placement, **page})
    event = factories.done(made, request, seq=seq)
    return Outcome(
        event=event,
        page=made,
        reading=read_text(made.text),
        receipt=factories.receipt(request, policy=event.policy),
        state=fold(JourneyState(seq=seq - 1), event),
        request=request,
    )


def failure(seq: int = 1, code: str = "model_empty", *, asked: dict[str, Any] | None = None) -> Outcome:
    """Return the outcome of a press without a page."""
    request = factories.request(number=seq, **(asked or {}))
    event = factories.failed(request, seq=seq).model_copy(update={"error": fault(code)})
    receipt = factories.receipt(request, calls=(), model=None, policy=None)
    return Outcome(event=event, receipt=receipt, state=fold(JourneyState(seq=seq - 1), event), request=request)


def fault(code: str) -> Fault:
    """Return why a run failed."""
    return Fault(code=code, detail="It <wrote> nothing.", next_step="Press again.")


def page_of(outcome: Outcome) -> Page:
    """Return the page of an outcome that has one."""
    assert outcome.page is not None
    return outcome.page
