"""The ports of the page store.

A journey is one partition with a head; outcomes enter it by one conditional write (`Outcomes`). Everything else is a
projection: idempotent, keyed by its subject, and versioned, so that a late write loses.

Every method raises `StoreUnavailable` during an outage, and every write may be repeated.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from qdpi.journey import SectionFigures
from qdpi.outcome import LogEntry, Outcome
from qdpi.page_schema import Edges, Page, Signals
from qdpi.store.rows import (
    CanonRevision,
    Embedding,
    IndexRow,
    PlaceRow,
    ReadingRow,
    SectionStatistics,
    Snapshot,
    TreeRow,
    VaultChangeRow,
    VaultEntry,
)


class CommitResult(BaseModel):
    """Base of the results of `commit_outcome`."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Committed(CommitResult):
    """The outcome was stored as the journey's next."""


class Answered(CommitResult):
    """The request already has this outcome."""

    outcome: Outcome


class Moved(CommitResult):
    """The journey's head is this seq, not the one given: the run must fold and decide again."""

    head: int


class Lifecycle(Protocol):
    """Opening and closing a store."""

    async def open(self) -> None:
        """Connect, apply the schema where the adapter owns it, and warm up. Idempotent."""
        ...

    async def close(self) -> None:
        """Release all connections, files and threads. Idempotent."""
        ...

    async def ping(self) -> None:
        """Return when the store answers."""
        ...

    async def settle(self) -> None:
        """Return when every write before this call survives a power failure.

        Returns at once where the store acknowledges only such writes.
        """
        ...


class Outcomes(Protocol):
    """Outcomes and attempts: the journey's own partition. Only conditional writes."""

    async def commit_outcome(
        self, session_id: str, request_id: str, head: int, outcome: Outcome
    ) -> Committed | Answered | Moved:
        """Store an outcome as `head + 1`, if the head is `head` and the request has no outcome yet.

        Durable on return. After an ambiguous answer of its server the adapter reads again, serially, and returns what
        it finds. Raises `ValueError` where the outcome's journey, request or seq differ from the arguments.
        """
        ...

    async def outcome(self, session_id: str, request_id: str) -> Outcome | None:
        """Return a request's outcome. Linearizable: sees every committed outcome."""
        ...

    async def last_outcome(self, session_id: str) -> Outcome | None:
        """Return the journey's newest outcome. Linearizable: sees every committed outcome."""
        ...

    async def outcomes(self, session_id: str, *, after: int = 0, limit: int = 1_000) -> list[Outcome]:
        """Return outcomes with a seq above `after`, in order."""
        ...

    async def head(self, session_id: str) -> int:
        """Return the seq of the journey's newest outcome, 0 without one. Linearizable, and cheaper than the outcome."""
        ...

    async def tree(self, session_id: str, after: int, until: int) -> list[TreeRow]:
        """Return the rows of the tree of the outcomes with a seq above `after`, up to `until`, in order.

        They are written with their outcomes, and read without them.
        """
        ...

    async def begin_attempt(self, session_id: str, request_id: str) -> int:
        """Claim and return the next attempt number of a request, from 1: higher than every one before."""
        ...

    def journeys(self) -> AsyncIterator[str]:
        """Yield every journey that has an outcome, each once, in no order."""
        ...

    async def has_journeys(self) -> bool:
        """Return whether any journey has an outcome."""
        ...


class Pages(Protocol):
    """Pages with their edges and signals."""

    async def link_page(self, page: Page) -> None:
        """Store a page's edges and signals; a lower revision never replaces a higher one."""
        ...

    async def put_page(self, page: Page) -> None:
        """Store a page; a lower revision never replaces a higher one."""
        ...

    async def page(self, page_id: str) -> Page | None:
        """Return a page: of a canon page its newest revision."""
        ...

    async def edges(self, page_id: str) -> Edges | None:
        """Return the stored edges of a page, None where none were ever stored."""
        ...

    async def signals(self, page_id: str) -> Signals | None:
        """Return the stored signals of a page, None where none were ever stored."""
        ...


class Log(Protocol):
    """A journey's events log, snapshots and section statistics: projections of its outcomes."""

    async def append_log(self, entries: Sequence[LogEntry]) -> None:
        """Store rows of the events log, each event once: a repeat with another time or body changes nothing."""
        ...

    async def log(
        self, session_id: str, *, since: datetime | None = None, topic: str | None = None, limit: int = 10_000
    ) -> list[LogEntry]:
        """Return a journey's rows of the events log, from the time `since` on, in the order of time and event id.

        With a `topic` only the rows of its events.
        """
        ...

    async def newest(self, session_id: str, topic: str, limit: int) -> list[LogEntry]:
        """Return the newest rows of a topic in a journey's log, the newest first, each event once.

        An event that was logged again later may count as its repeat where its first row is not among the newest.
        """
        ...

    async def logged(self, session_id: str, event_id: str) -> LogEntry | None:
        """Return the first row of an event in a journey's log, None where it was never logged."""
        ...

    def logged_journeys(self) -> AsyncIterator[str]:
        """Yield every journey that has a row of the events log, each once, in no order."""
        ...

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Store a journey's snapshot and its section figures; an older seq never replaces a newer one."""
        ...

    async def snapshot(self, session_id: str) -> Snapshot | None:
        """Return a journey's newest snapshot."""
        ...

    async def section_statistics(self, section: int) -> SectionStatistics:
        """Return the sums over the journeys that ever departed from a section; all zero without any."""
        ...

    async def section_figures(self, session_id: str) -> Mapping[int, SectionFigures]:
        """Return a journey's figures by section: of every section that it ever departed from, zeros included."""
        ...


