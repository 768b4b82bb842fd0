"""The events, their topics, keys and headers.

JSON on the wire, one model per event; unknown fields are kept. `TOPICS` is the table of all topics; `topic_of` is
the only function that names the topic of a page event in each layout.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from qdpi.errors import MalformedEvent, QdpiError, validation_detail
from qdpi.ids import check_bitmap
from qdpi.page_schema import CANON_PAGE_ID, Edges, Page, PageStatus, PolicyVerdict, Tokens, Validation
from qdpi.symbols import CHARACTER_MAP, Trajectory, decode_symbol, profile_of

SCHEMA_VERSION: Final = 1
INTENT_LIMIT: Final = 4_000
"""The longest intent of a reader, in characters."""

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(3000, 1, 1, tzinfo=UTC)
"""The bounds of an event's time. The times of its outcome are later, and a TIMEUUID ends in the year 5236."""


def _utc(value: datetime) -> datetime:
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if not EARLIEST <= aware < LATEST:
        raise ValueError(f"is not between the years {EARLIEST.year} and {LATEST.year} in UTC")
    return aware.astimezone(UTC)


Timestamp = Annotated[datetime, AfterValidator(_utc)]
Session = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
PageId = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
SymbolCode = Annotated[int, Field(ge=0, le=255)]
Intent = Annotated[str, Field(max_length=INTENT_LIMIT)]
AnyIntent = Annotated[Intent, BeforeValidator(lambda given: "" if given is None else given)]
"""An optional intent: null is read as empty."""
Bitmap = Annotated[str, AfterValidator(check_bitmap)]
Id = Annotated[str, Field(min_length=1, max_length=128)]
E = TypeVar("E", bound=BaseModel)


class Event(BaseModel):
    """Base of the events: the id, the time, the journey, and the id of the event that caused it."""

    model_config = ConfigDict(frozen=True, extra="allow")
    topic: ClassVar[str]

    event_id: Id
    ts: Timestamp
    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    session_id: Session
    cause_id: str | None = None

    def encode(self) -> bytes:
        """Return the event as JSON bytes."""
        return self.model_dump_json().encode()


class ReaderInput(BaseModel):
    """What a reader asks of a page, with a press, an ask or a direct run.

    The base of every message and body that carries it, from the API to the program. A field added here reaches
    the program, because `reader_fields` copies all of them. On the wire the reader's words are `user_intent`.
    """

    model_config = ConfigDict(frozen=True)

    user_intent: str | None = None

    @property
    def words(self) -> str:
        """The reader's words, empty where there are none."""
        return self.user_intent or ""

    @property
    def wish(self) -> Trajectory | None:
        """The trajectory that the reader wishes for, None where the reader leaves it to the policy."""
        return None


class PressInput(ReaderInput):
    """What a reader asks of a page with a press: also a trajectory, `wish` in the code."""

    trajectory: Trajectory | None = None

    @property
    def wish(self) -> Trajectory | None:
        """The trajectory that the reader wishes for."""
        return self.trajectory


def reader_fields(asked: ReaderInput) -> dict[str, Any]:
    """Return the fields of `PressInput` that a message or body declares, to make the next message or body from."""
    declared = type(asked).model_fields
    return {name: getattr(asked, name) for name in PressInput.model_fields if name in declared}


class _SymbolEvent(Event):
    """The first fields of a press: the wire's order of fields is that of the bases."""

    symbol_code: SymbolCode
    page_id: PageId | None = None


class Press(PressInput, _SymbolEvent):
    """A reader chose a symbol at a locus. `trajectory` is a wish; `replays` names the press it repeats."""

    topic: ClassVar[str] = "gibsey.ui.symbol"

    user_intent: AnyIntent = ""
    client_request_id: str | None = None
    replays: str | None = None


class Ask(ReaderInput, Event):
    """A reader asked in words: an Ask/User press at the locus's own character."""

    topic: ClassVar[str] = "gibsey.ask"

    user_intent: Intent
    page_id: PageId | None = None
    client_request_id: str | None = None
    replays: str | None = None


class Stop(Event):
    """A reader stops the run of the press `press_id`."""

    topic: ClassVar[str] = "gibsey.ui.stop"

    press_id: Id


