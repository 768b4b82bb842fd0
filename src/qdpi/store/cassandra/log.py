"""A journey's events log, snapshots and section statistics."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from qdpi.concurrency import map_concurrently
from qdpi.ids import lowest_time_uuid, time_of_uuid, time_uuid
from qdpi.journey import JourneyState, SectionFigures, section_figures
from qdpi.outcome import LogEntry
from qdpi.store.cassandra.session import Repository, ResultRow
from qdpi.store.cassandra.statements import Change, Statement, insert, select
from qdpi.store.rows import SectionStatistics, Snapshot
from qdpi.symbols import CHARACTER_MAP

BUCKETS: Final = 16
"""Partitions of a section's journeys."""
_SECTIONS: Final = range(1, len(CHARACTER_MAP) + 1)
_ZERO: Final = SectionFigures(0, 0)

_LOG: Final = ("session_id", "ts", "event_id", "type", "payload_json", "headers_json")
_SNAPSHOT: Final = ("session_id", "snapshot_ts", "ui_state_json", "last_event_ts", "cursor", "seq")
_FIGURES: Final = ("section", "bucket", "session_id", "open_branches", "return_debt")

_APPEND: Final = insert("events_log", _LOG, timed=True)
_READ_LOG: Final = select(_LOG, "events_log", "WHERE session_id = :session_id")
_READ_LOG_SINCE: Final = select(_LOG, "events_log", "WHERE session_id = :session_id AND ts >= :since")
_LOGGED: Final = select(
    _LOG, "events_log", "WHERE session_id = :session_id AND event_id = :event_id LIMIT 1 ALLOW FILTERING"
)
_NEWEST_OF: Final = select(
    _LOG,
    "events_log",
    "WHERE session_id = :session_id AND type = :topic ORDER BY ts DESC, event_id DESC LIMIT :most ALLOW FILTERING",
)
_LOGGED_JOURNEYS: Final = Statement("SELECT DISTINCT session_id FROM {keyspace}.events_log", fetch_size=1_000)
_BEFORE: Final = select(["event_id"], "events_log", "WHERE session_id = :session_id AND ts < :since", fetch_size=5_000)
_SAVE: Final = insert("state_snapshots", _SNAPSHOT, timed=True)
_NEWEST: Final = select(_SNAPSHOT, "state_snapshots", "WHERE session_id = :session_id LIMIT 2")
_PUT_FIGURES: Final = insert("section_counters", _FIGURES, timed=True)
_FIGURES_OF: Final = select(
    _FIGURES, "section_counters", "WHERE section IN :sections AND bucket = :bucket AND session_id = :session_id"
)
_SUMS: Final = Statement(
    "SELECT count(*) AS journeys, sum(open_branches) AS open_branches, sum(return_debt) AS return_debt "
    "FROM {keyspace}.section_counters WHERE section = :section AND bucket = :bucket",
    fetch_size=5_000,
)
PREPARED_AT_OPEN: Final = (_APPEND, _SAVE, _NEWEST, _PUT_FIGURES)


