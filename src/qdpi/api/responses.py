"""Response bodies: the gateway serves these models and `qdpi.client` reads them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from qdpi.events import INTENT_LIMIT, PageDone, PageFailed
from qdpi.journey import FOLD_VERSION, Branch, JourneyState
from qdpi.page_schema import Page, PageStatus, PolicyVerdict, Receipt, Tokens
from qdpi.policy import MAX_BRANCH_DEPTH, MAX_DEPARTURES, MAX_OPEN_BRANCHES, MAX_RETURN_DEBT, POLICY_VERSION
from qdpi.policy.preview import BehaviourPreview, Closed
from qdpi.symbols import Choice, Orientation, Provenance, Source, Trajectory

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
MOST_PAGES: Final = 50
"""The most pages of one `PageBatch`."""
STATUS_FRAME: Final = "status"
"""The name of the frames that carry `Following` and `RunStatus`."""


class Problem(BaseModel):
    """Problem details (RFC 9457), for programs (`code`, `status`) and for people (`detail`, `next_step`).

    Other members, such as `event_id` and `seq`, name the press concerned.
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
    """Health of a component; `since` is when it was first found unavailable."""

    ok: bool
    detail: str | None = None
    since: datetime | None = None


class Alive(BaseModel):
    """The process is alive."""

    ok: bool = True


class Ready(BaseModel):
    """Readiness: store and bus must answer; the model and the book are reported, and do not make it unready."""

    ready: bool
    parts: dict[str, ComponentHealth]


class WriterKind(StrEnum):
    """What kind of writer makes the pages."""

    OFFLINE = "offline"
    LOCAL = "local"
    HOSTED = "hosted"


class Writer(BaseModel):
    """Who writes the pages: the model's name as on pages and receipts, and a sentence about it for readers.

    `model` and `kind` are None where this gateway does not know them: its workers run elsewhere, and it has seen none
    of their pages yet.
    """

    model: str | None
    kind: WriterKind | None
    label: str


class BookFacts(BaseModel):
    """The book that is current: an ingest that changes it gives it the next `revision`."""

    book_id: str
    title: str
    author: str
    pages: int
    sections: int
    revision: int
    content_hash: str
    created_at: datetime


class PolicyLimits(BaseModel):
    """The policy's limits for one journey.

    Under a page of `branch_depth` the next page returns. A section with `open_branches`, or with more than
    `return_debt` pages owed, allows no departure; a journey has `departures` at most.
    """

    branch_depth: int = MAX_BRANCH_DEPTH
    open_branches: int = MAX_OPEN_BRANCHES
    return_debt: int = MAX_RETURN_DEBT
    departures: int = MAX_DEPARTURES


class RequestLimits(BaseModel):
    """What this gateway accepts: the characters of an intent, the pages of one request, the presses that may wait."""

    intent_characters: int = INTENT_LIMIT
    pages_at_once: int = MOST_PAGES
    waiting_presses: int


class About(BaseModel):
    """What this server is: its version, its book, who writes, and its limits.

    `signed` is whether session ids are signed; then only issued ones are accepted. `fold_version` is the version of the
    function that makes a journey's state, `web_version` that of the page's files.
    """

    name: Literal["Gibsey QDPI"] = "Gibsey QDPI"
    version: str
    book: BookFacts | None
    writer: Writer
    signed: bool
    limits: PolicyLimits
    accepts: RequestLimits
    policy_version: str = POLICY_VERSION
    fold_version: int = FOLD_VERSION
    web_version: str


class SymbolEntry(BaseModel):
    """One of the 256 symbols with its behaviour's profile; `color` is the character's, None without a book."""

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
    """A section of the book, and the character in whose voice it is written.

    `title` is what most of its pages' titles have in common, None where they have nothing in common.
    """

    section: int
    title: str | None
    character: int
    slug: str
    name: str
    color: str
    pages: int
    first_page: str


