"""Whether the outcomes of an archive, and its manifest, agree with each other: pure, over decoded values.

Each function returns the first disagreement as a sentence with the two values, or None. A run is described in its
event, its page, its receipt and its request, the journey's tree by its pages, and its state by all outcomes before:
what is said twice must be the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from qdpi.events import PageDone, PageFailed, PageRequest
from qdpi.export.archive.facts import Fact, first_disagreement
from qdpi.export.archive.format import Manifest, revisions_of
from qdpi.ids import derived_id, page_id
from qdpi.journey import JourneyState, SequenceGap, fold
from qdpi.outcome import Outcome
from qdpi.page_schema import CANON_PAGE_ID, Page, Tokens
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES, Trajectory, decode_symbol, profile_of

_PAGE_FIELDS: Final = (
    *("session_id", "seq", "page_id", "receipt_id", "symbol_code", "section", "title", "trajectory", "return_to"),
    *("text", "edges", "status", "validation", "model"),
)
"""The fields that an outcome's event has in common with its page."""
_PLACEMENT_FIELDS: Final = ("locus", "anchor", "anchor_section", "depth", "branch_id")
"""The fields that an outcome's event has in common with its page's placement."""
_EDGE_OF: Final = {
    Trajectory.CONTINUE: "next_within",
    Trajectory.LOOP: "loop_back_to",
    Trajectory.FORK: "forks",
    Trajectory.DRIFT: "loop_back_to",
}
"""The kind of edge by which a page of a trajectory leads on."""


class RunFacts(NamedTuple):
    """What is kept of an outcome to check the log by: its seq, and the events of its run."""

    seq: int
    event_id: str
    at: datetime
    request: PageRequest


class PageFacts(NamedTuple):
    """What is kept of a page to check the pages after it by."""

    trajectory: Trajectory
    anchor: str
    anchor_section: int
    depth: int
    branch_id: str | None