class Canon(Protocol):
    """Revisions of the canon: prepared page by page, then made current in one write."""

    async def put_canon(self, revision: int, position: int, pages: Sequence[Page]) -> None:
        """Store canon pages of a revision in preparation: `pages[i]` at ring position `position + i`.

        Has no effect on a published revision, nor on the text of a published revision of a page.
        """
        ...

    async def switch_canon(self, revision: CanonRevision) -> None:
        """Publish a prepared revision in one write; the highest published revision is current.

        Raises `BookRefused` where another book is published under that number, or pages of it are missing.
        """
        ...

    async def canon_number(self) -> int | None:
        """Return the number of the current revision: cheap enough to be called at every press."""
        ...

    async def canon(self, revision: int | None = None) -> CanonRevision | None:
        """Return a published revision of the canon, by default the current one."""
        ...

    async def canon_pages(self, revision: int) -> list[Page]:
        """Return a revision's pages in ring order, each as it was in that revision."""
        ...

    async def page_revisions(self, page_id: str) -> list[Page]:
        """Return every revision of a canon page, the oldest first."""
        ...


class Index(Protocol):
    """Readings, vectors, and the reader's index of pages."""

    async def put_readings(self, readings: Sequence[ReadingRow]) -> None:
        """Store readings, each under its page, revision and extractor version."""
        ...

    async def readings(
        self, pages: Collection[tuple[str, int]], extractor_version: str
    ) -> Mapping[tuple[str, int], ReadingRow]:
        """Return the stored readings of (page id, revision) pairs."""
        ...

    async def put_embeddings(self, embeddings: Sequence[Embedding]) -> None:
        """Store vectors; a lower revision never replaces a higher one."""
        ...

    async def embeddings(self, page_ids: Collection[str]) -> Mapping[str, Embedding]:
        """Return the vectors of the pages that have one, by page id."""
        ...

    async def nearest(self, vector: bytes, model: str, k: int) -> list[tuple[str, float]]:
        """Return the `k` pages whose vectors by `model` are nearest by cosine, with their similarity."""
        ...

    async def index_pages(self, rows: Sequence[IndexRow]) -> None:
        """Store rows of the index of pages; a lower revision never replaces a higher one."""
        ...

    async def index(self, character_id: str, section: int) -> list[IndexRow]:
        """Return the index of a character's pages in a section, by page id."""
        ...

    async def index_row(self, character_id: str, section: int, page_id: str) -> IndexRow | None:
        """Return one page's row of that index, None without one."""
        ...


class Vault(Protocol):
    """The pages that readers saved, and how their vaults changed."""

    async def save(self, entry: VaultEntry, *, labelled: bool = False) -> None:
        """Save a page in a vault, or relabel it. The newest change (by time, then event id) wins."""
        ...

    async def unsave(self, session_id: str, page_id: str, at: datetime, event_id: str) -> None:
        """Remove a page from a vault, unless a newer change saved it."""
        ...

    async def saved(self, session_id: str, page_id: str) -> VaultEntry | None:
        """Return a page's entry in a reader's vault, None where it is not saved."""
        ...

    async def changes(self, session_id: str, *, since: datetime | None = None) -> list[VaultChangeRow]:
        """Return every change of a vault, from the time `since` on, each once, in the order of time and event id."""
        ...

    async def vault(self, session_id: str) -> list[VaultEntry]:
        """Return a reader's saved pages, the oldest first."""
        ...


class Places(Protocol):
    """Where readers read, and which pages they have read."""

    async def put_place(self, place: PlaceRow) -> PlaceRow:
        """Take in a place: the newest (by time, then event id) is kept, and every page read.

        Return what is stored now. Of concurrent calls none is lost.
        """
        ...

    async def place(self, session_id: str) -> PlaceRow | None:
        """Return where a reader reads, None where that was never said."""
        ...


class PageReads(Protocol):
    """Reading a page by its id."""

    async def page(self, page_id: str) -> Page | None:
        """Return a page: of a canon page its newest revision."""
        ...


class OutcomeReads(Protocol):
    """Reading a journey's outcomes."""

    async def last_outcome(self, session_id: str) -> Outcome | None:
        """Return the journey's newest outcome."""
        ...

    async def outcomes(self, session_id: str, *, after: int = 0, limit: int = 1_000) -> list[Outcome]:
        """Return outcomes with a seq above `after`, in order."""
        ...


class RunReads(PageReads, OutcomeReads, Protocol):
    """All that a run reads of its journey and of the pages it stands on: a part of the ports above."""

    async def readings(
        self, pages: Collection[tuple[str, int]], extractor_version: str
    ) -> Mapping[tuple[str, int], ReadingRow]:
        """Return the stored readings of (page id, revision) pairs."""
        ...

    async def vault(self, session_id: str) -> list[VaultEntry]:
        """Return a reader's saved pages, the oldest first."""
        ...


class PageStore(Lifecycle, Outcomes, Pages, Log, Canon, Index, Vault, Places, Protocol):
    """All seven ports, with their lifecycle: what an adapter implements."""
