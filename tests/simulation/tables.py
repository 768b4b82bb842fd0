"""Tables of the simulated Cassandra: each write takes effect in one instant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from qdpi.errors import BookRefused
from qdpi.journey import SectionFigures, section_figures
from qdpi.outcome import LogEntry, Outcome
from qdpi.page_schema import Edges, Page, Signals
from qdpi.store.ports import Answered, Committed, Moved
from qdpi.store.rows import (
    CanonRevision,
    Embedding,
    IndexRow,
    PlaceRow,
    ReadingRow,
    SectionStatistics,
    Snapshot,
    VaultChangeRow,
    VaultEntry,
)


@dataclass
class Journey:
    """The partition of a journey. `proposed` is accepted but not committed; the next serial read completes it."""

    outcomes: list[Outcome] = field(default_factory=list)
    proposed: Outcome | None = None
    attempts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def complete(self) -> None:
        """Commit an unfinished proposal, as Paxos does at the next serial operation."""
        if self.proposed is not None:
            self.outcomes.append(self.proposed)
            self.proposed = None

    def of(self, request_id: str) -> Outcome | None:
        """Return a request's outcome."""
        self.complete()
        return next((outcome for outcome in self.outcomes if outcome.request_id == request_id), None)

    def propose(self, request_id: str, head: int, outcome: Outcome) -> Committed | Answered | Moved:
        """The conditional write."""
        known = self.of(request_id)
        if known is not None:
            return Answered(outcome=known)
        if head != len(self.outcomes):
            return Moved(head=len(self.outcomes))
        self.proposed = outcome
        return Committed()