class VoiceEntry(BaseModel):
    """One of the sixteen voices: `sentence` says who speaks, `profile` all that is known of how.

    `source` says where both are from: the book (`profile`), or measures of the section's own pages (`section`).
    `drawing` is the address of the book's own drawing, None where it has none; `glyph` is ours.
    """

    character: int
    slug: str
    name: str
    section: int
    section_title: str | None
    color: str
    sentence: str
    profile: str
    source: Literal["profile", "section"]
    drawing: str | None
    glyph: str


class CanonShape(BaseModel):
    """The current book: its ring in order, and its sections."""

    title: str
    author: str
    book_id: str
    revision: int
    content_hash: str
    ring: tuple[CanonPageEntry, ...]
    sections: tuple[SectionEntry, ...]


class SectionFacts(SectionEntry):
    """A section with sums over all journeys, and the policy's limits for one journey."""

    journeys: int
    open_branches: int
    return_debt: int
    max_open_branches: int = MAX_OPEN_BRANCHES
    max_return_debt: int = MAX_RETURN_DEBT


class ImportedJourney(BaseModel):
    """What an import did: outcomes that were here before, and outcomes and rows of the log that it wrote.

    `session_id` opens the journey here. `seq` and `digest` are those of the journey as it is here now, which may have
    more outcomes than the archive.
    """

    session_id: str
    changed: bool
    seq: int
    digest: str
    outcomes_here: int
    outcomes_written: int
    rows_written: int


class WrittenPage(Page):
    """The page of a direct run, with the policy's verdict, the receipt, and the ids of press and run."""

    locus: str
    attempt: int
    event_id: str
    request_id: str
    policy: PolicyVerdict
    receipt: Receipt


class Following(BaseModel):
    """A stream's first frame: the journey is at `seq`, and the stream continues after the outcome `after`."""

    phase: Literal["following"] = "following"
    seq: int
    after: int


class RunStatus(BaseModel):
    """Status of a run: `queued`, or the phase of its `attempt`; and what was pressed, as far as the gateway knows it.

    `place` is the run's place among the journey's runs under way: 1 is the next to be answered. `pressed_at` is the
    time of the press. An ask has no symbol; a press without a `locus` is made where the journey then is. `trajectory`
    is the reader's wish. A run that is `waiting` goes on at `until`.
    """

    phase: str
    until: datetime | None = None
    attempt: int | None = None
    event_id: str | None = None
    press_id: str
    request_id: str
    place: int | None = None
    symbol_code: int | None = None
    locus: str | None = None
    user_intent: str | None = None
    trajectory: Trajectory | None = None
    pressed_at: datetime | None = None


class RunsUnderWay(BaseModel):
    """A journey's runs under way, in the order in which they are answered."""

    session_id: str
    runs: tuple[RunStatus, ...]


class PageProvenance(BaseModel):
    """The canon revision a page was generated from, and whether its anchor has changed since.

    `older` is true if the canon has a newer revision; `anchor` says whether the text of the anchor, a canon page,
    is the same, has changed, or was dropped.
    """

    canon_revision: int
    current_revision: int
    older: bool
    anchor: Literal["same", "changed", "dropped"]


class BranchView(Branch):
    """An open branch, with the provenance of its first page."""

    grown_from: PageProvenance | None


class RingPlace(BaseModel):
    """A journey's position on the ring of a canon revision: the canon page, and its place, from 1 to `pages`.

    `return_to` is the page that a return from here leads to.
    """

    page_id: str
    place: int
    pages: int
    section: int
    return_to: str
    canon_revision: int


class SavedPage(BaseModel):
    """A page in a vault: its label and notes, and the id and time of its newest change."""

    page_id: str
    label: str
    notes: str
    saved_at: datetime
    event_id: str


