"""A journey's events log, snapshots and section statistics."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from qdpi.ids import microseconds, time_of_uuid, time_uuid
from qdpi.journey import JourneyState, SectionFigures, section_figures
from qdpi.outcome import LogEntry
from qdpi.store.embedded.statements import Repository, number, put_many, row, rows
from qdpi.store.rows import SectionStatistics, Snapshot

SNAPSHOTS_KEPT: Final = 50
"""Newest snapshots of a journey that are kept; any other state is a fold of its outcomes."""
_EARLIEST: Final = microseconds(datetime.min.replace(tzinfo=UTC))

_LOG = (
    "INSERT INTO events_log (session_id, ts, event_id, type, payload_json, headers_json, at) "
    "SELECT :session_id, :ts, :event_id, :type, :payload_json, :headers_json, :at "
    "WHERE NOT EXISTS (SELECT 1 FROM events_log WHERE session_id = :session_id AND event_id = :event_id)"
)
_LOG_FROM = (
    "SELECT * FROM events_log WHERE session_id = ? AND at >= ? AND (? IS NULL OR type = ?) "
    "ORDER BY at, event_id LIMIT ?"
)
_NEWEST = "SELECT * FROM events_log WHERE session_id = ? AND type = ? ORDER BY at DESC, event_id DESC LIMIT ?"
_SNAPSHOT = (
    "INSERT OR REPLACE INTO state_snapshots "
    "(session_id, snapshot_ts, ui_state_json, last_event_ts, cursor, seq) "
    "VALUES (:session_id, :snapshot_ts, :ui_state_json, :last_event_ts, :cursor, :seq)"
)
_DELETE_OLD = "DELETE FROM state_snapshots WHERE session_id = ? AND seq <= ?"
_STATISTICS = (
    "SELECT count(*) AS journeys, coalesce(sum(open_branches), 0) AS open_branches, "
    "coalesce(sum(return_debt), 0) AS return_debt FROM section_counters WHERE section = ?"
)


class Log(Repository):
    """The `Log` port."""

    async def append_log(self, entries: Sequence[LogEntry]) -> None:
        """Store rows of the events log; an event that is logged already is not changed."""
        values = [{**e.model_dump(), "ts": e.time_uuid, "at": microseconds(e.ts)} for e in entries]
        await self._database.write(lambda connection: put_many(connection, _LOG, values), durable=False)

    async def log(
        self, session_id: str, *, since: datetime | None = None, topic: str | None = None, limit: int = 10_000
    ) -> list[LogEntry]:
        """Return a journey's rows of the events log, from `since` on, of one topic or of all, in their order."""
        first = microseconds(since) if since else _EARLIEST

        def read(connection: sqlite3.Connection) -> list[LogEntry]:
            found = rows(connection, _LOG_FROM, session_id, first, topic, topic, limit)
            return [_log_entry(entry) for entry in found]

        return await self._database.read(read)

    async def newest(self, session_id: str, topic: str, limit: int) -> list[LogEntry]:
        """Return the newest rows of a topic in a journey's log, the newest first."""

        def read(connection: sqlite3.Connection) -> list[LogEntry]:
            return [_log_entry(entry) for entry in rows(connection, _NEWEST, session_id, topic, limit)]

        return await self._database.read(read)

    async def logged(self, session_id: str, event_id: str) -> LogEntry | None:
        """Return a journey's row of one event, None where it was never logged."""
        sql = "SELECT * FROM events_log WHERE session_id = ? AND event_id = ?"

        def read(connection: sqlite3.Connection) -> LogEntry | None:
            found = row(connection, sql, session_id, event_id)
            return _log_entry(found) if found else None

        return await self._database.read(read)

    def logged_journeys(self) -> AsyncIterator[str]:
        """Yield every journey that has a row of the events log, each once, in the order of ids."""
        return self._each_journey("events_log")

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Store a journey's snapshot and its section figures; the newest 50 snapshots are kept."""
        stored = _snapshot_row(snapshot)

        def save(connection: sqlite3.Connection) -> None:
            newest = max(snapshot.seq, _newest_seq(connection, snapshot.session_id))
            _save_figures(connection, snapshot, newest)
            connection.execute(_SNAPSHOT, stored)
            connection.execute(_DELETE_OLD, (snapshot.session_id, newest - SNAPSHOTS_KEPT))

        await self._database.write(save, durable=False)

    async def snapshot(self, session_id: str) -> Snapshot | None:
        """Return a journey's newest snapshot."""
        sql = "SELECT * FROM state_snapshots WHERE session_id = ? ORDER BY seq DESC LIMIT 1"

        def read(connection: sqlite3.Connection) -> Snapshot | None:
            found = row(connection, sql, session_id)
            return _snapshot(found) if found else None

        return await self._database.read(read)

    async def section_statistics(self, section: int) -> SectionStatistics:
        """Return the sums over the journeys that ever departed from a section."""

        def read(connection: sqlite3.Connection) -> SectionStatistics:
            found = row(connection, _STATISTICS, section) or {}
            return SectionStatistics(section=section, **found)

        return await self._database.read(read)

    async def section_figures(self, session_id: str) -> Mapping[int, SectionFigures]:
        """Return a journey's figures by section: of every section that it ever departed from."""
        sql = "SELECT section, open_branches, return_debt FROM section_counters WHERE session_id = ? ORDER BY section"

        def read(connection: sqlite3.Connection) -> dict[int, SectionFigures]:
            found = connection.execute(sql, (session_id,))
            return {section: SectionFigures(*figures) for section, *figures in found}

        return await self._database.read(read)


def _log_entry(stored: dict[str, Any]) -> LogEntry:
    return LogEntry.model_validate({**stored, "ts": time_of_uuid(stored["ts"])})


def _snapshot_row(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "session_id": snapshot.session_id,
        "snapshot_ts": time_uuid(snapshot.last_event_ts, str(snapshot.seq)),
        "ui_state_json": snapshot.state.model_dump_json(),
        "last_event_ts": time_uuid(snapshot.last_event_ts, snapshot.cursor),
        "cursor": snapshot.cursor,
        "seq": snapshot.seq,
    }


def _snapshot(stored: dict[str, Any]) -> Snapshot:
    return Snapshot(
        session_id=stored["session_id"],
        seq=stored["seq"],
        state=JourneyState.model_validate_json(stored["ui_state_json"]),
        last_event_ts=time_of_uuid(stored["last_event_ts"]),
        cursor=stored["cursor"],
    )


def _newest_seq(connection: sqlite3.Connection, session_id: str) -> int:
    return number(connection, "SELECT max(seq) FROM state_snapshots WHERE session_id = ?", session_id)


def _save_figures(connection: sqlite3.Connection, snapshot: Snapshot, newest: int) -> None:
    """Write absolute figures, in any order of snapshots.

    A section without an open branch in the newest state keeps its row, with zeros, because the journey did depart
    from it. An older snapshot can only add such a row.
    """
    figures = section_figures(snapshot.state)
    if snapshot.seq < newest:
        connection.executemany(
            "INSERT INTO section_counters VALUES (?, ?, 0, 0, ?) ON CONFLICT DO NOTHING",
            [(section, snapshot.session_id, newest) for section in figures],
        )
        return
    connection.execute(
        "UPDATE section_counters SET open_branches = 0, return_debt = 0, seq = ? WHERE session_id = ?",
        (newest, snapshot.session_id),
    )
    connection.executemany(
        "INSERT INTO section_counters VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "open_branches = excluded.open_branches, return_debt = excluded.return_debt, seq = excluded.seq",
        [(section, snapshot.session_id, *figure, newest) for section, figure in figures.items()],
    )
