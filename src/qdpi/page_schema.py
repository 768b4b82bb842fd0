"""The models of a page and of the data about it: edges, signals, validation, receipt.

`PageSchema` is the page as frontmatter carries it; `Page` is the page as it is stored and served, flat.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from qdpi.errors import InvalidInput
from qdpi.symbols import Trajectory, decode_symbol, profile_of

RECEIPT_VERSION: Final = 1
CANON_PAGE_ID: Final = re.compile(r"S([0-9]{2})-P([0-9]{4}|[1-9][0-9]{4,5})", re.ASCII)
"""A canon page's id: its section, and its number in the whole book."""


_READING_LISTS: Final = ("hooks", "entities", "motifs", "anchors")


class Value(BaseModel):
    """Base of the values: frozen; fields of later versions are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Scope(StrEnum):
    """The pages that a search covers."""

    ALL = "all"
    CANON = "canon"
    JOURNEY = "journey"
    VAULT = "vault"


class PageStatus(StrEnum):
    """Whether a page was written to its end or stopped by its reader."""

    COMPLETE = "complete"
    STOPPED = "stopped"


class EdgeType(StrEnum):
    """The kinds of edges between pages."""

    NEXT = "NEXT"
    LOOP = "LOOP"
    FORK = "FORK"
    MIRROR = "MIRROR"


class Edges(Value):
    """Where a page leads. Every target is a page id; `mirrors` are the pages it drew on."""

    next_within: str | None = None
    loop_back_to: str | None = None
    forks: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()

    def typed(self) -> tuple[tuple[EdgeType, str], ...]:
        """Return the edges as (type, target) pairs, in the order of the types."""
        single = ((EdgeType.NEXT, self.next_within), (EdgeType.LOOP, self.loop_back_to))
        many = ((EdgeType.FORK, self.forks), (EdgeType.MIRROR, self.mirrors))
        return tuple((t, target) for t, target in single if target) + tuple(
            (t, target) for t, targets in many for target in targets
        )


class Signals(Value):
    """What the index holds of a page. `novelty` and `coherence` are in 0..1."""

    entities: tuple[str, ...] = ()
    motifs: tuple[str, ...] = ()
    unresolved_anchors: tuple[str, ...] = ()
    novelty: float = 1.0
    coherence: float = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The phases X (summary, hooks) and Y (entities, motifs, anchors, scores) of a page."""

    summary: str
    """The page's most central sentences in their order, at most 300 characters."""
    hooks: tuple[str, ...]
    """Sentences a next page could take up: the last one, the last open question, the densest image."""
    entities: tuple[str, ...]
    """Names, the most frequent first."""
    motifs: tuple[str, ...]
    """Stemmed content words, the most frequent first."""
    anchors: tuple[str, ...]
    """Questions that the page leaves open, in their order; the last four."""
    scores: dict[str, float]
    """`novelty` and `coherence`, each 0..1."""
    version: str
    """The version of the extractor; another version may read the same text differently."""

    @property
    def terms(self) -> frozenset[str]:
        """The motifs and entities, lower-case, by which pages are compared."""
        return frozenset((*self.motifs, *(name.lower() for name in self.entities)))

    @property
    def signals(self) -> Signals:
        """The page's signals."""
        return Signals(
            entities=self.entities,
            motifs=self.motifs,
            unresolved_anchors=self.anchors,
            novelty=self.scores["novelty"],
            coherence=self.scores["coherence"],
        )

    def as_dict(self) -> dict[str, object]:
        """Return the reading as a JSON object."""
        return {name: list(value) if name in _READING_LISTS else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Reading:
        """Return a stored reading. Raises `InvalidInput` where a field is missing, unknown or of a wrong type."""
        names = {field.name for field in fields(cls)}
        if names != stored.keys():
            raise InvalidInput(f"The fields of a stored reading differ: {sorted(names ^ stored.keys())}.")
        lists = {name: _strings(name, stored[name]) for name in _READING_LISTS}
        return cls(
            summary=_string("summary", stored["summary"]),
            scores=_scores(stored["scores"]),
            version=_string("version", stored["version"]),
            **lists,
        )


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name} of a stored reading is {type(value).__name__}, not a string.")
    return value


