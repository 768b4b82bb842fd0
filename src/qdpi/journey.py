"""A journey: the ordered fold of its outcomes.

The state is small and bounded by the policy: the open branches, their return debt, the reader's position. The fold
is ordered by `seq`, never by a clock; folding an outcome again changes nothing.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from qdpi.events import PageDone, PageFailed
from qdpi.ids import sha256
from qdpi.symbols import Trajectory

FOLD_VERSION: Final = 1
RECENT_LOCI: Final = 4
"""The number of loci that a journey remembers, for novelty."""


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
        """Return the number of open branches of a section."""
        return sum(branch.section == section for branch in self.branches.values())

    def return_debt(self, section: int) -> int:
        """Return the number of pages in the open branches of a section."""
        return sum(branch.pages for branch in self.branches.values() if branch.section == section)

    def digest(self) -> str:
        """Return the SHA-256 of the state, in hex; equal states have equal hashes."""
        return sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True))


class SectionFigures(NamedTuple):
    """A journey's open branches and return debt (pages) in one section."""

    open_branches: int
    return_debt: int


def section_figures(state: JourneyState) -> dict[int, SectionFigures]:
    """Return the figures of every section that a journey has open branches in."""
    sections = {branch.section for branch in state.branches.values()}
    return {s: SectionFigures(state.open_branches(s), state.return_debt(s)) for s in sorted(sections)}


class SequenceGap(ValueError):
    """An outcome does not follow the last one of its journey."""


def fold(state: JourneyState, event: PageDone | PageFailed) -> JourneyState:
    """Return the state after an outcome. An outcome already folded changes nothing; a gap raises `SequenceGap`."""
    return fold_all((event,), state)


def fold_all(events: Iterable[PageDone | PageFailed], state: JourneyState | None = None) -> JourneyState:
    """Fold outcomes in order onto a state, by default that of a new journey.

    Outcomes already folded change nothing; a gap raises `SequenceGap`.
    """
    folding = _Folding(state or JourneyState())
    for event in events:
        folding.take(event)
    return folding.state()


class _Folding:
    """A fold in progress, with mutable parts, so that a long fold builds only one state, at its end."""

    def __init__(self, before: JourneyState) -> None:
        self._before = before
        self._seq, self._position = before.seq, before.position
        self._pages, self._failures = before.pages, before.failures
        self._departures, self._returns = before.departures, before.returns
        self._branches = dict(before.branches)
        self._grown: dict[str, int] = {}
        self._recent: deque[RecentLocus | PageDone] = deque(before.recent, RECENT_LOCI)

    def take(self, event: PageDone | PageFailed) -> None:
        """Fold an outcome. Raises `SequenceGap`."""
        if event.seq <= self._seq:
            return
        if event.seq != self._seq + 1:
            raise SequenceGap(f"Outcome {event.seq} cannot follow {self._seq}: read the journey's log from there.")
        self._seq = event.seq
        if isinstance(event, PageFailed):
            self._failures += 1
            return
        self._position = event.page_id
        self._pages += 1
        self._recent.append(event)
        if event.branch_id is not None:
            self._take_branch(event, event.branch_id)

    def _take_branch(self, event: PageDone, branch_id: str) -> None:
        self._departures += opens_branch(event)
        if event.trajectory is Trajectory.LOOP:
            self._returns += self._branches.pop(branch_id, None) is not None
            self._grown.pop(branch_id, None)
        elif opens_branch(event):
            self._branches[branch_id] = _opened(event, branch_id)
            self._grown.pop(branch_id, None)
        elif branch_id in self._branches:
            self._grown[branch_id] = self._grown.get(branch_id, 0) + 1

    def state(self) -> JourneyState:
        """Return the state after the outcomes folded so far."""
        if self._seq == self._before.seq:
            return self._before
        return self._before.model_copy(
            update={
                "seq": self._seq,
                "position": self._position,
                "pages": self._pages,
                "failures": self._failures,
                "departures": self._departures,
                "returns": self._returns,
                "branches": {name: _grown(branch, self._grown.get(name)) for name, branch in self._branches.items()},
                "recent": tuple(map(_locus_of, self._recent)),
            }
        )


def _opened(event: PageDone, branch_id: str) -> Branch:
    return Branch(
        branch_id=branch_id,
        section=event.anchor_section,
        anchor=event.anchor,
        return_to=event.return_to,
        pages=1,
        opened_seq=event.seq,
    )


def _grown(branch: Branch, pages: int | None) -> Branch:
    return branch.model_copy(update={"pages": branch.pages + pages}) if pages else branch


def _locus_of(read: RecentLocus | PageDone) -> RecentLocus:
    return RecentLocus(page_id=read.locus, terms=read.locus_terms) if isinstance(read, PageDone) else read


def opens_branch(event: PageDone) -> bool:
    """Tell whether a page is the departure of its branch."""
    return event.branch_id == event.page_id