class Fault(BaseModel):
    """Why a run failed, for programs and for people."""

    model_config = ConfigDict(frozen=True, extra="allow")

    code: str
    detail: str
    next_step: str


def fault_of(error: Exception, redact: Callable[[str], str]) -> Fault:
    """Return the fault of an error; of an unexpected error it names only the type.

    `redact` hides the secrets that a library may have quoted: a fault is stored, and readers see it.
    """
    if isinstance(error, QdpiError):
        return Fault(code=error.code, detail=redact(error.detail), next_step=redact(error.next_step))
    return Fault(
        code="internal",
        detail=f"{type(error).__name__} in this service.",
        next_step=QdpiError.default_next_step,
    )


class RunEvent(Event):
    """Base of the events of a run: the ids of the press and of the run."""

    press_id: Id
    request_id: Id


class _EnrichedEvent(RunEvent):
    """The first fields of a page request: what the enricher found, and the wish."""

    symbol_code: SymbolCode | None = None
    char_hex: int | None = None
    behavior: int | None = None
    section: int | None = None
    page_id: PageId | None = None
    trajectory_hint: Trajectory | None = None
    trajectory: Trajectory | None = None


class PageRequest(PressInput, _EnrichedEvent):
    """An enriched press. Symbol, section and locus are None where only the generator can determine them.

    With an `error` the press was refused, and the generator answers it in order.
    """

    topic: ClassVar[str] = "gibsey.generate.page.request"

    user_intent: str = ""
    context_ids: tuple[str, ...] = ()
    canon_revision: int | None = None
    error: Fault | None = None


class Phase(StrEnum):
    """What a run is doing, as its reader sees it."""

    READING = "reading"
    WAITING = "waiting"
    """For the model's server, which is busy or loads its model; `PageDelta.until` says until when."""
    PLANNING = "planning"
    WRITING = "writing"
    CHECKING = "checking"
    BINDING = "binding"


class PageDelta(RunEvent):
    """A piece of the text of `(request_id, attempt)`, or a new phase without text. Deltas may be lost.

    `offset` is the number of Unicode code points of this attempt before the piece. `until` is when a run that waits
    goes on.
    """

    topic: ClassVar[str] = "gibsey.generate.page.delta"

    attempt: int
    offset: int
    text: str = ""
    phase: Phase = Phase.WRITING
    until: datetime | None = None


class PageDone(RunEvent):
    """A page was written: the authoritative page, and all that a journey's fold needs.

    `user_intent` has the reader's words, `milliseconds` and `tokens` are what the run took.
    """

    topic: ClassVar[str] = "gibsey.generate.page.done"

    seq: int
    attempt: int
    page_id: PageId
    character: str
    character_id: str
    symbol_code: SymbolCode
    section: int
    title: str
    trajectory: Trajectory
    locus: str
    anchor: str
    anchor_section: int
    depth: int
    branch_id: str | None = None
    return_to: str
    text: str
    edges: Edges
    validation: Validation
    status: PageStatus = PageStatus.COMPLETE
    model: str
    policy: PolicyVerdict
    receipt_id: str
    locus_terms: tuple[str, ...] = ()
    user_intent: str = ""
    milliseconds: float | None = None
    tokens: Tokens = Tokens()


class PageFailed(RunEvent):
    """A run ended without a page. `user_intent` and `wished` are what its press asked for."""

    topic: ClassVar[str] = "gibsey.generate.page.failed"

    seq: int
    attempt: int
    symbol_code: SymbolCode | None = None
    locus: str | None = None
    error: Fault
    user_intent: str = ""
    wished: Trajectory | None = None


def frame_name(event: Event | type[Event]) -> str:
    """Return the name of the frames that carry an event: its topic without the prefix."""
    return event.topic.removeprefix("gibsey.")


PageChange = Literal["written", "linked", "indexed", "saved"]


class _PageUpdate(Event):
    """Base of the events of a page, with the ids of the run that caused them, where a run did."""

    page_id: PageId
    revision: int = 1
    press_id: str | None = None
    request_id: str | None = None
    seq: int | None = None
    attempt: int | None = None


