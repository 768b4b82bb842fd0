"""Whether the parts of an archive agree with each other: pure, over decoded values.

Each function returns the first disagreement as a sentence with the two values, or None. A run is described several
times (in its event, its page, its receipt, its request, and in rows of the log), the journey's tree by its pages, and
its state by all outcomes before: what is said twice must be the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic_core import to_jsonable_python

from qdpi.errors import MalformedEvent
from qdpi.events import (
    TOPICS,
    Ask,
    Event,
    PageDone,
    PageFailed,
    PageRequest,
    Press,
    Stop,
    VaultChange,
    decode,
    headers_of,
)
from qdpi.export.archive.format import OUTCOMES, Manifest, revisions_of
from qdpi.ids import derived_id, page_id, request_id
from qdpi.journey import JourneyState, SequenceGap, fold
from qdpi.outcome import LogEntry, Outcome
from qdpi.page_schema import CANON_PAGE_ID, Page, Tokens
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES, Trajectory, decode_symbol, profile_of
from qdpi.topology import RECORDER

_PAGE_FIELDS: Final = (
    *("session_id", "seq", "page_id", "receipt_id", "symbol_code", "section", "title", "trajectory", "return_to"),
    *("text", "edges", "status", "validation", "model"),
)
"""The fields that an outcome's event has in common with its page."""
_PLACEMENT_FIELDS: Final = ("locus", "anchor", "anchor_section", "depth", "branch_id")
"""The fields that an outcome's event has in common with its page's placement."""
_PRESS_FIELDS: Final = ("symbol_code", "page_id", "user_intent", "trajectory")
"""The fields that a press has in common with its request."""
_EDGE_OF: Final = {
    Trajectory.CONTINUE: "next_within",
    Trajectory.LOOP: "loop_back_to",
    Trajectory.FORK: "forks",
    Trajectory.DRIFT: "loop_back_to",
}
"""The kind of edge by which a page of a trajectory leads on."""
_LOGGED: Final = frozenset(event.topic for event in RECORDER.receives)
"""The topics whose events a journey's log has."""
_SHOWN: Final = 60
_MISSING: Final = object()


class Fact(NamedTuple):
    """What two parts say of one thing: each part by its name, and its value."""

    what: str
    first: str
    one: Any
    second: str
    other: Any

    def disagreement(self) -> str | None:
        """Return how the two values differ, None where they do not."""
        if self.one == self.other:
            return None
        found = first_difference(to_jsonable_python(self.one), to_jsonable_python(self.other), self.what)
        if found is None:
            return None
        path, one, other = found
        one, other = _around(one, other)
        return f"{path} is {shown(one)} in {self.first} and {shown(other)} in {self.second}"


def first_disagreement(facts: Iterator[Fact]) -> str | None:
    """Return the first disagreement of facts."""
    return next((found for fact in facts if (found := fact.disagreement())), None)