@dataclass
class Tables:
    """All tables. Of two writes of a projection the higher version is kept, whichever comes last."""

    journeys: defaultdict[str, Journey] = field(default_factory=lambda: defaultdict(Journey))
    pages: dict[str, Page] = field(default_factory=dict)
    edges: dict[str, tuple[int, Edges]] = field(default_factory=dict)
    signals: dict[str, tuple[int, Signals]] = field(default_factory=dict)
    logs: defaultdict[str, dict[str, LogEntry]] = field(default_factory=lambda: defaultdict(dict))
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    counters: dict[tuple[int, str], SectionFigures] = field(default_factory=dict)
    places: defaultdict[int, dict[int, Page]] = field(default_factory=lambda: defaultdict(dict))
    texts: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)
    revisions: dict[int, CanonRevision] = field(default_factory=dict)
    readings: dict[tuple[str, int, str], ReadingRow] = field(default_factory=dict)
    embeddings: dict[str, Embedding] = field(default_factory=dict)
    index: dict[tuple[str, int, str], IndexRow] = field(default_factory=dict)
    reader_places: dict[str, PlaceRow] = field(default_factory=dict)
    vault_changes: dict[tuple[str, str, datetime, str], VaultChangeRow] = field(default_factory=dict)
    saves: dict[tuple[str, str], tuple[datetime, str, VaultEntry | None]] = field(default_factory=dict)
    wasted: list[str] = field(default_factory=list)
    """The requests for which an attempt was begun although the outcome could have been known."""

    def copy(self) -> Tables:
        """Return tables with the same rows that may be changed independently."""
        kept = Tables()
        for table in ("pages", "edges", "signals", "texts", "revisions", "readings", "embeddings", "index"):
            getattr(kept, table).update(getattr(self, table))
        for revision, places in self.places.items():
            kept.places[revision] = dict(places)
        return kept

    # projections

    def put_edges(self, page: Page) -> None:
        if self.edges.get(page.page_id, (0,))[0] <= page.revision:
            self.edges[page.page_id] = (page.revision, page.edges)

    def put_signals(self, page: Page) -> None:
        if self.signals.get(page.page_id, (0,))[0] <= page.revision:
            self.signals[page.page_id] = (page.revision, page.signals)

    def put_page(self, page: Page) -> None:
        known = self.pages.get(page.page_id)
        if known is None or known.revision <= page.revision:
            self.pages[page.page_id] = page

    def append(self, entry: LogEntry) -> None:
        self.logs[entry.session_id].setdefault(entry.event_id, entry)

    def put_snapshot(self, snapshot: Snapshot) -> None:
        known = self.snapshots.get(snapshot.session_id)
        if known is None or known.seq <= snapshot.seq:
            self.snapshots[snapshot.session_id] = snapshot

    def put_figures(self, snapshot: Snapshot) -> None:
        """Write a journey's figures: zero for sections without open branches. An older snapshot only adds rows."""
        journey, given, none = snapshot.session_id, section_figures(snapshot.state), SectionFigures(0, 0)
        newest = max(snapshot.seq, self.snapshots.get(journey, snapshot).seq)
        for section in {where for where, whose in self.counters if whose == journey} | given.keys():
            if snapshot.seq == newest:
                self.counters[section, journey] = given.get(section, none)
            else:
                self.counters.setdefault((section, journey), none)

    def statistics(self, section: int) -> SectionStatistics:
        figures = [figure for (where, _), figure in self.counters.items() if where == section]
        return SectionStatistics(
            section=section,
            journeys=len(figures),
            open_branches=sum(figure.open_branches for figure in figures),
            return_debt=sum(figure.return_debt for figure in figures),
        )

    # the canon

    def prepare(self, revision: int, position: int, pages: Sequence[Page]) -> None:
        if revision in self.revisions:
            return
        for place, page in enumerate(pages, start=position):
            self.places[revision][place] = page
            if not self._is_out(page):
                self.texts[page.page_id, page.revision] = (page.title, page.text)

    def _is_out(self, page: Page) -> bool:
        key = (page.page_id, page.revision)
        return any((out.page_id, out.revision) == key for number in self.revisions for out in self.ring(number))

    def switch(self, revision: CanonRevision) -> None:
        known = self.revisions.get(revision.revision)
        if known is not None and known.content_hash != revision.content_hash:
            raise BookRefused(f"Canon revision {revision.revision} is {known.title!r} already.")
        if known is not None:
            return
        places = self.places[revision.revision]
        kept = {place: page for place, page in places.items() if place < revision.pages}
        if len(kept) != revision.pages:
            raise BookRefused(f"Canon revision {revision.revision} has {len(kept)} of its {revision.pages} pages.")
        self.places[revision.revision] = kept
        self.revisions[revision.revision] = revision
        if revision.revision == self.current:
            for page in self.ring(revision.revision):
                self.pages[page.page_id] = page
                self.edges[page.page_id] = (page.revision, page.edges)
                self.signals[page.page_id] = (page.revision, page.signals)

    @property
    def current(self) -> int | None:
        return max(self.revisions, default=None)

    def ring(self, revision: int) -> list[Page]:
        """Return a revision's pages in ring order; with the first published text of each page revision."""
        if revision not in self.revisions:
            return []
        return [self._with_text(page) for _, page in sorted(self.places[revision].items())]

    def _with_text(self, page: Page) -> Page:
        title, text = self.texts[page.page_id, page.revision]
        return (
            page if (title, text) == (page.title, page.text) else page.model_copy(update={"title": title, "text": text})
        )

    def page_revisions(self, page_id: str) -> list[Page]:
        found: dict[int, Page] = {}
        for number in sorted(self.revisions):
            for page in self.ring(number):
                if page.page_id == page_id:
                    found.setdefault(page.revision, page)
        return [found[revision] for revision in sorted(found)]

    # the index and the vault

    def put_embedding(self, row: Embedding) -> None:
        known = self.embeddings.get(row.page_id)
        if known is None or known.revision <= row.revision:
            self.embeddings[row.page_id] = row

    def put_index(self, row: IndexRow) -> None:
        key = (row.character_id, row.section, row.page_id)
        if key not in self.index or self.index[key].revision <= row.revision:
            self.index[key] = row

    def change_vault(self, change: VaultChangeRow) -> None:
        key, version = (change.session_id, change.page_id), (change.saved_at, change.event_id)
        self.vault_changes.setdefault((*key, *version), change)
        known = self.saves.get(key)
        if known is None or known[:2] <= version:
            entry = None if change.action == "unsaved" else VaultEntry.model_validate(change.model_dump())
            self.saves[key] = (*version, entry)