class PageEvent(_PageUpdate):
    """A page's whole status after a change; `change` is what changed.

    `saved` refers to the vault of this event's journey: a canon page may be in many vaults.
    """

    topic: ClassVar[str] = "gibsey.page.events"

    section: int
    symbol_code: SymbolCode
    change: PageChange
    written: bool = False
    linked: bool = False
    indexed: bool = False
    saved: bool = False


class IndexUpdate(_PageUpdate):
    """A page must be analysed and indexed (again)."""

    topic: ClassVar[str] = "gibsey.index.update"


class VaultChange(Event):
    """A page was saved, unsaved or labelled in a reader's vault."""

    topic: ClassVar[str] = "gibsey.vault"

    action: Literal["saved", "unsaved", "labelled"]
    page_id: PageId
    label: str = ""
    notes: str = ""
    client_request_id: str | None = None


class ReaderPlace(Event):
    """Where a reader reads, and every page read so far, so that a journey's newest place says all.

    `seq` is the journey's head at that moment: a page written later moves the reader on. `canon` and `pages` are
    bitmaps, of the book's pages by their number and of the journey's by their seq: base64 of bytes whose lowest bit
    comes first.
    """

    topic: ClassVar[str] = "gibsey.reader.place"

    page_id: PageId
    seq: int = Field(ge=0)
    canon: Bitmap = ""
    pages: Bitmap = ""


class Audit(RunEvent):
    """A step of the pipeline, with its measurements."""

    topic: ClassVar[str] = "gibsey.audit"

    seq: int | None = None
    attempt: int | None = None
    step: str
    detail: dict[str, Any] = Field(default_factory=dict)


class DeadLetter(BaseModel):
    """A record that could not be handled: the original bytes and headers, the error, where it came from.

    A value above 11 MiB is cut to its beginning; `cut_bytes` is the number of bytes left out.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    topic: ClassVar[str] = "gibsey.dlq"

    event_id: Id
    ts: Timestamp
    schema_version: int = SCHEMA_VERSION
    session_id: str | None = None
    press_id: str | None = None
    group: str
    source_topic: str
    source_partition: int | None = None
    source_offset: int | None = None
    attempts: int
    error: Fault
    key_base64: str | None = None
    value_base64: str | None = None
    cut_bytes: int = 0
    headers_base64: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        """Return the record as JSON bytes."""
        return self.model_dump_json().encode()

    def original(self) -> tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]:
        """Return the key, value and headers of the original record."""
        key, value = (b if b is None else base64.b64decode(b) for b in (self.key_base64, self.value_base64))
        return key, value, tuple((name, base64.b64decode(raw)) for name, raw in self.headers_base64)


class PageEventLayout(StrEnum):
    """How page events are spread over topics."""

    KEYED = "keyed"
    SECTION = "section"
    PAGE = "page"


_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR
_FOR_GOOD: Final = 3_650 * _DAY
"""The retention of a topic that is compacted only."""


class TopicSpec(NamedTuple):
    """A topic: its events, their key, how long they are kept (seconds), and how it is configured.

    `durable`: an acknowledged publish survives a power cut by itself. Topics that can be derived again
    from a durable one need not wait for the disk.
    """

    name: str
    model: type[Event] | type[DeadLetter]
    key: Literal["session_id", "page_id", "original"]
    retention: int
    durable: bool = False
    compact: bool = False
    max_bytes: int = 1 << 20


TOPICS: Final[dict[str, TopicSpec]] = {
    spec.name: spec
    for spec in (
        TopicSpec(Press.topic, Press, "session_id", 7 * _DAY, durable=True),
        TopicSpec(Ask.topic, Ask, "session_id", 7 * _DAY, durable=True),
        TopicSpec(Stop.topic, Stop, "session_id", _HOUR, durable=True),
        TopicSpec(PageRequest.topic, PageRequest, "session_id", 7 * _DAY),
        TopicSpec(PageDelta.topic, PageDelta, "session_id", 10 * 60),
        TopicSpec(PageDone.topic, PageDone, "session_id", 7 * _DAY),
        TopicSpec(PageFailed.topic, PageFailed, "session_id", 7 * _DAY),
        TopicSpec(PageEvent.topic, PageEvent, "page_id", 7 * _DAY, compact=True),
        TopicSpec(IndexUpdate.topic, IndexUpdate, "page_id", 7 * _DAY),
        TopicSpec(VaultChange.topic, VaultChange, "session_id", 30 * _DAY, durable=True),
        TopicSpec(ReaderPlace.topic, ReaderPlace, "session_id", _FOR_GOOD, compact=True),
        TopicSpec(Audit.topic, Audit, "session_id", 30 * _DAY),
        TopicSpec(DeadLetter.topic, DeadLetter, "original", 30 * _DAY, max_bytes=16 << 20),
    )
}
"""Every core topic by its name."""


_PAGE_TOPIC: Final = re.compile(r"gibsey\.page\.S\d\d\.[A-Za-z0-9-]+\.events")


def topic_of(event: Event, layout: PageEventLayout = PageEventLayout.KEYED) -> str:
    """Return the topic that an event is published to; only that of page events depends on the layout."""
    if not isinstance(event, PageEvent) or layout is PageEventLayout.KEYED:
        return event.topic
    section = f"gibsey.page.S{event.section:02d}"
    if layout is PageEventLayout.SECTION:
        return section
    page = event.page_id.removeprefix(f"S{event.section:02d}-")
    return f"{section}.{page}.events"


def is_page_topic(name: str) -> bool:
    """Tell whether a topic is one page's own, as the layout `page` names them."""
    return _PAGE_TOPIC.fullmatch(name) is not None


