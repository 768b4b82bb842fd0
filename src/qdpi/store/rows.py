"""The rows that the ports of the store accept and return."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from qdpi.ids import bitmap_union
from qdpi.journey import JourneyState
from qdpi.page_schema import Voice
from qdpi.symbols import Trajectory


class Row(BaseModel):
    """Base of the rows."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CanonRevision(Row):
    """A revision of the canon: its book, its voices, and the thresholds of its checks."""

    revision: int
    book_id: str
    title: str
    author: str
    content_hash: str
    pages: int
    created_at: datetime
    voices: tuple[Voice, ...] = ()
    thresholds_version: str = ""
    thresholds: dict[str, Any] = {}


class ReadingRow(Row):
    """X and Y of a page: a function of the page's revision and of the extractor's version."""

    page_id: str
    revision: int
    extractor_version: str
    reading: dict[str, Any]


class Embedding(Row):
    """A page's vector (little-endian float32 bytes) by a named model."""

    page_id: str
    revision: int
    model: str
    dim: int
    embedding: bytes


class IndexRow(Row):
    """A row of the reader's index of pages."""

    character_id: str
    section: int
    page_id: str
    title: str
    excerpt: str
    embeddings_ref: str
    created_ts: datetime
    revision: int = 1


class VaultEntry(Row):
    """A page that a reader saved. `event_id` and `saved_at` are those of its newest change."""

    session_id: str
    page_id: str
    saved_at: datetime
    event_id: str
    label: str = ""
    notes: str = ""


class VaultChangeRow(VaultEntry):
    """A change of a vault: the page's entry after it; an unsaved page's has no label and no notes."""

    action: Literal["saved", "unsaved", "labelled"]


class PlaceRow(Row):
    """Where a reader reads, and the pages that were read, as bitmaps: of the book by number, of the journey by seq.

    `seq` is the journey's head at the time `at`.
    """

    session_id: str
    page_id: str
    seq: int
    at: datetime
    event_id: str
    canon: str = ""
    pages: str = ""

    def merged_with(self, other: PlaceRow) -> PlaceRow:
        """Return the newer of two places of a journey (by time, then event id), with the pages read in both."""
        newer = max(self, other, key=lambda place: (place.at, place.event_id))
        read = {name: bitmap_union(getattr(self, name), getattr(other, name)) for name in ("canon", "pages")}
        return newer.model_copy(update=read)


class TreeRow(Row):
    """What a map of a journey shows of an outcome, and what its run took.

    `status` is the page's, or `failed`; `error` is the code of a failure. `branch_id` is the departure of the page's
    branch. A failed run has no page, and no symbol or locus where its press named none.
    """

    seq: int
    ts: datetime
    request_id: str
    page_id: str | None = None
    locus: str | None = None
    symbol_code: int | None = None
    trajectory: Trajectory | None = None
    branch_id: str | None = None
    status: Literal["complete", "stopped", "failed"]
    title: str | None = None
    error: str | None = None
    model: str | None = None
    milliseconds: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Snapshot(Row):
    """A journey's state after `seq` outcomes, as a projection of its log."""

    session_id: str
    seq: int
    state: JourneyState
    last_event_ts: datetime
    cursor: str


class SectionStatistics(Row):
    """Sums over all journeys that departed from a section."""

    section: int
    journeys: int
    open_branches: int
    return_debt: int