class JourneyVerifier:
    """Checks a journey's outcomes, given in their order, each against itself and against those before it.

    `state` is the journey's after the outcomes so far; `runs` has them by the id of their run, `pages` by page id.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._listed = {book.revision for book in manifest.canon}
        self._named: set[int] = set()
        self._last: Outcome | None = None
        self.state = JourneyState()
        self.runs: dict[str, RunFacts] = {}
        self.pages: dict[str, PageFacts] = {}

    def take(self, number: int, outcome: Outcome) -> str | None:
        """Check the outcome of a line. Where it agrees, the following ones are checked against it too."""
        why = self._fault(number, outcome)
        if why is None:
            self._keep(outcome)
        return why

    def end(self) -> str | None:
        """Check the manifest against the outcomes that were taken."""
        state = self.state
        found = {"outcomes": state.seq, "pages": state.pages, "failures": state.failures, "digest": state.digest()}
        for name, value in found.items():
            if (listed := getattr(self._manifest, name)) != value:
                return f"{name} is {listed}, but the outcomes give {value}"
        if unnamed := self._listed - self._named:
            return f"it lists revision {min(unnamed)} of the canon, which no outcome names"
        return None

    def _keep(self, outcome: Outcome) -> None:
        event = outcome.event
        self._last, self.state = outcome, outcome.state
        self._named |= revisions_of(outcome)
        self.runs[outcome.request_id] = RunFacts(outcome.seq, event.event_id, outcome.at, outcome.request)
        if isinstance(event, PageDone):
            self.pages[event.page_id] = PageFacts(
                event.trajectory, event.anchor, event.anchor_section, event.depth, event.branch_id
            )

    def _fault(self, number: int, outcome: Outcome) -> str | None:
        own = self._manifest.session_id
        if outcome.session_id != own:
            return f"it belongs to the journey {outcome.session_id!r}, not to {own!r}"
        if outcome.seq != number:
            return f"it is outcome {outcome.seq}; outcome {number} is expected"
        if earlier := self.runs.get(outcome.request_id):
            return f"the run {outcome.request_id} has an outcome in an earlier line, line {earlier.seq}"
        if unknown := revisions_of(outcome) - self._listed:
            return f"it names revision {min(unknown)} of the canon, which the manifest does not list"
        return (
            run_fault(outcome)
            or page_fault(outcome)
            or self._time_fault(outcome)
            or self._tree_fault(outcome)
            or self._state_fault(outcome)
        )

    def _time_fault(self, outcome: Outcome) -> str | None:
        if outcome.at < outcome.request.ts:
            return f"its time {outcome.at} is before that of its request, {outcome.request.ts}"
        if self._last and outcome.at < self._last.at:
            return f"its time {outcome.at} is before that of outcome {self._last.seq}, {self._last.at}"
        return None

    def _tree_fault(self, outcome: Outcome) -> str | None:
        event = outcome.event
        if not isinstance(event, PageDone):
            return None
        if strange := self._strange(outcome, event):
            return "its {} {!r} is neither a page of the book nor one of an earlier outcome".format(*strange)
        return first_disagreement(self._tree_facts(event, outcome.request))

    def _strange(self, outcome: Outcome, event: PageDone) -> tuple[str, str] | None:
        """Return what an outcome calls the first page that is not there, and its id."""
        named = [("locus", event.locus), ("anchor", event.anchor), ("return_to", event.return_to)]
        named += [(f"edge {kind.value}", target) for kind, target in event.edges.typed()]
        named += [("source", source.page_id) for source in outcome.receipt.sources]
        if event.branch_id not in {None, event.page_id}:
            named.append(("branch_id", str(event.branch_id)))
        return next(((what, page) for what, page in named if not self.has_page(page)), None)

    def has_page(self, page: str) -> bool:
        """Tell whether an id is that of a page of a book, or of one of the journey's outcomes so far."""
        return page in self.pages or CANON_PAGE_ID.fullmatch(page) is not None

    def _tree_facts(self, event: PageDone, request: PageRequest) -> Iterator[Fact]:
        """Yield a page's place as its event has it and as it follows from its locus, its trajectory and the state."""
        pressed = request.page_id or self.state.position
        if pressed is not None:
            yield Fact("locus", "its event", event.locus, "its press", pressed)
        locus = self.pages.get(event.locus)
        if locus is None or self._came_back(locus):
            section = CANON_PAGE_ID.fullmatch(event.anchor)
            yield Fact("anchor_section", "its event", event.anchor_section, "its anchor", section and int(section[1]))
            yield Fact("depth", "its event", event.depth, "its place after its locus", 1)
            branch = None
        else:
            for name in ("anchor", "anchor_section"):
                yield Fact(name, "its event", getattr(event, name), "its locus", getattr(locus, name))
            yield Fact("depth", "its event", event.depth, "its place after its locus", locus.depth + 1)
            branch = locus.branch_id
        departs = event.trajectory in {Trajectory.FORK, Trajectory.DRIFT}
        due = branch or (event.page_id if departs else None)
        yield Fact("branch_id", "its event", event.branch_id, "its place after its locus", due)
        for kind in ("next_within", "loop_back_to", "forks"):
            leads, wanted = bool(getattr(event.edges, kind)), kind == _EDGE_OF[event.trajectory]
            yield Fact(f"whether it leads by {kind}", "its edges", leads, f"its trajectory {event.trajectory}", wanted)
        if event.edges.loop_back_to is not None:
            yield Fact("return_to", "its event", event.return_to, "its edge LOOP", event.edges.loop_back_to)

    def _came_back(self, locus: PageFacts) -> bool:
        """Tell whether a press on a page goes on from the ring: it looped back, or its branch is closed."""
        closed = locus.branch_id is not None and locus.branch_id not in self.state.branches
        return locus.trajectory is Trajectory.LOOP or closed

    def _state_fault(self, outcome: Outcome) -> str | None:
        try:
            expected = fold(self.state, outcome.event)
        except SequenceGap as gap:
            return str(gap)
        return Fact("state", "it", outcome.state, "the fold of the journey", expected).disagreement()


def manifest_fault(manifest: Manifest) -> str | None:
    """Return why a manifest contradicts itself."""
    revisions = [book.revision for book in manifest.canon]
    if twice := next((revision for revision in revisions if revisions.count(revision) > 1), None):
        return f"it lists revision {twice} of the canon {revisions.count(twice)} times"
    book = manifest.book
    for listed in manifest.canon:
        if book is None:
            return f"it lists revision {listed.revision} of the canon, but has no book"
        if listed.revision > book.revision:
            return f"it lists revision {listed.revision} of the canon, which is after the book's, {book.revision}"
        if listed.revision == book.revision:
            return Fact(f"revision {book.revision}", "its book", book, "its canon", listed).disagreement()
    return None


def run_fault(outcome: Outcome) -> str | None:
    """Return how an outcome's event, request and receipt differ."""
    return first_disagreement(_run_facts(outcome))


def page_fault(outcome: Outcome) -> str | None:
    """Return how an outcome's page differs from its event, its receipt, its request and its reading."""
    event, page = outcome.event, outcome.page
    if isinstance(event, PageFailed):
        if page is not None or outcome.reading is not None:
            return f"it failed but has a {'page' if page else 'reading'}"
        return first_disagreement(_failure_facts(event, outcome.request))
    if page is None or page.placement is None:
        return "it is done but has no page with a placement"
    return first_disagreement(_page_facts(outcome, event, page))