class JourneyView(BaseModel):
    """A journey as of a seq or a time: its events after `after`, and the state folded from all events until then.

    `seq` is the last outcome until then, `at` the time, None for now; `head` is the journey's newest seq.
    `next_after` requests the events that follow, None on the last page. `position` is the page the reader is on,
    None at the beginning, and `ring` its position on the ring. `ttl` is how many pages may still be written from
    there before a return is forced. `branches` are the open ones; `return_debt` is how many pages they owe.
    `older` lists the pages of these events that were generated from an older revision of the canon. `vault` has
    the first 1,000 of `vault_count` entries, /vault has the rest; `vault_digest` is the hash of all.
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


class UsualRun(BaseModel):
    """What a run usually takes: medians over `runs` runs; tokens where a model reports them."""

    runs: int
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None


class BehaviourRuns(BaseModel):
    """What the runs of one behaviour, 0..15, usually take."""

    behavior: int
    usual: UsualRun


class ModelRuns(BaseModel):
    """What the runs of one model usually take, of all behaviours and of each that ran."""

    model: str
    usual: UsualRun
    behaviours: tuple[BehaviourRuns, ...]


class RunStatistics(BaseModel):
    """What runs usually take here, by model, the newest first. Stopped and failed runs do not count."""

    models: tuple[ModelRuns, ...]


class PlaceView(BaseModel):
    """Where a reader goes on: the page last turned to, or the one written since; None at the beginning.

    `placed_at` is the time of the last page turn. `canon` and `pages` are bitmaps of the pages read, of the book by
    page number and of the journey by seq: base64 of bytes, number n in bit (n - 1) % 8, the lowest first, of byte
    (n - 1) // 8. `canon_read` and `pages_read` count them.
    """

    session_id: str
    page_id: str | None
    placed_at: datetime | None
    canon: str
    pages: str
    canon_read: int
    pages_read: int


class JourneyTree(BaseModel):
    """A journey's outcomes with a seq above `after`, in order, by columns: entry n of each column is of one outcome.

    `head` is the journey's newest seq; `next_after` requests the outcomes that follow, None on the last page. `ts` is
    the time of the commit, in seconds since 1970, rounded up. `locus`, and `branch`, the departure of the page's
    branch, name a page: one that this journey wrote by the seq of its outcome, any other by its id. A failed run has a
    code in `error` and no page, trajectory, branch or title; it may have no symbol and no locus.
    """

    session_id: str
    head: int
    after: int
    next_after: int | None
    seq: list[int]
    ts: list[int]
    page_id: list[str | None]
    locus: list[int | str | None]
    symbol: list[int | None]
    trajectory: list[Trajectory | None]
    branch: list[int | str | None]
    status: list[Literal["complete", "stopped", "failed"]]
    title: list[str | None]
    error: list[str | None]


class PreviewedSituation(BaseModel):
    """What decides a press at a locus, for every symbol alike.

    `locus` is the page that a press counts from; it differs from `page_id` on a page that has returned to the ring.
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


class SymbolPreview(BaseModel):
    """Preview of one symbol: the trajectory it would take, and those that are open; its behaviour has the reasons."""

    code: int
    name: str
    behavior: int
    given: Trajectory
    open: tuple[Trajectory, ...]


class Preview(PreviewedSituation):
    """Preview of a press of each symbol at a locus. It depends on the behaviour, not on the character.

    `symbols` are all 256 in the order of their codes; `behaviours` has the rules and reasons.
    """

    behaviours: tuple[BehaviourPreview, ...]
    symbols: tuple[SymbolPreview, ...]


class LeanBehaviour(BaseModel):
    """Preview of one behaviour; `reasons` and `closed` are places in the lists of its `LeanPreview`."""

    given: Trajectory
    rule: str
    reasons: tuple[int, ...]
    open: tuple[Trajectory, ...]
    closed: tuple[int, ...]


class LeanPreview(PreviewedSituation):
    """A preview that says nothing twice: the symbol of code c would do what `behaviours[c % 16]` says.

    `reasons` are the sentences, `closings` the closed trajectories with their rules, that the behaviours refer to.
    """

    reasons: tuple[str, ...]
    closings: tuple[Closed, ...]
    behaviours: tuple[LeanBehaviour, ...]


class PageView(Page):
    """A page; `grown_from` is None for a page of the book."""

    grown_from: PageProvenance | None = None


