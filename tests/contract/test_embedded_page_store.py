"""The embedded page store: the ports' contract, and behaviour of its own."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.page_store.rig import Connect
from tests.contract.page_store_suite import PageStoreSuite
from tests.support import factories as make
from tests.support.plan import PLAN

from qdpi.errors import StoreUnavailable
from qdpi.events import VaultChange
from qdpi.services.recorder import record_event
from qdpi.store.columns import tree_row
from qdpi.store.embedded import EmbeddedPageStore
from qdpi.store.ports import PageStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.db"


class TestEmbeddedPageStore(PageStoreSuite):
    @pytest.fixture
    async def connect(self, path: Path) -> AsyncIterator[Connect]:
        clients: list[EmbeddedPageStore] = []

        async def another() -> PageStore:
            clients.append(EmbeddedPageStore(path, busy_timeout=20))
            await clients[-1].open()
            return clients[-1]

        yield another
        await asyncio.gather(*(client.close() for client in clients))


@pytest.fixture
async def store(path: Path) -> AsyncIterator[EmbeddedPageStore]:
    opened = EmbeddedPageStore(path, busy_timeout=0.05)
    await opened.open()
    yield opened
    await opened.close()


def query(path: Path, sql: str) -> list[dict[str, object]]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(sql)]
    finally:
        connection.close()


@pytest.mark.parametrize("table", PLAN)
async def test_tables_have_the_plans_columns(store: EmbeddedPageStore, path: Path, table: str) -> None:
    columns = {row["name"] for row in query(path, f"PRAGMA table_info({table})")}
    assert set(PLAN[table].split()) <= columns


async def test_plans_columns_are_filled(store: EmbeddedPageStore, path: Path) -> None:
    page = make.generated_page()
    await store.put_canon(1, 0, make.ring(2))
    await store.switch_canon(make.canon_revision(1, pages=2))
    await store.link_page(page)
    await store.put_page(page)
    rows = query(path, "SELECT * FROM pages ORDER BY page_num")
    assert [row["page_num"] for row in rows] == [None, 1, 2]
    assert [row["trajectory"] for row in rows] == ["T0"] * 3
    assert [row["text"] for row in rows] == [page.text, *(canon.text for canon in make.ring(2))]
    edges = query(path, "SELECT * FROM page_edges ORDER BY page_id")
    assert [(row["page_id"], row["edge_type"], row["target_id"]) for row in edges] == [
        ("S01-P0001", "NEXT", "S01-P0002"),
        ("S01-P0002", "NEXT", "S01-P0001"),
        (page.page_id, "MIRROR", "S01-P0007"),
        (page.page_id, "NEXT", "S01-P0002"),
    ]
    signals = query(path, "SELECT * FROM page_index_signals WHERE page_id = 'S01-P0001'")
    assert signals[0]["entities"] == '["the stair","Ada"]'
    assert signals[0]["novelty"] == 0.1 + 0.2


async def test_newest_fifty_snapshots_are_kept(store: EmbeddedPageStore, path: Path) -> None:
    for seq in (*range(1, 71), 3):
        await store.save_snapshot(make.snapshot("reader", seq))
    await store.save_snapshot(make.snapshot("other", 1))
    kept = query(path, "SELECT seq FROM state_snapshots WHERE session_id = 'reader' ORDER BY seq")
    assert [row["seq"] for row in kept] == list(range(21, 71))


async def test_book_of_many_chunks(store: EmbeddedPageStore) -> None:
    pages = make.ring(2_500)
    for start in range(0, len(pages), 1_000):
        await store.put_canon(1, start, pages[start : start + 1_000])
    await store.switch_canon(make.canon_revision(1, pages=2_500))
    assert await store.canon_pages(1) == pages


async def test_locked_store_is_unavailable_until_released(store: EmbeddedPageStore, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcome = make.outcome()
    with pytest.raises(StoreUnavailable, match=r"store\.db cannot be used: database is locked"):
        await store.commit_outcome("reader", outcome.request_id, 0, outcome)
    assert await store.last_outcome("reader") is None
    other.close()
    await store.commit_outcome("reader", outcome.request_id, 0, outcome)
    assert await store.last_outcome("reader") == outcome


async def test_closed_store_is_unavailable(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="is not open"):
        await EmbeddedPageStore(path).ping()


async def test_file_of_version_1_is_migrated(store: EmbeddedPageStore, path: Path) -> None:
    """Journeys and vaults of a file without the tables of version 2 have their trees and changes once it is opened."""
    outcomes = [make.outcome(seq=seq, fails=seq == 2) for seq in (1, 2, 3)]
    for outcome in outcomes:
        await store.commit_outcome("reader", outcome.request_id, outcome.seq - 1, outcome)
    await store.put_canon(1, 0, make.ring(3))
    await store.switch_canon(make.canon_revision(1))
    changes = [
        vault_change("p", 1, action="saved", label="mine", notes="read again"),
        vault_change("p", 2, action="labelled", label="yours"),
        vault_change("p", 3, action="unsaved"),
    ]
    for change in changes:
        await record_event(change, store)
    kept_changes = await store.changes("reader")
    await store.save(make.vault_entry("q", 5))  # whose row of the log is lost
    await store.close()
    to_version_1(path)

    await store.open()
    kept = await store.canon()
    assert kept is not None
    assert [voice.section_title for voice in kept.voices] == [None, None]
    await store.put_canon(2, 0, make.ring(3))
    await store.switch_canon(make.canon_revision(2))
    assert await store.canon() == make.canon_revision(2)
    *migrated, newest = await store.changes("reader")
    assert migrated == kept_changes
    assert [row.action for row in kept_changes] == [change.action for change in changes]
    assert (newest.page_id, newest.action, newest.saved_at) == ("q", "saved", make.at(5))
    assert await store.tree("reader", 0, 3) == [tree_row(outcome) for outcome in outcomes]
    assert await store.outcomes("reader") == outcomes


def vault_change(page_id: str, seconds: float, **changes: str) -> VaultChange:
    fields = {"event_id": f"v-{seconds}", "ts": make.at(seconds), "session_id": "reader", "page_id": page_id}
    return VaultChange.model_validate(fields | changes)


def to_version_1(path: Path) -> None:
    """Take what the schema's later versions have added out of a file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table in ("journey_tree", "vault_changes", "reader_places"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE voices DROP COLUMN section_title")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()