def key_of(event: Event) -> bytes:
    """Return the key that an event is published under."""
    name = TOPICS[event.topic].key
    return str(getattr(event, name)).encode()


ABOUT_HEADERS: Final = ("x-character", "x-section", "x-symbol", "x-orientation", "x-provenance", "x-trajectory")
"""The headers with an event's symbol, section and trajectory."""


def headers_of(
    event: Event, traceparent: str | None = None, about: Event | Page | None = None
) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of an event: its id, its trace, and its symbol, section and trajectory where they are known.

    `about` is the page or request that the event belongs to; it supplies what the event lacks. The section of a
    canon page is part of its id.
    """

    def known(*names: str) -> Any:
        # Declared fields only: an unknown field of the same name may hold any value.
        declared = ((one, name) for one in (event, about) if one for name in names if name in type(one).model_fields)
        return next((value for one, name in declared if (value := getattr(one, name)) is not None), None)

    section = known("section") or _section_of(known("page_id", "locus"))
    values: dict[str, Any] = {"x-event-id": event.event_id, "x-section": section}
    symbol = known("symbol_code")
    if symbol is not None:
        profile = profile_of(symbol)
        values |= {
            "x-character": CHARACTER_MAP[decode_symbol(symbol)[0]],
            "x-symbol": symbol,
            "x-orientation": profile.orientation.value,
            "x-provenance": profile.provenance.value,
        }
    values |= {"x-trajectory": known("trajectory", "trajectory_hint"), "traceparent": traceparent}
    return tuple((name, str(value).encode()) for name, value in values.items() if value is not None)


def _section_of(page_id: str | None) -> int | None:
    found = CANON_PAGE_ID.fullmatch(page_id or "")
    return int(found[1]) if found else None


def body_of(value: bytes | None) -> dict[str, Any]:
    """Return a record's bytes as a JSON object; an empty one where they are not one."""
    try:
        body = from_json(value or b"null")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def decode(model: type[E], value: bytes | None) -> E:
    """Read an event from a record's bytes. Raises `MalformedEvent` with the cause."""
    if value is None:
        raise MalformedEvent(f"A record of {model.__name__} has no value (a tombstone).")
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        faults = validation_detail(error, "body")
        raise MalformedEvent(f"{value[:80]!r} is not a {model.__name__}: {faults}.") from error


def decode_press(topic: str, value: bytes | None) -> Press | Ask:
    """Read a press or an ask from a record's bytes, by the record's topic. Raises `MalformedEvent`."""
    return decode(Ask, value) if topic == Ask.topic else decode(Press, value)