def _strings(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidInput(f"{name} of a stored reading is {type(value).__name__}, not a list.")
    return tuple(_string(name, item) for item in value)


def _scores(value: object) -> dict[str, float]:
    if not isinstance(value, Mapping) or not all(isinstance(score, (int, float)) for score in value.values()):
        raise InvalidInput(f"scores of a stored reading are not numbers by name: {value!r:.80}.")
    return {str(name): float(score) for name, score in value.items()}


class Tokens(Value):
    """Sums of tokens over all model calls of a run, None where no call reported them."""

    prompt: int | None = None
    completion: int | None = None


class CheckWeight(StrEnum):
    """What follows from a check that a page does not pass: one rework, advice to a rework, or a note to the reader."""

    REWORK = "rework"
    ADVICE = "advice"
    NOTE = "note"


class Check(Value):
    """One check of a page's text: it passes where its score reaches the threshold.

    `passed` and `score` are None where it cannot be known; `reason` says why, in a sentence. `canon_passes` is the
    share of the book's own pages that pass, `reasons` are what is to be mended, `measures` the figures behind it.
    """

    name: str
    passed: bool | None
    score: float | None = None
    threshold: float | None = None
    reason: str = ""
    weight: CheckWeight = CheckWeight.REWORK
    canon_passes: float | None = None
    reasons: tuple[str, ...] = ()
    measures: dict[str, float] = Field(default_factory=dict)


class Validation(Value):
    """The checks' verdict on a page: `passed` where no check of weight `rework` fails, and `reasons` are of those.

    `advice` has what is to be mended in the checks of weight `advice`. `style_ok` is whether voice and shape pass,
    `continuity_score` the score of continuity; None where they cannot be known.
    """

    passed: bool
    style_ok: bool | None = None
    continuity_score: float | None = None
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    reworked: bool = False
    thresholds_version: str = ""


class PolicyVerdict(Value):
    """The trajectory wished for, the one given, and the rule and reasons for it."""

    wished: Trajectory | None
    given: Trajectory
    rule: str
    reasons: tuple[str, ...] = ()
    version: str


class SourceUse(Value):
    """A passage that was read for a page: its score, and the searches that found it."""

    page_id: str
    kind: str
    revision: int
    score: float
    via: tuple[str, ...] = ()
    passage: str = ""


class ModelCall(Value):
    """One call of a language model; hashes are SHA-256 in hex, time is in milliseconds."""

    phase: str
    attempt: int
    model: str
    prompt_hash: str
    output_hash: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: str | None = None
    milliseconds: float


class ModelFile(Value):
    """The file of a model on this machine: its name, the licence that it states, its SHA-256 in hex and its bytes.

    `follows_instructions` says whether it is asked as one that does, or only continues prose.
    """

    name: str
    licence: str | None
    sha256: str
    bytes: int
    follows_instructions: bool


class ProgramFile(Value):
    """The file of a saved program: its name, its SHA-256 in hex, what optimised it, for which model, on which book."""

    name: str
    sha256: str
    optimizer: str = ""
    model: str = ""
    book: str = ""


class Receipt(Value):
    """How a page came to be: words, policy, sources, model calls, checks. A field without a measurement is empty.

    `program` is the saved program that wrote it, None for the program as its version has it.
    """

    receipt_version: int = RECEIPT_VERSION
    receipt_id: str
    press_id: str
    request_id: str
    user_intent: str = ""
    program_version: str
    program: ProgramFile | None = None
    policy_version: str
    extractor_version: str
    canon_revision: int | None
    model: str | None = None
    model_file: ModelFile | None = None
    profile: str | None = None
    plan: dict[str, Any] = Field(default_factory=dict)
    policy: PolicyVerdict | None = None
    locus_reading: str | None = None
    sources: tuple[SourceUse, ...] = ()
    calls: tuple[ModelCall, ...] = ()
    attempts: int = 0
    failures: tuple[str, ...] = ()
    validation: Validation | None = None
    milliseconds: dict[str, float] = Field(default_factory=dict)
    cost: float | None = None

    @property
    def duration(self) -> float:
        """The run's time in milliseconds: the sum over its phases."""
        return round(sum(self.milliseconds.values()), 3)

    @property
    def tokens_used(self) -> Tokens:
        """The run's tokens: the sums over its model calls."""
        return Tokens(
            prompt=_sum_known(call.prompt_tokens for call in self.calls),
            completion=_sum_known(call.completion_tokens for call in self.calls),
        )


def _sum_known(counts: Iterable[int | None]) -> int | None:
    """Return the sum of the counts that are known, None where none is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


class Placement(Value):
    """The place of a generated page in its tree.

    `anchor` is the canon page at the root of the tree, `depth` the distance from it (from 1), `branch_id` the page
    id of its branch's departure, and `anchor_section` the section whose return debt the branch counts for.
    """

    locus: str
    anchor: str
    anchor_section: int
    depth: int
    branch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """How one of the sixteen characters sounds and looks.

    `profile` describes the voice in a few sentences; `source` says whether it was written by the book's
    author (`profile`) or measured on the section's own pages (`section`). `color` is `#rrggbb`.
    `symbol_svg` is the author's own drawing, already held to shapes only, or None. `section_title` is the title that
    the book gives the character's section, None where it gives none.
    """

    character: int
    slug: str
    name: str
    profile: str
    color: str
    symbol_svg: str | None = None
    source: Literal["profile", "section"] = "profile"
    section_title: str | None = None


class Page(Value):
    """A page, canon or generated, as stored and served.

    `page_num` is the global number of a canon page. `user_intent` has the reader's words that a generated page answers.
    `session_id` is the owner of a generated page and is never served.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    page_id: str
    symbol_code: int
    section: int
    page_num: int | None = None
    title: str
    trajectory: Trajectory
    return_to: str | None = None
    text: str
    created_at: datetime
    author: str
    version: str
    revision: int = 1
    status: PageStatus = PageStatus.COMPLETE
    edges: Edges = Edges()
    signals: Signals = Signals()
    validation: Validation | None = None
    placement: Placement | None = None
    canon_revision: int | None = None
    model: str | None = None
    receipt_id: str | None = None
    user_intent: str = ""
    session_id: str | None = None
    seq: int | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def char_hex(self) -> int:
        """The character, 0..15."""
        return decode_symbol(self.symbol_code)[0]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def behavior(self) -> int:
        """The behaviour, 0..15."""
        return decode_symbol(self.symbol_code)[1]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def orientation(self) -> str:
        """The behaviour's orientation: X, Y, A or Z."""
        return profile_of(self.symbol_code).orientation.value

    @computed_field  # type: ignore[prop-decorator]
    @property
    def provenance(self) -> str:
        """The behaviour's provenance: C, P, U or S."""
        return profile_of(self.symbol_code).provenance.value

    @property
    def is_canon(self) -> bool:
        """Whether the page is one of the book's own."""
        return self.placement is None

    def is_open_to(self, session_id: str) -> bool:
        """Tell whether a journey may use the page as its locus: a canon page, or one that the journey wrote."""
        return self.is_canon or self.session_id == session_id

    def public(self) -> dict[str, Any]:
        """Return the page as JSON, without the session that owns it."""
        return self.model_dump(mode="json", exclude={"session_id"})


class PageSchema(BaseModel):
    """A page as the specification's frontmatter carries it."""

    page_id: str
    symbol_code: int
    character: str
    orientation: str
    provenance: str
    trajectory: str
    voice_preset: str | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)
    text: str
    edges: dict[str, Any] = Field(default_factory=dict)
    validation: dict[str, Any] = Field(default_factory=dict)