async def test_outcome_without_a_row_of_the_tree_is_read_itself(store: EmbeddedPageStore, path: Path) -> None:
    """A process of an earlier version may still commit to a migrated file."""
    outcomes = [make.outcome(seq=seq) for seq in range(1, 7)]
    for outcome in outcomes:
        await store.commit_outcome("reader", outcome.request_id, outcome.seq - 1, outcome)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM journey_tree WHERE seq IN (1, 3, 4, 6)")
        connection.commit()
    assert await store.tree("reader", 0, 6) == [tree_row(outcome) for outcome in outcomes]


COMMIT_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from qdpi.store.embedded import EmbeddedPageStore
from tests.support import factories as make

async def journey(store, session):
    for seq in range(1, 10**9):
        outcome = make.outcome(session, seq)
        await store.commit_outcome(session, outcome.request_id, seq - 1, outcome)
        print(session, seq, flush=True)

async def main():
    store = EmbeddedPageStore(Path(sys.argv[1]))
    await store.open()
    await asyncio.gather(*(journey(store, f"reader-{n}") for n in range(4)))

asyncio.run(main())
"""


@pytest.mark.process
def test_acknowledged_outcomes_survive_a_kill(path: Path) -> None:
    """The power of a machine is not cut here: `kill -9` shows that nothing is kept in the process."""
    environment = {"PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", COMMIT_UNTIL_KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(120)]
        process.kill()
        lines += process.stdout.readlines()
    result = [re.fullmatch(r"(reader-\d) (\d+)\n", line) for line in lines]
    acknowledged = {(match[1], int(match[2])) for match in result if match}
    assert len(acknowledged) >= 120
    kept = asyncio.run(all_seqs(path, [f"reader-{n}" for n in range(4)]))
    assert acknowledged <= {(session, seq) for session, seqs in kept.items() for seq in seqs}
    for seqs in kept.values():
        assert seqs == list(range(1, len(seqs) + 1))


async def all_seqs(path: Path, sessions: list[str]) -> dict[str, list[int]]:
    store = EmbeddedPageStore(path)
    await store.open()
    kept = {session: [o.seq for o in await store.outcomes(session, limit=100_000)] for session in sessions}
    await store.close()
    return kept
