"""A journey: the ordered fold of its outcomes.

The state is small and bounded by the policy: what is open, what is owed, where the reader is. The order of
the fold is `seq`, never a clock; folding an outcome again changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from qdpi.events import PageDone, PageFailed
from qdpi.identity import sha256
from qdpi.symbols import Trajectory

FOLD_VERSION: Final = 1
RECENT_LOCI: Final = 4
"""How many loci the journey remembers, for novelty."""


class Branch(BaseModel):
    """An open branch: its departure, the section it is booked on, and the pages written in it."""

    model_config = ConfigDict(frozen=True)

    branch_id: str
    section: int
    anchor: str
    return_to: str
    pages: int
    opened_seq: int


class RecentLocus(BaseModel):
    """A locus that was read, with its terms (entities and motifs)."""

    model_config = ConfigDict(frozen=True)

    page_id: str
    terms: tuple[str, ...] = ()


class JourneyState(BaseModel):
    """The folded state after `seq` outcomes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fold_version: int = FOLD_VERSION
    seq: int = 0
    position: str | None = None
    pages: int = 0
    failures: int = 0
    departures: int = 0
    returns: int = 0
    branches: dict[str, Branch] = Field(default_factory=dict)
    recent: tuple[RecentLocus, ...] = ()

    def open_branches(self, section: int) -> int:
        """Return how many branches booked on a section have not come back."""
        return sum(branch.section == section for branch in self.branches.values())

    def return_debt(self, section: int) -> int:
        """Return how many pages stand in the open branches of a section."""
        return sum(branch.pages for branch in self.branches.values() if branch.section == section)

    def digest(self) -> str:
        """Return a hash (SHA-256, hex) of the state; equal states have equal hashes."""
        return sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True))


class SequenceGap(ValueError):
    """An outcome is not the next one of its journey."""


def fold(state: JourneyState, event: PageDone | PageFailed) -> JourneyState:
    """Return the state after an outcome. Seen outcomes change nothing; a gap raises `SequenceGap`."""
    if event.seq <= state.seq:
        return state
    if event.seq != state.seq + 1:
        raise SequenceGap(f"Outcome {event.seq} cannot follow {state.seq}: read the journey's log from there.")
    if isinstance(event, PageFailed):
        return state.model_copy(update={"seq": event.seq, "failures": state.failures + 1})
    return state.model_copy(
        update={
            "seq": event.seq,
            "position": event.page_id,
            "pages": state.pages + 1,
            "departures": state.departures + opens_branch(event),
            "returns": state.returns + (event.branch_id in state.branches and event.trajectory is Trajectory.LOOP),
            "branches": _branches_after(state, event),
            "recent": (*state.recent, RecentLocus(page_id=event.locus, terms=event.locus_terms))[-RECENT_LOCI:],
        }
    )


def fold_all(events: Iterable[PageDone | PageFailed], state: JourneyState | None = None) -> JourneyState:
    """Fold outcomes in their order onto a state, by default that of a new journey."""
    folded = state or JourneyState()
    for event in events:
        folded = fold(folded, event)
    return folded


def opens_branch(event: PageDone) -> bool:
    """Tell whether a page is the departure of its branch."""
    return event.branch_id == event.page_id


def _branches_after(state: JourneyState, event: PageDone) -> dict[str, Branch]:
    branches = dict(state.branches)
    if event.branch_id is None:
        return branches
    if event.trajectory is Trajectory.LOOP:
        branches.pop(event.branch_id, None)
    elif opens_branch(event):
        branches[event.branch_id] = Branch(
            branch_id=event.branch_id,
            section=event.anchor_section,
            anchor=event.anchor,
            return_to=event.return_to,
            pages=1,
            opened_seq=event.seq,
        )
    elif event.branch_id in branches:
        branch = branches[event.branch_id]
        branches[event.branch_id] = branch.model_copy(update={"pages": branch.pages + 1})
    return branches
