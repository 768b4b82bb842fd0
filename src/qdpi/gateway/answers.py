"""What the gateway answers: one model for those who serve it and those who read it (`qdpi.client`)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from qdpi.events import PageDone, PageFailed
from qdpi.gateway.previewing import BehaviourPreview
from qdpi.journey import Branch, JourneyState
from qdpi.page_schema import Page, PolicyVerdict, Receipt
from qdpi.policy import MAX_OPEN_BRANCHES, MAX_RETURN_DEBT
from qdpi.symbols import Choice, Orientation, Provenance, Source, Trajectory


class Problem(BaseModel):
    """What went wrong, for programs (`code`, `status`) and for people (`detail`, `next_step`).

    Members beside these, such as `event_id` and `seq`, say which press it is about.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    title: str
    status: int
    detail: str
    next_step: str
    code: str
    instance: str | None = None


class Part(BaseModel):
    """A part's health: `since` is when it was first found away."""

    ok: bool
    detail: str | None = None
    since: datetime | None = None


class Alive(BaseModel):
    """The process answers."""

    ok: bool = True


class Ready(BaseModel):
    """The parts: the store and the bus must answer; the model and the book are shown, and are no reason."""

    ready: bool
    parts: dict[str, Part]


class SymbolEntry(BaseModel):
    """One of the 256 symbols and its behaviour's profile; `color` is the character's, None without a book."""

    code: int
    hex: str
    name: str
    character: int
    slug: str
    display_name: str
    behavior: int
    behavior_code: str
    orientation: Orientation
    provenance: Provenance
    meaning: str
    plans: bool
    sources: tuple[Source, ...]
    open: tuple[Trajectory, ...]
    choice: Choice
    color: str | None
    glyph: str


class CanonPageEntry(BaseModel):
    """A page of the ring."""

    page_id: str
    section: int
    page_num: int | None
    title: str


class SectionEntry(BaseModel):
    """A section of the book and the character whose voice it has."""

    section: int
    character: int
    slug: str
    name: str
    color: str
    pages: int
    first_page: str


class CanonShape(BaseModel):
    """The book as it is now: its ring in order, and its sections."""

    title: str
    author: str
    book_id: str
    revision: int
    content_hash: str
    ring: tuple[CanonPageEntry, ...]
    sections: tuple[SectionEntry, ...]


class SectionFacts(SectionEntry):
    """A section with the sums over all journeys, and the policy's limits for one journey."""

    journeys: int
    open_branches: int
    return_debt: int
    max_open_branches: int = MAX_OPEN_BRANCHES
    max_return_debt: int = MAX_RETURN_DEBT


class Written(Page):
    """A direct run's answer: the page, the policy's verdict, the receipt, and the ids of press and run."""

    locus: str
    attempt: int
    event_id: str
    request_id: str
    policy: PolicyVerdict
    receipt: Receipt


class Following(BaseModel):
    """A stream's first frame: the journey is at `seq`, and the stream goes on after the outcome `after`."""

    phase: Literal["following"] = "following"
    seq: int
    after: int


class RunStatus(BaseModel):
    """What a run is doing now: `queued`, or a phase of its `attempt`."""

    phase: str
    attempt: int | None = None
    event_id: str | None = None
    press_id: str
    request_id: str


class JourneyView(BaseModel):
    """A journey at a seq: the events up to it, from `after` on, and the state folded from all of them.

    `head` is the journey's newest seq; `next_after` asks for the events that follow, None where these are
    all. `position` is the page the reader stands on, None at the beginning; `ttl` how many pages may
    still be written from there before a return is forced; `branches` are the open ones.
    """

    session_id: str
    seq: int
    head: int
    position: str | None
    ttl: int
    branches: tuple[Branch, ...]
    state: JourneyState
    digest: str
    events: tuple[PageDone | PageFailed, ...]
    next_after: int | None


class Preview(BaseModel):
    """What each behaviour would do at a locus now; it is the same for all sixteen characters.

    `locus` is the page that a press counts from, which differs from `page_id` on a page that has come
    back.
    """

    page_id: str
    locus: str
    section: int
    anchor: str
    return_to: str
    seq: int
    ttl: int
    depth: int
    in_branch: bool
    open_branches: int
    return_debt: int
    departures: int
    unresolved: int
    novelty: float
    behaviours: tuple[BehaviourPreview, ...]