class PageBatch(BaseModel):
    """Several pages, in the order in which they were asked for; `missing` are the ids that name no page."""

    pages: tuple[PageView, ...]
    missing: tuple[str, ...]


class ReceiptView(Receipt):
    """A page's receipt, with the page's own facts and sums over its model calls."""

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
    """One of the pages written at one locus, with its receipt; `place` counts from 1."""

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
    """The pages of one journey that were written at one locus, ordered by seq.

    For a journey's page, the locus is where it was pressed, and `place` is its own place among them, from 1. For
    a page of the book, the locus is that page. `next_after` requests the alternatives that follow.
    """

    page_id: str
    locus: str
    place: int | None
    count: int
    alternatives: tuple[Alternative, ...]
    next_after: int | None


class Sibling(BaseModel):
    """One of the pages written at one locus, in short; `place` counts from 1."""

    page_id: str
    place: int
    seq: int
    title: str
    symbol_code: int
    trajectory: Trajectory
    status: PageStatus


class Siblings(BaseModel):
    """A page's place among the pages that its journey wrote at the same locus, and these pages in short.

    `place` counts from 1 to `count`; it is None for a page of the book, whose siblings here are the pages written at
    it. `first`, `previous`, `next` and `last` are page ids for switching, None where there is none. `next_after`
    requests the siblings that follow.
    """

    page_id: str
    locus: str
    place: int | None
    count: int
    first: str | None
    previous: str | None
    next: str | None
    last: str | None
    siblings: tuple[Sibling, ...]
    next_after: int | None


class Revision(BaseModel):
    """One revision of a page, and the canon revision that introduced it."""

    revision: int
    canon_revision: int | None
    current: bool
    title: str
    text: str
    created_at: datetime


class Revisions(BaseModel):
    """Every revision of a page, oldest first. A journey's page has one; a dropped page has no current one."""

    page_id: str
    count: int
    revisions: tuple[Revision, ...]


class SavedPageView(SavedPage):
    """A page in a vault with the page's title, section and symbol; None where the page cannot be read."""

    title: str | None
    section: int | None
    symbol_code: int | None


class VaultView(BaseModel):
    """The entries of a vault, oldest change first, as of the time `at`, None for now.

    `count` is the number of all entries, `digest` their hash; `next` requests the entries that follow.
    """

    session_id: str
    at: datetime | None
    count: int
    digest: str
    entries: tuple[SavedPageView, ...]
    next: str | None


class VaultChangeView(SavedPage):
    """A change of a vault, and the page's label and notes after it; an unsaved page has none."""

    action: Literal["saved", "unsaved", "labelled"]


class VaultChanges(BaseModel):
    """The changes of a vault, the oldest first; `count` is the number of all, `next` requests those that follow."""

    session_id: str
    count: int
    changes: tuple[VaultChangeView, ...]
    next: str | None


class VaultUpdate(BaseModel):
    """A change of a vault was accepted: its event id, and the page's entry after it, None where it has none.

    `recorded` is false only while the store is unavailable: the change is in the log and is applied afterwards.
    """

    ok: bool = True
    event_id: str
    page_id: str
    saved: bool
    recorded: bool
    entry: SavedPageView | None


class SearchHit(BaseModel):
    """A page that matches. Pages of a journey have a `seq`, pages of the book a `page_num`.

    `passage` is plain text; `marks` are the ranges of its hits, [start, end) in Unicode code points. `snippet` is
    the passage as escaped HTML with the hits in `<mark>`. `title_marks` are the hits in the title. `found_in`
    names the field that matched, which is also the source of the passage: text, title, or the vault's notes.
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
    """A page whose title or id resembles the query; `alike` is the similarity, 0 to 100."""

    page_id: str
    title: str
    section: int
    alike: float


class SearchAnswer(BaseModel):
    """A page of search hits: the total, these hits, and the cursor of the hits that follow.

    `goto` lists pages whose title or id resembles the query, on the first page of hits only.
    """

    q: str
    total: int
    hits: tuple[SearchHit, ...]
    next: str | None
    goto: tuple[Destination, ...]