class Log(Repository):
    """The `Log` port."""

    async def append_log(self, entries: Sequence[LogEntry]) -> None:
        """Store rows of the events log, clustered by their time and event id.

        A repeat of an event with another time is stored as a second row, and reads return the earliest. So storing
        each event once takes neither a read before every write nor a conditional write (four events a press, 2 ms
        each), and does not depend on the order of writes.
        """
        await map_concurrently(lambda entry: self._connection.write(self._append(entry)), entries)

    async def log(
        self, session_id: str, *, since: datetime | None = None, topic: str | None = None, limit: int = 10_000
    ) -> list[LogEntry]:
        """Return a journey's rows of the events log, from `since` on, of one topic or of all, in their order."""
        if since is None:
            pages, seen = self._connection.pages(_READ_LOG, session_id=session_id), set[str]()
        else:
            first = {"session_id": session_id, "since": lowest_time_uuid(since)}
            pages = self._connection.pages(_READ_LOG_SINCE, **first)
            seen = {row["event_id"] for row in await self._connection.rows(_BEFORE, **first)}
        entries = await _first_of_each(pages, seen, topic, limit)
        return sorted(entries, key=lambda entry: (entry.ts, entry.event_id))[:limit]

    async def newest(self, session_id: str, topic: str, limit: int) -> list[LogEntry]:
        """Return the newest rows of a topic in a journey's log, the newest first, each event once.

        The server scans the journey's partition from its end. Of an event's rows among those, the earliest counts.
        """
        rows = await self._connection.rows(_NEWEST_OF, session_id=session_id, topic=topic, most=limit)
        entries = {row["event_id"]: _entry(row) for row in rows}  # the oldest row of an event comes last
        return sorted(entries.values(), key=lambda entry: (entry.ts, entry.event_id), reverse=True)

    async def logged(self, session_id: str, event_id: str) -> LogEntry | None:
        """Return the first row of an event in a journey's log. The server scans the journey's partition."""
        row = await self._connection.first(_LOGGED, session_id=session_id, event_id=event_id)
        return _entry(row) if row else None

    async def logged_journeys(self) -> AsyncIterator[str]:
        """Yield every journey that has a row of the events log, each once, in no order."""
        async for page in self._connection.pages(_LOGGED_JOURNEYS):
            for row in page:
                yield row["session_id"]

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Store a journey's snapshot and its section figures, in any order of snapshots.

        Figures are written at the snapshot's time, so those of the newer snapshot win. A section without an open
        branch in the newest state gets a row of zeros. Of two snapshots saved concurrently, each is written before
        the newest two are read, so that one of the two calls sees both.
        """
        figures = section_figures(snapshot.state)
        await self._write(self._snapshot(snapshot), *self._figure_changes(figures, snapshot))
        newest = [_snapshot_of(row) for row in await self._connection.rows(_NEWEST, session_id=snapshot.session_id)]
        await self._write(*self._figure_changes(_corrections(snapshot, newest), newest[0] if newest else snapshot))

    async def snapshot(self, session_id: str) -> Snapshot | None:
        """Return a journey's newest snapshot."""
        row = await self._connection.first(_NEWEST, session_id=session_id)
        return _snapshot_of(row) if row else None

    async def section_statistics(self, section: int) -> SectionStatistics:
        """Return the sums over the journeys that ever departed from a section."""
        sums = await map_concurrently(
            lambda bucket: self._connection.first(_SUMS, section=section, bucket=bucket), range(BUCKETS)
        )
        totals = {
            name: sum((row or {}).get(name) or 0 for row in sums)
            for name in ("journeys", "open_branches", "return_debt")
        }
        return SectionStatistics(section=section, **totals)

    async def section_figures(self, session_id: str) -> Mapping[int, SectionFigures]:
        """Return a journey's figures by section: of every section that it ever departed from, zeros included."""
        rows = await self._connection.rows(
            _FIGURES_OF, sections=list(_SECTIONS), bucket=_bucket(session_id), session_id=session_id
        )
        return {row["section"]: SectionFigures(row["open_branches"], row["return_debt"]) for row in rows}

    async def _write(self, *changes: Change) -> None:
        await map_concurrently(self._connection.write, changes)

    def _append(self, entry: LogEntry) -> Change:
        values = {**entry.model_dump(), "ts": UUID(entry.time_uuid), "written": self._times.of(entry.ts)}
        return Change(_APPEND, values)

    def _snapshot(self, snapshot: Snapshot) -> Change:
        values = {
            "session_id": snapshot.session_id,
            "snapshot_ts": UUID(time_uuid(snapshot.last_event_ts, str(snapshot.seq))),
            "ui_state_json": snapshot.state.model_dump_json(),
            "last_event_ts": UUID(time_uuid(snapshot.last_event_ts, snapshot.cursor)),
            "cursor": snapshot.cursor,
            "seq": snapshot.seq,
        }
        return Change(_SAVE, {**values, "written": self._times.of(snapshot.last_event_ts)})

    def _figure_changes(self, figures: Mapping[int, SectionFigures], snapshot: Snapshot) -> list[Change]:
        journey = {"session_id": snapshot.session_id, "bucket": _bucket(snapshot.session_id)}
        written = self._times.of(snapshot.last_event_ts)
        return [
            Change(_PUT_FIGURES, {**journey, **figure._asdict(), "section": section, "written": written})
            for section, figure in figures.items()
        ]


async def _first_of_each(
    pages: AsyncIterator[list[ResultRow]], seen: set[str], topic: str | None, limit: int
) -> list[LogEntry]:
    """Return the first row of each event not in `seen`: the earliest `limit`, and all with the last one's time."""
    entries: list[LogEntry] = []
    async for page in pages:
        for row in page:
            entry = _entry(row)
            if len(entries) >= limit and entry.ts > entries[-1].ts:
                return entries
            if entry.event_id not in seen and topic in (None, entry.type):
                entries.append(entry)
            seen.add(entry.event_id)
    return entries


def _corrections(saved: Snapshot, newest: Sequence[Snapshot]) -> dict[int, SectionFigures]:
    """Return the newest state's figures of the sections that it closed, or that an older snapshot just wrote."""
    if not newest:
        return {}
    current = section_figures(newest[0].state)
    if newest[0].seq != saved.seq:
        return {section: current.get(section, _ZERO) for section in section_figures(saved.state)}
    before = section_figures(newest[1].state) if len(newest) > 1 else {}
    return {section: _ZERO for section in before if section not in current}


def _entry(row: ResultRow) -> LogEntry:
    return LogEntry.model_validate({**row, "ts": time_of_uuid(str(row["ts"]))})


def _snapshot_of(row: ResultRow) -> Snapshot:
    return Snapshot(
        session_id=row["session_id"],
        seq=row["seq"],
        state=JourneyState.model_validate_json(row["ui_state_json"]),
        last_event_ts=time_of_uuid(str(row["last_event_ts"])),
        cursor=row["cursor"],
    )


def _bucket(session_id: str) -> int:
    return zlib.crc32(session_id.encode()) % BUCKETS
