"""The floor with the writes and records of our press: what our guarantees cost in writes, without a program.

The hops of the floor, and with bare clients: two conditional writes in sequence (attempt, outcome), the writes of the
page's projections, the log and the index in parallel, and the records of the other topics. It reads nothing.
`python -m benchmarks.same_writes PORT`, with the environment of the floor.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import Any

from cassandra.cluster import Session

from benchmarks.floor import TEXT, Floor, keyspace, main

OUTCOME = "The lamp was lit on the fourth stair. " * 300
PROJECTIONS = ("signals", "reading", "log of the outcome", "snapshot", "figures")
OTHERS = ("log of the press", "log of the request", "embedding", "index")
RECORDS = ("delta", "delta", "delta", "page.written", "page.indexed", "index.update", *("audit",) * 6)


class SameWrites(Floor):
    """The floor's hops with our writes and records."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        within = keyspace()
        session.execute(
            f"CREATE TABLE IF NOT EXISTS {within}.floor_outcomes (session_id text, seq int, head int static, "
            "outcome text, PRIMARY KEY (session_id, seq))"
        )
        session.execute(
            f"CREATE TABLE IF NOT EXISTS {within}.floor_attempts (request_id text PRIMARY KEY, attempt int)"
        )
        session.execute(
            f"CREATE TABLE IF NOT EXISTS {within}.floor_rows (kind text, id text, body text, PRIMARY KEY ((kind, id)))"
        )
        self.attempt = session.prepare(
            f"INSERT INTO {within}.floor_attempts (request_id, attempt) VALUES (?, 1) IF NOT EXISTS"
        )
        self.outcome = session.prepare(
            f"INSERT INTO {within}.floor_outcomes (session_id, seq, outcome) VALUES (?, ?, ?) IF NOT EXISTS"
        )
        self.row = session.prepare(f"INSERT INTO {within}.floor_rows (kind, id, body) VALUES (?, ?, ?)")
        self.seqs: dict[str, int] = {}

    def write(self, request: dict[str, Any]) -> None:
        """Claim the attempt, commit the outcome, write the projections, publish, then write the other rows."""
        page, session_id = str(uuid.uuid4()), request["session_id"]
        self.session.execute(self.attempt, (page,))
        self.publish("floor.followed", session_id, {"text": TEXT[:100]}, None)
        seq = self.seqs[session_id] = self.seqs.get(session_id, 0) + 1
        self.session.execute(self.outcome, (session_id, seq, OUTCOME))
        written = [self.session.execute_async(self.row, (kind, page, TEXT)) for kind in PROJECTIONS]
        written.append(self.session.execute_async(self.page, (page, TEXT)))
        written.append(self.session.execute_async(self.edge, (page, request["page_id"])))
        for future in written:
            future.result()
        done = {**request, "press_id": request["event_id"], "page_id": page, "text": TEXT}
        self.publish("floor.done", session_id, done, None)
        for _ in RECORDS[1:]:
            self.publish("floor.followed", session_id, {"text": TEXT[:500]}, None)
        for kind in OTHERS:
            self.session.execute_async(self.row, (kind, page, TEXT))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), SameWrites))
