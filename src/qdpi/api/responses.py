"""What the gateway answers: one model for those who serve it and those who read it (`qdpi.client`)."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from qdpi.events import PageDelta, PageDone, PageFailed
from qdpi.journey import Branch, JourneyState
from qdpi.page_schema import Page, PageStatus, PolicyVerdict, Receipt
from qdpi.policy import MAX_OPEN_BRANCHES, MAX_RETURN_DEBT
from qdpi.policy.preview import BehaviourPreview
from qdpi.symbols import Choice, Orientation, Provenance, Source, Trajectory

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
STATUS_FRAME: Final = "status"
"""The name of the frames that carry `Following` and `RunStatus`."""


def frame_name(event: PageDelta | PageDone | PageFailed | type[PageDelta | PageDone | PageFailed]) -> str:
    """Return the name of the frames that carry an event: its topic without the prefix."""
    return event.topic.removeprefix("gibsey.")


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


class ComponentHealth(BaseModel):
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
    parts: dict[str, ComponentHealth]


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


class WrittenPage(Page):
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


class PageProvenance(BaseModel):
    """The revision of the canon that a journey's page was written on, and what has become of it since.

    `older` says that the canon has changed; `anchor` whether the canon page that the page hangs on still says
    the same, was changed or was dropped.
    """

    canon_revision: int
    current_revision: int
    older: bool
    anchor: Literal["same", "changed", "dropped"]


class BranchView(Branch):
    """An open branch, and what it grew from."""

    grown_from: PageProvenance | None


class RingPlace(BaseModel):
    """Where a journey stands on the ring: the canon page, its place from 1 of `pages`, in which revision's ring.

    `return_to` is where a return from here leads.
    """

    page_id: str
    place: int
    pages: int
    section: int
    return_to: str
    canon_revision: int


class SavedPage(BaseModel):
    """A page in a vault: its label and notes, its newest change and that one's time."""

    page_id: str
    label: str
    notes: str
    saved_at: datetime
    event_id: str


class JourneyView(BaseModel):
    """A journey at a moment: the events up to it, from `after` on, and the state folded from all of them.

    `seq` is the moment's, `at` its time, None for now; `head` is the journey's newest seq; `next_after` asks
    for the events that follow, None where these are all. `position` is the page the reader stands on, None at
    the beginning, `ring` where on the ring that is; `ttl` how many pages may still be written from there
    before a return is forced; `branches` are the open ones, which owe `return_debt` pages. `older` are the
    pages of these events that grew from an older revision of the canon. `vault` has the first 1,000 of
    `vault_count` entries, the rest are at /vault; `vault_digest` is the hash of all.
    """

    session_id: str
    seq: int
    head: int
    at: datetime | None
    position: str | None
    ring: RingPlace | None
    ttl: int
    branches: tuple[BranchView, ...]
    open_branches: int
    return_debt: int
    vault: tuple[SavedPage, ...]
    vault_count: int
    vault_digest: str
    state: JourneyState
    digest: str
    events: tuple[PageDone | PageFailed, ...]
    older: tuple[str, ...]
    next_after: int | None


class SymbolPreview(BaseModel):
    """What one symbol would do: its behaviour's trajectory and what is open; why the rest is closed stands there."""

    code: int
    name: str
    behavior: int
    given: Trajectory
    open: tuple[Trajectory, ...]


class Preview(BaseModel):
    """What each symbol would do at a locus now: by its behaviour, which is the same for all sixteen characters.

    `locus` is the page that a press counts from, which differs from `page_id` on a page that has come
    back. `symbols` are all 256 by their code, `behaviours` has the rules and reasons.
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
    symbols: tuple[SymbolPreview, ...]


class PageView(Page):
    """A page; `grown_from` is None for a page of the book."""

    grown_from: PageProvenance | None = None


class Tokens(BaseModel):
    """Tokens over all calls of a run, None where no call counted them."""

    prompt: int | None
    completion: int | None


class ReceiptView(Receipt):
    """Why a page is what it is: the receipt, with the page it is of and its sums."""

    page_id: str
    seq: int
    locus: str
    symbol_code: int
    trajectory: Trajectory
    status: PageStatus
    committed_at: datetime
    tokens: Tokens
    total_milliseconds: float


class Alternative(BaseModel):
    """One of the pages that were written at one locus, with its receipt; `place` counts from 1."""

    page_id: str
    place: int
    seq: int
    title: str
    excerpt: str
    symbol_code: int
    section: int
    trajectory: Trajectory
    status: PageStatus
    model: str | None
    created_at: datetime
    grown_from: PageProvenance | None
    receipt: ReceiptView


class Alternatives(BaseModel):
    """The pages of one journey that were written at one locus, in the order of their seq.

    Of a journey's page the locus is the one that it was pressed at, and `place` its own among them, from 1; of
    a page of the book the locus is that page itself. `next_after` asks for those that follow.
    """

    page_id: str
    locus: str
    place: int | None
    count: int
    alternatives: tuple[Alternative, ...]
    next_after: int | None


class Revision(BaseModel):
    """A page as one revision has it, and the canon's revision in which that first came out."""

    revision: int
    canon_revision: int | None
    current: bool
    title: str
    text: str
    created_at: datetime


class Revisions(BaseModel):
    """Every revision of a page, the oldest first. A journey's page has one; a page that was dropped no current one."""

    page_id: str
    count: int
    revisions: tuple[Revision, ...]


class SavedPageView(SavedPage):
    """A page in a vault, and what the page is, None where it cannot be read."""

    title: str | None
    section: int | None
    symbol_code: int | None


class VaultView(BaseModel):
    """A vault, the oldest change first; `at` is the moment it is told of, None for now.

    `count` is that of all entries, `digest` their hash; `next` asks for those that follow.
    """

    session_id: str
    at: datetime | None
    count: int
    digest: str
    entries: tuple[SavedPageView, ...]
    next: str | None


class VaultUpdate(BaseModel):
    """A change of a vault was taken: its id, and how the page stands in the vault after it, None where it does not.

    `recorded` is false only where the store went away meanwhile: the change is not lost, and shows when that is back.
    """

    ok: bool = True
    event_id: str
    page_id: str
    saved: bool
    recorded: bool
    entry: SavedPageView | None


class SearchHit(BaseModel):
    """A page that was found. `seq` is a journey's page's, `page_num` the book's.

    `passage` is plain text and `marks` where the hits stand in it, [start, end) in Unicode characters; `snippet`
    is the same as HTML, escaped, the hits in `<mark>`. `title_marks` are those in the title. `found_in` says
    what was found, and what the passage is of: the text, the title or the vault's label and notes.
    """

    page_id: str
    kind: Literal["canon", "journey"]
    title: str
    title_marks: tuple[tuple[int, int], ...]
    section: int
    character: int
    character_id: str
    symbol_code: int
    behavior: int
    trajectory: Trajectory
    page_num: int | None
    seq: int | None
    saved: bool
    label: str | None
    score: float
    found_in: Literal["text", "title", "notes"]
    passage: str
    marks: tuple[tuple[int, int], ...]
    snippet: str


class Destination(BaseModel):
    """A page that may be meant by its title or its id; `alike` is 0 to 100."""

    page_id: str
    title: str
    section: int
    alike: float


class SearchAnswer(BaseModel):
    """What was found: how many pages in all, these of them, and the cursor of those that follow.

    `goto` are the pages whose title or id the query may mean, on the first page of hits only.
    """

    q: str
    total: int
    hits: tuple[SearchHit, ...]
    next: str | None
    goto: tuple[Destination, ...]