def _run_facts(outcome: Outcome) -> Iterator[Fact]:
    event, request, receipt = outcome.event, outcome.request, outcome.receipt
    for name in ("session_id", "press_id", "request_id"):
        yield Fact(name, "its request", getattr(request, name), "its event", getattr(event, name))
    for name in ("press_id", "request_id"):
        yield Fact(name, "its receipt", getattr(receipt, name), "its event", getattr(event, name))
    run = event.request_id
    yield Fact("event_id", "its event", event.event_id, "its run", derived_id("outcome", run))
    yield Fact("receipt_id", "its receipt", receipt.receipt_id, "its run", derived_id("receipt", run))
    yield Fact("cause_id", "its event", event.cause_id, "its request", request.event_id)
    if request.cause_id is not None:
        yield Fact("cause_id", "its request", request.cause_id, "its press", request.press_id)
    yield Fact("attempts", "its receipt", receipt.attempts, "its event", event.attempt)
    if request.canon_revision is not None:
        yield Fact("canon_revision", "its receipt", receipt.canon_revision, "its request", request.canon_revision)
    # An outcome of an earlier version may lack the words.
    for part, given in (("its event", event.user_intent), ("its receipt", receipt.user_intent)):
        if given:
            yield Fact("user_intent", part, given, "its request", request.words)


def _failure_facts(event: PageFailed, request: PageRequest) -> Iterator[Fact]:
    yield Fact("symbol_code", "its event", event.symbol_code, "its request", request.symbol_code)
    yield Fact("locus", "its event", event.locus, "its request", request.page_id)
    if event.wished is not None:
        yield Fact("wished", "its event", event.wished, "its request", request.wish)


def _page_facts(outcome: Outcome, event: PageDone, page: Page) -> Iterator[Fact]:
    receipt, request = outcome.receipt, outcome.request
    yield Fact("page_id", "its page", page.page_id, "its run", page_id(event.request_id))
    yield Fact("receipt_id", "its receipt", receipt.receipt_id, "its event", event.receipt_id)
    yield from (Fact(name, "its event", getattr(event, name), "its page", getattr(page, name)) for name in _PAGE_FIELDS)
    for name in _PLACEMENT_FIELDS:
        yield Fact(name, "its event", getattr(event, name), "its page", getattr(page.placement, name))
    yield Fact("its time", "its event", event.ts, "its page", page.created_at)
    yield Fact("author", "its page", page.author, "its event", event.model)
    yield Fact("version", "its page", page.version, "its receipt", receipt.program_version)
    yield Fact("canon_revision", "its page", page.canon_revision, "its receipt", receipt.canon_revision)
    if outcome.reading is not None:
        yield Fact("signals", "its page", page.signals, "its reading", outcome.reading.signals)
    if request.symbol_code is not None:
        yield Fact("symbol_code", "its event", event.symbol_code, "its request", request.symbol_code)
    if page.user_intent:
        yield Fact("user_intent", "its page", page.user_intent, "its request", request.words)
    yield from _symbol_facts(outcome, event)
    yield from _receipt_facts(outcome, event)


def _symbol_facts(outcome: Outcome, event: PageDone) -> Iterator[Fact]:
    character, _ = decode_symbol(event.symbol_code)
    yield Fact("character", "its event", event.character, "its symbol", CHARACTER_NAMES[character])
    yield Fact("character_id", "its event", event.character_id, "its symbol", CHARACTER_MAP[character])
    if outcome.receipt.profile is not None:
        yield Fact("profile", "its receipt", outcome.receipt.profile, "its symbol", profile_of(event.symbol_code).code)


def _receipt_facts(outcome: Outcome, event: PageDone) -> Iterator[Fact]:
    """Yield what an event has in common with its receipt, as far as the receipt has it."""
    receipt = outcome.receipt
    yield Fact("the trajectory given", "its policy", event.policy.given, "its event", event.trajectory)
    for name in ("policy", "validation", "model"):
        if (value := getattr(receipt, name)) is not None:
            yield Fact(name, "its receipt", value, "its event", getattr(event, name))
    if receipt.policy is not None:
        yield Fact("policy_version", "its receipt", receipt.policy_version, "its policy", receipt.policy.version)
    if event.milliseconds is not None:
        yield Fact("milliseconds", "its event", event.milliseconds, "its receipt", receipt.duration)
    if event.tokens != Tokens():
        yield Fact("tokens", "its event", event.tokens, "its receipt", receipt.tokens_used)
