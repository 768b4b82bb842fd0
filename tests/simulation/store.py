"""A page store on a simulated Cassandra.

Every read and every single write is a call of its own, and a method of several writes may stop between them. A
conditional write may be accepted although its answer is lost; a serial read completes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from tests.simulation.network import Caller, Fate, Line, Network
from tests.simulation.tables import Tables

from qdpi.errors import StoreUnavailable
from qdpi.journey import SectionFigures
from qdpi.outcome import LogEntry, Outcome
from qdpi.page_schema import Edges, Page, Signals
from qdpi.store.columns import tree_row
from qdpi.store.ports import Answered, Committed, Moved
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
from qdpi.store.vectors import rank_embeddings

SERVER = "cassandra"
T = TypeVar("T")


class SimulatedPageStore:
    """A `PageStore` on simulated servers; `caller` is its process, None for one without faults."""

    def __init__(self, tables: Tables, network: Network, caller: Caller | None = None) -> None:
        self._tables, self._line = tables, Line(network, SERVER, caller)
        self._unanswered: dict[str, bool] = {}
        """By request whose outcome this client read: whether there was none."""

    async def _call(self, name: str, effect: Callable[[], T]) -> T:
        return await self._line.ask(name, effect, _unavailable)

    async def open(self) -> None:
        """Do nothing: there is no connection."""

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    async def ping(self) -> None:
        await self._call("ping", lambda: None)

    async def settle(self) -> None:
        """Return at once: every acknowledged write is on disk."""

    # Outcomes

    async def commit_outcome(
        self, session_id: str, request_id: str, head: int, outcome: Outcome
    ) -> Committed | Answered | Moved:
        if (outcome.session_id, outcome.request_id, outcome.seq) != (session_id, request_id, head + 1):
            raise ValueError(f"The outcome {outcome.seq} of {outcome.request_id} cannot be committed as {head + 1}.")
        try:
            result = await self._call("commit_outcome", lambda: self._propose(session_id, request_id, head, outcome))
        except StoreUnavailable as lost:
            return await self._read_serially(session_id, request_id, outcome, lost)
        if isinstance(result, Committed):
            self._tables.journeys[session_id].complete()
        return result

    def _propose(self, session_id: str, request_id: str, head: int, outcome: Outcome) -> Committed | Answered | Moved:
        return self._tables.journeys[session_id].propose(request_id, head, outcome)

    async def _read_serially(
        self, session_id: str, request_id: str, outcome: Outcome, lost: StoreUnavailable
    ) -> Committed | Answered | Moved:
        known = await self.outcome(session_id, request_id)
        if known is None:
            raise lost
        return Committed() if known == outcome else Answered(outcome=known)

    async def outcome(self, session_id: str, request_id: str) -> Outcome | None:
        known = await self._call("outcome", lambda: self._tables.journeys[session_id].of(request_id))
        self._unanswered[request_id] = known is None
        return known

    async def last_outcome(self, session_id: str) -> Outcome | None:
        def serially() -> Outcome | None:
            journey = self._tables.journeys[session_id]
            journey.complete()
            return journey.outcomes[-1] if journey.outcomes else None

        return await self._call("last_outcome", serially)

    async def outcomes(self, session_id: str, *, after: int = 0, limit: int = 1_000) -> list[Outcome]:
        return await self._call("outcomes", lambda: self._tables.journeys[session_id].outcomes[after : after + limit])

    async def head(self, session_id: str) -> int:
        def serially() -> int:
            journey = self._tables.journeys[session_id]
            journey.complete()
            return len(journey.outcomes)

        return await self._call("head", serially)

    async def tree(self, session_id: str, after: int, until: int) -> list[TreeRow]:
        return await self._call(
            "tree", lambda: [tree_row(each) for each in self._tables.journeys[session_id].outcomes[after:until]]
        )

    async def begin_attempt(self, session_id: str, request_id: str) -> int:
        has_asked = self._unanswered.get(request_id, False)

        def claim() -> int:
            if not has_asked and self._tables.journeys[session_id].of(request_id):
                self._tables.wasted.append(f"{session_id} {request_id}")
            attempts = self._tables.journeys[session_id].attempts
            attempts[request_id] += 1
            return attempts[request_id]

        return await self._call("begin_attempt", claim)

    # Pages and Log

    async def link_page(self, page: Page) -> None:
        await self._call("link_page edges", lambda: self._tables.put_edges(page))
        await self._call("link_page signals", lambda: self._tables.put_signals(page))

    async def put_page(self, page: Page) -> None:
        await self._call("put_page", lambda: self._tables.put_page(page))

    async def append_log(self, entries: Sequence[LogEntry]) -> None:
        for entry in entries:
            await self._call("append_log", _with(self._tables.append, entry))

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        await self._call("save_snapshot", lambda: self._tables.put_snapshot(snapshot))
        await self._call("save_snapshot figures", lambda: self._tables.put_figures(snapshot))

    async def page(self, page_id: str) -> Page | None:
        return await self._call("page", lambda: self._tables.pages.get(page_id))

    async def edges(self, page_id: str) -> Edges | None:
        return await self._call("edges", lambda: self._tables.edges.get(page_id, (0, None))[1])

    async def signals(self, page_id: str) -> Signals | None:
        return await self._call("signals", lambda: self._tables.signals.get(page_id, (0, None))[1])

    async def log(
        self, session_id: str, *, since: datetime | None = None, topic: str | None = None, limit: int = 10_000
    ) -> list[LogEntry]:
        def read() -> list[LogEntry]:
            kept = self._tables.logs.get(session_id, {}).values()
            rows = [r for r in kept if (since is None or r.ts >= since) and topic in {None, r.type}]
            return sorted(rows, key=lambda row: (row.ts, row.event_id))[:limit]

        return await self._call("log", read)

    async def newest(self, session_id: str, topic: str, limit: int) -> list[LogEntry]:
        def read() -> list[LogEntry]:
            rows = [row for row in self._tables.logs.get(session_id, {}).values() if row.type == topic]
            return sorted(rows, key=lambda row: (row.ts, row.event_id), reverse=True)[:limit]

        return await self._call("newest", read)

    async def logged(self, session_id: str, event_id: str) -> LogEntry | None:
        return await self._call("logged", lambda: self._tables.logs.get(session_id, {}).get(event_id))

    async def logged_journeys(self) -> AsyncIterator[str]:
        found = await self._call("logged_journeys", lambda: [name for name, rows in self._tables.logs.items() if rows])
        for name in found:
            yield name

    async def snapshot(self, session_id: str) -> Snapshot | None:
        return await self._call("snapshot", lambda: self._tables.snapshots.get(session_id))

    async def section_statistics(self, section: int) -> SectionStatistics:
        return await self._call("section_statistics", lambda: self._tables.statistics(section))

    async def section_figures(self, session_id: str) -> Mapping[int, SectionFigures]:
        counters = self._tables.counters
        return await self._call(
            "section_figures",
            lambda: {where: figures for (where, whose), figures in counters.items() if whose == session_id},
        )

    async def has_journeys(self) -> bool:
        return await self._call(
            "has_journeys", lambda: any(j.outcomes or j.proposed for j in self._tables.journeys.values())
        )

    async def journeys(self) -> AsyncIterator[str]:
        found = await self._call("journeys", lambda: [name for name, j in self._tables.journeys.items() if j.outcomes])
        for name in found:
            yield name

    # Canon

    async def put_canon(self, revision: int, position: int, pages: Sequence[Page]) -> None:
        await self._call("put_canon", lambda: self._tables.prepare(revision, position, pages))

    async def switch_canon(self, revision: CanonRevision) -> None:
        await self._call("switch_canon", lambda: self._tables.switch(revision))

    async def canon_number(self) -> int | None:
        return await self._call("canon_number", lambda: self._tables.current)

    async def canon(self, revision: int | None = None) -> CanonRevision | None:
        return await self._call(
            "canon", lambda: self._tables.revisions.get(self._tables.current or 0 if revision is None else revision)
        )

    async def canon_pages(self, revision: int) -> list[Page]:
        return await self._call("canon_pages", lambda: self._tables.ring(revision))

    async def page_revisions(self, page_id: str) -> list[Page]:
        return await self._call("page_revisions", lambda: self._tables.page_revisions(page_id))

    # Index

    async def put_readings(self, readings: Sequence[ReadingRow]) -> None:
        def put() -> None:
            for row in readings:
                self._tables.readings[row.page_id, row.revision, row.extractor_version] = row

        await self._call("put_readings", put)

    async def readings(
        self, pages: Collection[tuple[str, int]], extractor_version: str
    ) -> Mapping[tuple[str, int], ReadingRow]:
        def read() -> dict[tuple[str, int], ReadingRow]:
            kept = self._tables.readings
            return {key: kept[*key, extractor_version] for key in pages if (*key, extractor_version) in kept}

        return await self._call("readings", read)

    async def put_embeddings(self, embeddings: Sequence[Embedding]) -> None:
        for row in embeddings:
            await self._call("put_embeddings", _with(self._tables.put_embedding, row))

    async def embeddings(self, page_ids: Collection[str]) -> Mapping[str, Embedding]:
        kept = self._tables.embeddings
        return await self._call("embeddings", lambda: {name: kept[name] for name in page_ids if name in kept})

    async def nearest(self, vector: bytes, model: str, k: int) -> list[tuple[str, float]]:
        return await self._call("nearest", lambda: rank_embeddings(vector, model, self._tables.embeddings.values())[:k])

    async def index_pages(self, rows: Sequence[IndexRow]) -> None:
        for row in rows:
            await self._call("index_pages", _with(self._tables.put_index, row))

    async def index(self, character_id: str, section: int) -> list[IndexRow]:
        def read() -> list[IndexRow]:
            found = [row for key, row in self._tables.index.items() if key[:2] == (character_id, section)]
            return sorted(found, key=lambda row: row.page_id)

        return await self._call("index", read)

    async def index_row(self, character_id: str, section: int, page_id: str) -> IndexRow | None:
        return await self._call("index_row", lambda: self._tables.index.get((character_id, section, page_id)))

    # Vault

    async def save(self, entry: VaultEntry, *, labelled: bool = False) -> None:
        change = VaultChangeRow(**entry.model_dump(), action="labelled" if labelled else "saved")
        await self._call("save", lambda: self._tables.change_vault(change))

    async def unsave(self, session_id: str, page_id: str, at: datetime, event_id: str) -> None:
        change = VaultChangeRow(
            session_id=session_id, page_id=page_id, saved_at=at, event_id=event_id, action="unsaved"
        )
        await self._call("unsave", lambda: self._tables.change_vault(change))

    async def changes(self, session_id: str, *, since: datetime | None = None) -> list[VaultChangeRow]:
        def read() -> list[VaultChangeRow]:
            found = [row for row in self._tables.vault_changes.values() if row.session_id == session_id]
            chosen = [row for row in found if since is None or row.saved_at >= since]
            return sorted(chosen, key=lambda row: (row.saved_at, row.event_id, row.page_id))

        return await self._call("changes", read)

    async def vault(self, session_id: str) -> list[VaultEntry]:
        def read() -> list[VaultEntry]:
            saved = [entry for (whose, _), (_, _, entry) in self._tables.saves.items() if whose == session_id and entry]
            return sorted(saved, key=lambda entry: (entry.saved_at, entry.page_id))

        return await self._call("vault", read)

    async def saved(self, session_id: str, page_id: str) -> VaultEntry | None:
        kept = self._tables.saves
        return await self._call(
            "saved", lambda: kept[session_id, page_id][2] if (session_id, page_id) in kept else None
        )

    # Places

    async def put_place(self, place: PlaceRow) -> PlaceRow:
        def merge() -> PlaceRow:
            stored = self._tables.reader_places.get(place.session_id)
            merged = place.merged_with(stored) if stored else place
            self._tables.reader_places[place.session_id] = merged
            return merged

        return await self._call("put_place", merge)

    async def place(self, session_id: str) -> PlaceRow | None:
        return await self._call("place", lambda: self._tables.reader_places.get(session_id))


def _with(write: Callable[[T], None], row: T) -> Callable[[], None]:
    return lambda: write(row)


def _unavailable(fate: Fate, name: str) -> StoreUnavailable:
    return StoreUnavailable(f"The store does not answer to {name}: {fate}.")