def first_difference(one: Any, other: Any, path: str) -> tuple[str, Any, Any] | None:
    """Return the path of the first part in which two plain values differ, and that part of both; None if in none."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        pairs = ((name, one.get(name, _MISSING), other.get(name, _MISSING)) for name in {**one, **other})
        found = (first_difference(a, b, f"{path}.{name}" if path else str(name)) for name, a, b in pairs)
        return next((difference for difference in found if difference), None)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        found = (first_difference(a, b, f"{path}[{n}]") for n, (a, b) in enumerate(zip(one, other, strict=True)))
        return next((difference for difference in found if difference), None)
    return None if one == other else (path or "the value", one, other)


def shown(value: Any) -> str:
    """Return a value to show in a sentence: short, on one line."""
    if value is _MISSING:
        return "absent"
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _around(one: Any, other: Any) -> tuple[Any, Any]:
    """Return two long texts cut to where they begin to differ; other values as they are."""
    if not (isinstance(one, str) and isinstance(other, str)) or max(len(one), len(other)) < _SHOWN - 4:
        return one, other
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, at - 12)
    cut = slice(start, start + 40)
    before = "…" if start else ""
    return f"{before}{one[cut]}", f"{before}{other[cut]}"


class RunFacts(NamedTuple):
    """What is kept of an outcome to check the log by: its seq, and the events of its run."""

    seq: int
    event_id: str
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

    `state` is the journey's after the outcomes so far; `runs` has them by the id of their press, `pages` by page id.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._listed = {book.revision for book in manifest.canon}
        self._named: set[int] = set()
        self._last: Outcome | None = None
        self._requests: dict[str, int] = {}
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
        self._requests[outcome.request_id] = outcome.seq
        self.runs[event.press_id] = RunFacts(outcome.seq, event.event_id, outcome.request)
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
        if earlier := self._requests.get(outcome.request_id):
            return f"the run {outcome.request_id} has an outcome in an earlier line, line {earlier}"
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
    yield Fact("request_id", "its event", run, "its press", request_id(event.press_id))
    yield Fact("event_id", "its event", event.event_id, "its run", derived_id("outcome", run))
    yield Fact("receipt_id", "its receipt", receipt.receipt_id, "its run", derived_id("receipt", run))
    yield Fact("cause_id", "its event", event.cause_id, "its request", request.event_id)
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


# The rows of the log.


class LogVerifier:
    """Checks the rows of a journey's log, given in their order, against themselves and against its outcomes."""

    def __init__(self, journey: JourneyVerifier, session_id: str) -> None:
        self._journey, self._session = journey, session_id
        self._seen: dict[str, int] = {}
        self._previous: LogEntry | None = None
        self._ends = {run.event_id: run.seq for run in journey.runs.values()}
        self._runs = {run.request.request_id: run for run in journey.runs.values()}

    def take(self, number: int, row: LogEntry) -> str | None:
        """Check the row of a line by itself, and against the outcomes as far as they are kept.

        Whether the event of an outcome is the outcome's is for `outcome_named` and `row_fault`.
        """
        previous, self._previous = self._previous, row
        if row.session_id != self._session:
            return f"it belongs to the journey {row.session_id!r}, not to {self._session!r}"
        if earlier := self._seen.get(row.event_id):
            return f"the event {row.event_id} is in an earlier line, line {earlier}"
        if previous and (previous.ts, previous.event_id) > (row.ts, row.event_id):
            return f"it is earlier than the line before it: {row.ts} is before {previous.ts}"
        self._seen[row.event_id] = number
        try:
            event = event_of(row)
        except MalformedEvent as error:
            return error.detail.rstrip(".")
        return first_disagreement(_row_facts(row, event)) or self._event_fault(event)

    def outcome_named(self, row: LogEntry) -> int | None:
        """Return the seq of the outcome whose own event a row has; None for a row of another event."""
        return self._ends.get(row.event_id)

    def _event_fault(self, event: Event) -> str | None:
        match event:
            case PageDone() | PageFailed():
                return self._end_fault(event)
            case PageRequest():
                return self._request_fault(event)
            case Press() | Ask():
                return self._press_fault(event)
            case VaultChange() if event.action != "unsaved" and not self._journey.has_page(event.page_id):
                return f"it saves the page {event.page_id}, which is neither of the book nor of {OUTCOMES}"
            case Stop() if event.cause_id is not None:
                return Fact("cause_id", "its event", event.cause_id, "its press", event.press_id).disagreement()
        return None

    def _end_fault(self, event: PageDone | PageFailed) -> str | None:
        if event.event_id in self._ends:
            return None
        known = self._runs.get(event.request_id)
        instead = f": there the run {event.request_id} ends with the event {known.event_id}" if known else ""
        return f"it is the event {event.event_id} of outcome {event.seq}, which {OUTCOMES} does not contain{instead}"

    def _request_fault(self, event: PageRequest) -> str | None:
        run = self._runs.get(event.request_id) or self._journey.runs.get(event.press_id)
        if run is not None:
            return Fact("", "its event", event, f"the request of outcome {run.seq}", run.request).disagreement()
        return (
            Fact("request_id", "its event", event.request_id, "its press", request_id(event.press_id)).disagreement()
            or Fact("cause_id", "its event", event.cause_id, "its press", event.press_id).disagreement()
        )

    def _press_fault(self, event: Press | Ask) -> str | None:
        run = self._journey.runs.get(event.event_id)
        return first_disagreement(_press_facts(event, run)) if run is not None else None


def _row_facts(row: LogEntry, event: Event) -> Iterator[Fact]:
    """Yield what a row's columns and headers have in common with its event."""
    yield Fact("session_id", "its column", row.session_id, "its event", event.session_id)
    yield Fact("event_id", "its column", row.event_id, "its event", event.event_id)
    yield Fact("its time", "its column", row.ts, "its event", event.ts)
    headers = _headers(row)
    for name, value in headers_of(event):
        if name in headers:
            yield Fact(name, "its headers", headers[name], "its event", value.decode())


def _headers(row: LogEntry) -> Mapping[str, Any]:
    try:
        headers = json.loads(row.headers_json)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(f"Its headers are not JSON: {shown(row.headers_json)}.") from error
    if not isinstance(headers, dict):
        raise MalformedEvent(f"Its headers are not an object: {shown(row.headers_json)}.")
    return headers


def _press_facts(event: Press | Ask, run: RunFacts) -> Iterator[Fact]:
    """Yield what a press has in common with the request of its run; a refused one may have lost all of it."""
    request, place = run.request, f"the request of outcome {run.seq}"
    for name in _PRESS_FIELDS:
        given = getattr(request, name)
        if name in type(event).model_fields and (request.error is None or given):
            yield Fact(name, "its event", getattr(event, name), place, given)
    if event.ts > request.ts:
        yield Fact("its time", "its event", event.ts, f"{place}, which is earlier,", request.ts)


def row_fault(row: LogEntry, outcome: Outcome) -> str | None:
    """Return how the row of an outcome's event differs from the outcome."""
    return Fact("", "its event", event_of(row), f"outcome {outcome.seq} of {OUTCOMES}", outcome.event).disagreement()


def event_of(row: LogEntry) -> Event:
    """Return the event of a row. Raises `MalformedEvent` if it is not an event that a journey's log has."""
    spec = TOPICS.get(row.type)
    if spec is None:
        raise MalformedEvent(f"There is no topic {row.type!r:.80}.")
    event = decode(spec.model, row.payload_json.encode())
    if not isinstance(event, Event):
        raise MalformedEvent(f"{row.type} is not part of a journey.")
    if row.type not in _LOGGED:
        raise MalformedEvent(f"{row.type} is not in a journey's log.")
    return event
