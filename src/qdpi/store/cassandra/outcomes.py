"""Outcomes, one conditional batch each, and attempts: the journey's own partition."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from qdpi.errors import StoreUnavailable
from qdpi.outcome import Outcome
from qdpi.store.cassandra.session import TRIES, Repository, ResultRow
from qdpi.store.cassandra.statements import Change, Consistency, Statement, insert, select
from qdpi.store.columns import tree_row
from qdpi.store.paging import whole_tree
from qdpi.store.ports import Answered, Committed, Moved
from qdpi.store.rows import TreeRow

_FIRST_HEAD: Final = Statement(
    "UPDATE {keyspace}.outcomes SET head = :next WHERE session_id = :session_id IF head = NULL", conditional=True
)
_NEXT_HEAD: Final = Statement(
    "UPDATE {keyspace}.outcomes SET head = :next WHERE session_id = :session_id IF head = :head", conditional=True
)
_ANSWER: Final = insert("outcomes", ("session_id", "seq", "request_id", "answered_seq"), once=True)
_PLACE: Final = insert(
    "outcomes", ("session_id", "seq", "request_id", "type", "committed_at", "page_id", "outcome_json")
)
_PLACE_IN_TREE: Final = insert("outcomes", ("session_id", "seq", "request_id", "tree_json"))
_HEAD: Final = select(["head"], "outcomes", "WHERE session_id = :session_id LIMIT 1", consistency=Consistency.SERIAL)
_TREE: Final = select(
    ["tree_json"],
    "outcomes",
    "WHERE session_id = :session_id AND seq < :below AND seq >= :least ORDER BY seq DESC, request_id DESC",
    fetch_size=2_000,
)
_ANSWERED: Final = select(
    ["answered_seq"],
    "outcomes",
    "WHERE session_id = :session_id AND seq = 0 AND request_id = :request_id",
    consistency=Consistency.SERIAL,
)
_OUTCOME: Final = select(
    ["outcome_json"],
    "outcomes",
    "WHERE session_id = :session_id AND seq = :seq AND request_id = :request_id",
    consistency=Consistency.SERIAL,
)
_LAST: Final = select(
    ["outcome_json"],
    "outcomes",
    "WHERE session_id = :session_id ORDER BY seq DESC, request_id DESC LIMIT 1",
    consistency=Consistency.SERIAL,
)
_AFTER: Final = select(
    ["outcome_json"], "outcomes", "WHERE session_id = :session_id AND seq > :after LIMIT :most", fetch_size=50
)
_JOURNEYS: Final = Statement("SELECT DISTINCT session_id FROM {keyspace}.outcomes", fetch_size=1_000)
_ANY_JOURNEY: Final = Statement("SELECT session_id FROM {keyspace}.outcomes LIMIT 1")
_FIRST_ATTEMPT: Final = insert("attempts", ("session_id", "request_id", "attempt"), once=True)
_NEXT_ATTEMPT: Final = Statement(
    "UPDATE {keyspace}.attempts SET attempt = :next WHERE session_id = :session_id AND request_id = :request_id "
    "IF attempt = :attempt",
    conditional=True,
)
PREPARED_AT_OPEN: Final = (
    _FIRST_HEAD,
    _NEXT_HEAD,
    _ANSWER,
    _PLACE,
    _PLACE_IN_TREE,
    _HEAD,
    _ANSWERED,
    _OUTCOME,
    _LAST,
    _FIRST_ATTEMPT,
)


class Outcomes(Repository):
    """The `Outcomes` port."""

    async def commit_outcome(
        self, session_id: str, request_id: str, head: int, outcome: Outcome
    ) -> Committed | Answered | Moved:
        """Store an outcome as `head + 1` in one conditional batch.

        After an ambiguous answer a serial read completes or discards the batch. Where it finds neither the outcome
        nor another head, the same batch is sent again: at most one of the two can be applied. Raises `ValueError`
        where the outcome's journey, request or seq differ from the arguments.
        """
        named = (outcome.session_id, outcome.request_id, outcome.seq)
        if named != (session_id, request_id, head + 1):
            raise ValueError(f"The outcome of {named} cannot be committed as {(session_id, request_id, head + 1)}.")
        changes = _changes(outcome, head)
        for last_try in (False,) * (TRIES - 1) + (True,):
            try:
                return await self._result(outcome, await self._connection.write_if(*changes))
            except StoreUnavailable:
                found = await self._result_after_error(outcome, head)
                if found is None and last_try:
                    raise
            if found is not None:
                return found
        raise RuntimeError("A last try ends in an answer or an error.")

    async def outcome(self, session_id: str, request_id: str) -> Outcome | None:
        """Return a request's outcome."""
        answered = await self._connection.first(_ANSWERED, session_id=session_id, request_id=request_id)
        return await self._at(session_id, request_id, answered["answered_seq"]) if answered else None

    async def last_outcome(self, session_id: str) -> Outcome | None:
        """Return the journey's newest outcome."""
        row = await self._connection.first(_LAST, session_id=session_id)
        return _outcome(row) if row else None

    async def outcomes(self, session_id: str, *, after: int = 0, limit: int = 1_000) -> list[Outcome]:
        """Return outcomes with a seq above `after`, in order."""
        if limit < 1:
            return []
        rows = await self._connection.rows(_AFTER, session_id=session_id, after=max(after, 0), most=limit)
        return [_outcome(row) for row in rows]

    async def head(self, session_id: str) -> int:
        """Return the seq of the journey's newest outcome, 0 without one."""
        row = await self._connection.first(_HEAD, session_id=session_id)
        return (row["head"] or 0) if row else 0

    async def tree(self, session_id: str, after: int, until: int) -> list[TreeRow]:
        """Return the rows of the tree of the outcomes with a seq above `after`, up to `until`, in order."""
        if until <= after:
            return []
        rows = await self._connection.rows(_TREE, session_id=session_id, below=-after, least=-until)
        stored = [TreeRow.model_validate_json(row["tree_json"]) for row in rows]
        return await whole_tree(self, session_id, after, until, stored)

    async def begin_attempt(self, session_id: str, request_id: str) -> int:
        """Claim and return the next attempt number of a request, from 1.

        A claim whose answer was lost may have been applied: its number is then skipped, and the next is claimed.
        """
        names = {"session_id": session_id, "request_id": request_id}
        row = await self._claim(Change(_FIRST_ATTEMPT, {**names, "attempt": 1}))
        claimed = 1
        while not row["[applied]"]:
            claimed = row["attempt"] + 1
            row = await self._claim(Change(_NEXT_ATTEMPT, {**names, "attempt": claimed - 1, "next": claimed}))
        return claimed

    async def has_journeys(self) -> bool:
        """Return whether any journey has an outcome."""
        return await self._connection.first(_ANY_JOURNEY) is not None

    async def journeys(self) -> AsyncIterator[str]:
        """Yield every journey that has an outcome, each once, in no order."""
        async for page in self._connection.pages(_JOURNEYS):
            for row in page:
                yield row["session_id"]

    async def _result(self, outcome: Outcome, row: ResultRow) -> Committed | Answered | Moved:
        if row["[applied]"]:
            return Committed()
        # The server returns a row whose condition failed: the request's answer, the head, or no row at all.
        if row.get("answered_seq") is None:
            return Moved(head=row.get("head") or 0)
        stored = await self._at(outcome.session_id, outcome.request_id, row["answered_seq"])
        return Answered(outcome=stored)

    async def _result_after_error(self, outcome: Outcome, head: int) -> Committed | Answered | Moved | None:
        stored = await self.outcome(outcome.session_id, outcome.request_id)
        if stored is not None:
            return Committed() if stored == outcome else Answered(outcome=stored)
        last = await self.last_outcome(outcome.session_id)
        seq = last.seq if last else 0
        return Moved(head=seq) if seq != head else None

    async def _at(self, session_id: str, request_id: str, seq: int) -> Outcome:
        row = await self._connection.first(_OUTCOME, session_id=session_id, request_id=request_id, seq=seq)
        if row is None:
            raise StoreUnavailable(f"Outcome {seq} of a journey is named as an answer and is not there.")
        return _outcome(row)

    async def _claim(self, change: Change) -> ResultRow:
        for _ in range(TRIES - 1):
            try:
                return await self._connection.write_if(change)
            except StoreUnavailable:
                continue
        return await self._connection.write_if(change)


def _changes(outcome: Outcome, head: int) -> list[Change]:
    names = {"session_id": outcome.session_id, "request_id": outcome.request_id}
    seq = head + 1
    place = {
        "seq": seq,
        "type": outcome.event.topic,
        "committed_at": outcome.at,
        "page_id": outcome.page.page_id if outcome.page else None,
        "outcome_json": outcome.model_dump_json(),
    }
    tree = tree_row(outcome).model_dump_json(exclude_defaults=True)
    return [
        Change(_NEXT_HEAD if head else _FIRST_HEAD, {**names, "head": head, "next": seq}),
        Change(_ANSWER, {**names, "seq": 0, "answered_seq": seq}),
        Change(_PLACE, {**names, **place}),
        Change(_PLACE_IN_TREE, {**names, "seq": -seq, "tree_json": tree}),
    ]


def _outcome(row: ResultRow) -> Outcome:
    return Outcome.model_validate_json(row["outcome_json"])
