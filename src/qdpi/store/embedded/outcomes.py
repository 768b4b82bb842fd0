"""Outcomes, one conditional write each, and attempts."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator

from qdpi.outcome import Outcome
from qdpi.store.columns import tree_row
from qdpi.store.embedded.statements import Repository, number
from qdpi.store.paging import whole_tree
from qdpi.store.ports import Answered, Committed, Moved
from qdpi.store.rows import TreeRow

_INSERT = (
    "INSERT INTO outcomes (session_id, seq, request_id, type, committed_at, page_id, outcome_json) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
INSERT_TREE = "INSERT OR REPLACE INTO journey_tree (session_id, seq, tree_json) VALUES (?, ?, ?)"
_ATTEMPT = (
    "INSERT INTO attempts (session_id, request_id, attempt) VALUES (?, ?, 1) "
    "ON CONFLICT DO UPDATE SET attempt = attempt + 1 RETURNING attempt"
)


class Outcomes(Repository):
    """The `Outcomes` port."""

    async def commit_outcome(
        self, session_id: str, request_id: str, head: int, outcome: Outcome
    ) -> Committed | Answered | Moved:
        """Store an outcome as `head + 1` in one durable transaction.

        Raises `ValueError` where the outcome's journey, request or seq differ from the arguments.
        """
        named = (outcome.session_id, outcome.request_id, outcome.seq)
        if named != (session_id, request_id, head + 1):
            raise ValueError(f"The outcome of {named} cannot be committed as {(session_id, request_id, head + 1)}.")
        page_id = outcome.page.page_id if outcome.page else None
        values = (session_id, outcome.seq, request_id, outcome.event.topic, outcome.at.isoformat(), page_id)
        stored = outcome.model_dump_json()
        row = (session_id, outcome.seq, tree_row(outcome).model_dump_json(exclude_defaults=True))

        def decide(connection: sqlite3.Connection) -> Committed | Answered | Moved:
            if answered := _outcome(connection, session_id, request_id):
                return Answered(outcome=answered)
            found = _head(connection, session_id)
            if found != head:
                return Moved(head=found)
            connection.execute(_INSERT, (*values, stored))
            connection.execute(INSERT_TREE, row)
            return Committed()

        return await self._database.write(decide)

    async def outcome(self, session_id: str, request_id: str) -> Outcome | None:
        """Return a request's outcome."""
        return await self._database.read(lambda connection: _outcome(connection, session_id, request_id))

    async def last_outcome(self, session_id: str) -> Outcome | None:
        """Return the journey's newest outcome."""
        sql = "SELECT outcome_json FROM outcomes WHERE session_id = ? ORDER BY seq DESC LIMIT 1"
        return await self._database.read(lambda connection: _first(connection, sql, session_id))

    async def outcomes(self, session_id: str, *, after: int = 0, limit: int = 1_000) -> list[Outcome]:
        """Return outcomes with a seq above `after`, in order."""
        sql = "SELECT outcome_json FROM outcomes WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?"

        def read(connection: sqlite3.Connection) -> list[Outcome]:
            found = connection.execute(sql, (session_id, after, limit))
            return [Outcome.model_validate_json(stored) for (stored,) in found]

        return await self._database.read(read)

    async def head(self, session_id: str) -> int:
        """Return the seq of the journey's newest outcome, 0 without one."""
        return await self._database.read(lambda connection: _head(connection, session_id))

    async def tree(self, session_id: str, after: int, until: int) -> list[TreeRow]:
        """Return the rows of the tree of the outcomes with a seq above `after`, up to `until`, in order."""
        sql = "SELECT tree_json FROM journey_tree WHERE session_id = ? AND seq > ? AND seq <= ? ORDER BY seq"

        def read(connection: sqlite3.Connection) -> list[TreeRow]:
            found = connection.execute(sql, (session_id, after, until))
            return [TreeRow.model_validate_json(stored) for (stored,) in found]

        return await whole_tree(self, session_id, after, until, await self._database.read(read))

    async def begin_attempt(self, session_id: str, request_id: str) -> int:
        """Claim and return the next attempt number of a request, from 1."""

        def claim(connection: sqlite3.Connection) -> int:
            (attempt,) = connection.execute(_ATTEMPT, (session_id, request_id)).fetchall()
            return int(attempt[0])

        return await self._database.write(claim, durable=False)

    def journeys(self) -> AsyncIterator[str]:
        """Yield every journey that has an outcome, each once, in the order of ids."""
        return self._each_journey("outcomes")

    async def has_journeys(self) -> bool:
        """Return whether any journey has an outcome."""
        return bool(await self._database.read(lambda c: number(c, "SELECT EXISTS (SELECT 1 FROM outcomes)")))


def _head(connection: sqlite3.Connection, session_id: str) -> int:
    return number(connection, "SELECT max(seq) FROM outcomes WHERE session_id = ?", session_id)


def _outcome(connection: sqlite3.Connection, session_id: str, request_id: str) -> Outcome | None:
    sql = "SELECT outcome_json FROM outcomes WHERE session_id = ? AND request_id = ?"
    return _first(connection, sql, session_id, request_id)


def _first(connection: sqlite3.Connection, sql: str, *values: str) -> Outcome | None:
    found = connection.execute(sql, values).fetchone()
    return Outcome.model_validate_json(found[0]) if found else None
