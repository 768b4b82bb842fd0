"""The page store on Cassandra beyond the ports' contract, against a real server."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from cassandra import OperationTimedOut
from tests.support import factories as make
from tests.support.keyspace import Keyspace, keyspace
from tests.support.plan import PLAN

from qdpi.errors import BookRefused, InvalidSetting, StoreUnavailable
from qdpi.store.cassandra import CassandraPageStore
from qdpi.store.cassandra.driver import addresses
from qdpi.store.cassandra.futures import AsyncSession, ResultPage
from qdpi.store.cassandra.schema import apply, schema_of, schema_text, stored_version
from qdpi.store.columns import tree_row
from qdpi.store.ports import Answered, Committed, Moved
from qdpi.store.rows import Embedding
from qdpi.system import utc_now

pytestmark = pytest.mark.cassandra


def new_store(space: Keyspace, **changes: Any) -> CassandraPageStore:
    return CassandraPageStore(space.settings, **{"now": utc_now, "preparation": str(uuid4()), **changes})


@pytest.fixture
async def store(emptied: Keyspace) -> AsyncIterator[CassandraPageStore]:
    opened = new_store(emptied)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def other(emptied: Keyspace) -> AsyncIterator[CassandraPageStore]:
    opened = new_store(emptied)
    await opened.open()
    yield opened
    await opened.close()


# lost answers


class Lossy:
    """A session that loses the answers of `losing` conditional batches, after or before sending them."""

    def __init__(self, session: AsyncSession, losing: int, *, sent: bool) -> None:
        self._session, self._losing, self._sent = session, losing, sent

    async def send(self, request: Any, timeout: float, paging_state: bytes | None = None) -> ResultPage:
        if request.is_idempotent or not self._losing:
            return await self._session.send(request, timeout, paging_state)
        self._losing -= 1
        if self._sent:
            await self._session.send(request, timeout, paging_state)
        raise OperationTimedOut


def lose(store: CassandraPageStore, losing: int, *, sent: bool) -> None:
    connection = store._connection
    assert connection._open is not None
    session = Lossy(connection._open.session, losing, sent=sent)
    connection._open = replace(connection._open, session=session)  # type: ignore[arg-type]


async def test_commit_after_a_lost_answer(store: CassandraPageStore) -> None:
    """The serial read finds the outcome whose answer was lost."""
    outcome = make.outcome()
    lose(store, 1, sent=True)
    assert await store.commit_outcome("reader", outcome.request_id, 0, outcome) == Committed()
    assert await store.outcomes("reader") == [outcome]


async def test_commit_after_a_lost_request(store: CassandraPageStore) -> None:
    outcome = make.outcome()
    lose(store, 2, sent=False)
    assert await store.commit_outcome("reader", outcome.request_id, 0, outcome) == Committed()
    assert await store.outcomes("reader") == [outcome]


async def test_lost_answer_with_another_writers_outcome(store: CassandraPageStore, other: CassandraPageStore) -> None:
    theirs, ours = make.outcome(text="theirs"), make.outcome(text="ours")
    await other.commit_outcome("reader", theirs.request_id, 0, theirs)
    lose(store, 1, sent=True)
    assert await store.commit_outcome("reader", ours.request_id, 0, ours) == Answered(outcome=theirs)
    assert await store.outcomes("reader") == [theirs]


async def test_lost_answer_with_a_moved_head(store: CassandraPageStore, other: CassandraPageStore) -> None:
    first, late = make.outcome(), make.outcome(seq=1, number=2)
    await other.commit_outcome("reader", first.request_id, 0, first)
    lose(store, 1, sent=True)
    assert await store.commit_outcome("reader", late.request_id, 0, late) == Moved(head=1)


async def test_commit_after_an_outage(
    store: CassandraPageStore,
) -> None:
    outcome = make.outcome()
    lose(store, 3, sent=False)
    with pytest.raises(StoreUnavailable, match="no answer in time"):
        await store.commit_outcome("reader", outcome.request_id, 0, outcome)
    assert await store.last_outcome("reader") is None
    assert await store.commit_outcome("reader", outcome.request_id, 0, outcome) == Committed()


async def test_a_claim_after_a_lost_answer_is_higher(store: CassandraPageStore) -> None:
    lose(store, 1, sent=True)
    claimed = [await store.begin_attempt("reader", "r") for _ in range(3)]
    assert claimed == [2, 3, 4]


async def test_switch_after_a_lost_answer(store: CassandraPageStore) -> None:
    await store.put_canon(1, 0, make.ring(3))
    lose(store, 1, sent=True)
    await store.switch_canon(make.canon_revision())
    assert await store.canon_pages(1) == make.ring(3)
    await store.put_canon(2, 0, make.ring(3))
    lose(store, 1, sent=False)
    with pytest.raises(StoreUnavailable):
        await store.switch_canon(make.canon_revision(2))
    assert await store.canon_number() == 1


# late writes, deletions, repairs


async def test_repairing_writes_win_over_deletions(store: CassandraPageStore, emptied: Keyspace) -> None:
    """Rows deleted by hand stay deleted under ordinary writes."""
    page, row, entry = make.generated_page(), make.log_row(), make.vault_entry()
    snapshot = make.snapshot("reader", 1, make.branch(2, pages=1))
    repairing = new_store(emptied, repairing=True)
    await repairing.open()

    async def write(to: CassandraPageStore) -> None:
        await to.link_page(page)
        await to.put_page(page)
        await to.append_log([row])
        await to.save(entry)
        await to.save_snapshot(snapshot)

    async def read() -> list[object]:
        return [
            await store.page(page.page_id),
            await store.edges(page.page_id),
            await store.log("reader"),
            await store.vault("reader"),
            await store.snapshot("reader"),
            await store.section_figures("reader"),
        ]

    await write(store)
    whole = await read()
    emptied.rows(f"DELETE FROM pages WHERE page_id = '{page.page_id}'")
    for table in ("page_edges", "page_index_signals"):
        emptied.rows(f"DELETE FROM {table} WHERE page_id = '{page.page_id}'")
    for table in ("events_log", "vault", "state_snapshots"):
        emptied.rows(f"DELETE FROM {table} WHERE session_id = 'reader'")
    for counted in emptied.rows("SELECT section, bucket FROM section_counters"):
        emptied.rows(
            "DELETE FROM section_counters "
            f"WHERE section = {counted['section']} AND bucket = {counted['bucket']} AND session_id = 'reader'"
        )
    await write(store)
    assert await read() == [None, None, [], [], None, {}]
    await write(repairing)
    assert await read() == whole
    await write(store)
    assert await read() == whole
    await repairing.close()


async def test_repaired_figures_are_those_of_the_newest_snapshot(store: CassandraPageStore, emptied: Keyspace) -> None:
    opened, closed = make.snapshot("reader", 1, make.branch(2, pages=1)), make.snapshot("reader", 2)
    repairing = new_store(emptied, repairing=True)
    await repairing.open()
    for snapshot in (opened, closed, opened):
        await repairing.save_snapshot(snapshot)
    assert await store.section_figures("reader") == {2: (0, 0)}
    await repairing.close()


async def test_relinking_deletes_edges_of_older_versions(store: CassandraPageStore, emptied: Keyspace) -> None:
    page = make.generated_page()
    await store.link_page(page)
    await store.link_page(page.model_copy(update={"edges": make.canon_page().edges, "revision": 2}))
    await store.link_page(page)
    assert [row["target_id"] for row in emptied.rows("SELECT target_id FROM page_edges")] == ["S01-P0002"]


# the log


async def test_repeated_events_are_not_read_from_their_later_time(store: CassandraPageStore) -> None:
    first, between = make.log_row(event_id="e-1"), make.log_row(event_id="e-2", ts=make.at(3))
    await store.append_log([first, between, make.log_row(event_id="e-1", ts=make.at(5))])
    assert await store.log("reader") == [first, between]
    assert await store.log("reader", since=make.at(2)) == [between]


async def test_a_long_log_and_a_large_vault(store: CassandraPageStore) -> None:
    rows = [make.log_row(event_id=f"e-{n:04d}", ts=make.at(n)) for n in range(1_200)]
    entries = [make.vault_entry(f"page-{n}", n) for n in range(2_500)]
    await store.append_log(rows)
    await asyncio.gather(*(store.save(entry) for entry in entries))
    assert await store.log("reader") == rows
    assert await store.vault("reader") == entries


# the canon


async def test_the_first_of_two_ingests_to_switch_wins(store: CassandraPageStore, other: CassandraPageStore) -> None:
    theirs = [page.model_copy(update={"text": "theirs"}) for page in make.ring(3)]
    await store.put_canon(1, 0, make.ring(3))
    await other.put_canon(1, 0, theirs[:2])
    await store.switch_canon(make.canon_revision())
    await other.put_canon(1, 2, theirs[2:])
    with pytest.raises(BookRefused):
        await other.switch_canon(make.canon_revision(content_hash="theirs"))
    for client in (store, other):
        assert await client.canon_pages(1) == make.ring(3)
        assert await client.page("S01-P0001") == make.ring(3)[0]


async def test_a_new_revision_is_readable_at_once(
    store: CassandraPageStore, other: CassandraPageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the ingest crashes between the switch and the copying of pages."""
    first = make.ring(3)
    second = [page.model_copy(update={"text": "new", "revision": 2}) for page in make.ring(3, revision=2)]
    await store.put_canon(1, 0, first)
    await store.switch_canon(make.canon_revision(1))
    await store.put_canon(2, 0, second)

    async def die(revision: int) -> None:
        raise InterruptedError

    monkeypatch.setattr(store, "_copy_pages", die)
    with pytest.raises(InterruptedError):
        await store.switch_canon(make.canon_revision(2))
    for page in second:
        assert await other.page(page.page_id) == page
        assert await other.edges(page.page_id) == page.edges
        assert await other.signals(page.page_id) == page.signals
    monkeypatch.undo()
    await store.switch_canon(make.canon_revision(2))
    assert [await other.page(page.page_id) for page in second] == second


async def test_published_texts_are_immutable(
    store: CassandraPageStore,
) -> None:
    first = make.ring(2)
    await store.put_canon(1, 0, first)
    await store.switch_canon(make.canon_revision(1, pages=2))
    await store.put_canon(2, 0, [page.model_copy(update={"text": "late", "canon_revision": 2}) for page in first])
    await store.switch_canon(make.canon_revision(2, pages=2))
    assert [page.text for page in await store.canon_pages(2)] == [page.text for page in first]


async def test_a_book_of_many_buckets(store: CassandraPageStore, emptied: Keyspace) -> None:
    pages = make.ring(450)
    for start in range(0, len(pages), 150):
        await store.put_canon(1, start, pages[start : start + 150])
    await store.switch_canon(make.canon_revision(1, pages=450))
    assert await store.canon_pages(1) == pages
    buckets = emptied.rows("SELECT bucket FROM canon_ring PER PARTITION LIMIT 1")
    assert sorted(row["bucket"] for row in buckets) == [0, 1, 2, 3, 4]
    assert len(emptied.rows("SELECT page_id FROM pages")) == 450


# vectors


def vectors(count: int, seed: int = 1) -> list[Embedding]:
    random = Random(seed)
    return [make.embedding(f"page-{n:03d}", packed([random.gauss(0, 1) for _ in range(256)])) for n in range(count)]


def packed(values: list[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


async def test_vector_search_equals_a_full_search(store: CassandraPageStore, emptied: Keyspace) -> None:
    within = new_store(emptied, vectors=False)
    await within.open()
    assert (store._connection.vectors, within._connection.vectors) == (True, False)
    zero = make.embedding("nowhere", bytes(1_024))
    await store.put_embeddings([*vectors(300), zero, make.embedding("elsewhere", vectors(1)[0].embedding, model="o")])
    for seed in range(5):
        query = vectors(1, seed=100 + seed)[0].embedding
        assert await store.nearest(query, "m", 5) == await within.nearest(query, "m", 5)
    query = vectors(1)[0].embedding
    assert (await store.nearest(query, "m", 1)) == [("page-000", 1.0)]
    assert len(await store.nearest(query, "m", 400)) == 301
    newer = make.embedding("page-000", vectors(1, seed=9)[0].embedding, revision=2)
    await store.put_embeddings([newer, vectors(1)[0]])
    assert "page-000" not in dict(await store.nearest(query, "m", 5))
    assert (await store.nearest(query, "o", 1)) == [("elsewhere", 1.0)]
    await within.close()


# the schema


def cqlsh(space: Keyspace, *arguments: str) -> str:
    """Run the real cqlsh."""
    ((host, port), *_) = addresses(space.environment["CASSANDRA_HOSTS"])
    command = [str(Path(sys.executable).parent / "cqlsh"), host, str(port), "--no-color", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def described(space: Keyspace, name: str) -> dict[str, list[tuple[object, ...]]]:
    """Return the server's metadata of a keyspace's columns and indexes."""
    where = f"WHERE keyspace_name = '{name}'"
    columns = "table_name, column_name, type, kind, position, clustering_order"
    indexes = "table_name, index_name, kind, options"
    return {
        "columns": [tuple(row.values()) for row in space.rows(f"SELECT {columns} FROM system_schema.columns {where}")],
        "indexes": [
            (row["table_name"], row["index_name"], row["kind"], dict(row["options"]))
            for row in space.rows(f"SELECT {indexes} FROM system_schema.indexes {where}")
        ],
    }


@pytest.mark.parametrize("table", PLAN)
def test_tables_have_the_plans_columns(cassandra_space: Keyspace, table: str) -> None:
    columns = described(cassandra_space, cassandra_space.name)["columns"]
    assert set(PLAN[table].split()) <= {row[1] for row in columns if row[0] == table}


async def test_read_only_creates_no_keyspace(cassandra_space: Keyspace) -> None:
    """A store that is only read neither creates nor migrates: a keyspace that is missing is refused, and stays so."""
    name = f"{cassandra_space.name}_none"
    elsewhere = replace(cassandra_space.settings, cassandra_keyspace=name)
    missing = CassandraPageStore(elsewhere, now=utc_now, preparation="-", read_only=True)
    with pytest.raises(InvalidSetting, match=f"Keyspace {name} has no schema of qdpi"):
        await missing.open()
    assert stored_version(cassandra_space.session, name) is None


def test_cqlsh_creates_the_same_schema(cassandra_space: Keyspace, tmp_path: Path) -> None:
    name = f"{cassandra_space.environment['CASSANDRA_KEYSPACE']}_sh"
    script = tmp_path / "schema.cql"
    script.write_text(schema_text().replace("gibsey", name))
    for _ in range(2):
        cqlsh(cassandra_space, "-f", str(script))
    try:
        made = described(cassandra_space, name)
        assert made == described(cassandra_space, cassandra_space.name)
        assert len(made["columns"]) > 100
        assert stored_version(cassandra_space.session, name) == stored_version(
            cassandra_space.session, cassandra_space.name
        )
    finally:
        cassandra_space.rows(f"DROP KEYSPACE {name}")


async def test_cqlsh_reads_our_rows(store: CassandraPageStore, emptied: Keyspace) -> None:
    page = make.generated_page(symbol_code=255)
    outcome = make.outcome()
    await store.link_page(page)
    await store.put_page(page)
    await store.commit_outcome("reader", outcome.request_id, 0, outcome)
    await store.append_log([make.log_row()])
    await store.save_snapshot(make.snapshot("reader", 1, make.branch(2, pages=3)))
    await store.save(make.vault_entry())
    name = emptied.name

    def first_row(query: str) -> list[str]:
        lines = cqlsh(emptied, "-k", name, "-e", query).splitlines()
        (rule,) = (place for place, line in enumerate(lines) if line.startswith("---"))
        return [cell.strip() for cell in lines[rule + 1].split("|")]

    assert await asyncio.to_thread(first_row, "SELECT symbol_code, char_hex, behavior, trajectory FROM pages") == [
        "255",
        "15",
        "15",
        "T0",
    ]
    assert await asyncio.to_thread(first_row, "SELECT edge_type, target_id FROM page_edges") == ["MIRROR", "S01-P0007"]
    assert await asyncio.to_thread(first_row, "SELECT motifs, unresolved_anchors FROM page_index_signals") == [
        "{'lamp'}",
        "{'who lit it?'}",
    ]
    assert await asyncio.to_thread(
        first_row, "SELECT head, seq, request_id FROM outcomes WHERE session_id = 'reader' AND seq >= 0"
    ) == [
        "1",
        "0",
        outcome.request_id,
    ]
    assert await asyncio.to_thread(first_row, "SELECT open_branches, return_debt FROM section_counters") == ["1", "3"]
    assert await asyncio.to_thread(first_row, "SELECT toTimestamp(ts), event_id FROM events_log") == [
        "2026-11-01 20:15:30.123000+0000",
        "e-1",
    ]
    assert await asyncio.to_thread(first_row, "SELECT page_id, label, removed FROM vault") == [
        "S01-P0001",
        "mine",
        "False",
    ]


async def test_concurrent_opens_of_an_empty_cluster_succeed(cassandra_space: Keyspace) -> None:
    name = f"{cassandra_space.environment['CASSANDRA_KEYSPACE']}_many"
    elsewhere = Keyspace({**cassandra_space.environment, "CASSANDRA_KEYSPACE": name}, cassandra_space.session)
    stores = [new_store(elsewhere) for _ in range(4)]
    try:
        await asyncio.gather(*(store.open() for store in stores))
        for number, store in enumerate(stores):
            outcome = make.outcome(f"reader-{number}")
            await store.commit_outcome(f"reader-{number}", outcome.request_id, 0, outcome)
        for store in stores:
            assert len([journey async for journey in store.journeys()]) == 4
        assert described(cassandra_space, name) == described(cassandra_space, cassandra_space.name)
    finally:
        await asyncio.gather(*(store.close() for store in stores))
        cassandra_space.rows(f"DROP KEYSPACE {name}")


def test_older_schemas_are_migrated_and_newer_refused(cassandra_space: Keyspace) -> None:
    name = f"{cassandra_space.environment['CASSANDRA_KEYSPACE']}_old"
    elsewhere = Keyspace({**cassandra_space.environment, "CASSANDRA_KEYSPACE": name}, cassandra_space.session)
    schema = schema_of(elsewhere.settings)
    migrations = {schema.version: ["ALTER TABLE pages ADD IF NOT EXISTS mended TEXT"], 0: ["DROP TABLE pages"]}
    with keyspace(cassandra_space.environment, name) as old:
        old.rows(f"UPDATE {name}.schema_version SET version = 0 WHERE name = 'qdpi'")
        old.rows(f"DROP TABLE {name}.vault")
        apply(old.session, schema, vectors=True, migrations=migrations)
        assert stored_version(old.session, name) == schema.version
        columns = described(old, name)["columns"]
        assert {("pages", "mended"), ("vault", "label")} <= {(row[0], row[1]) for row in columns}
        old.rows(f"UPDATE {name}.schema_version SET version = 99 WHERE name = 'qdpi'")
        with pytest.raises(InvalidSetting, match="version 99"):
            asyncio.run(new_store(elsewhere).open())


async def test_keyspace_of_version_1_is_migrated(cassandra_space: Keyspace) -> None:
    """Columns that version 1 lacks are added; its outcomes and changes of vaults are read as those of this version."""
    name = f"{cassandra_space.environment['CASSANDRA_KEYSPACE']}_one"
    elsewhere = Keyspace({**cassandra_space.environment, "CASSANDRA_KEYSPACE": name}, cassandra_space.session)
    with keyspace(cassandra_space.environment, name) as old:
        old.rows(f"ALTER TABLE {name}.outcomes DROP tree_json")
        old.rows(f"ALTER TABLE {name}.vault DROP action")
        old.rows(f"DROP TABLE {name}.reader_places")
        old.rows(f"UPDATE {name}.schema_version SET version = 1 WHERE name = 'qdpi'")
        apply(old.session, schema_of(elsewhere.settings), vectors=True)
        columns = {(row[0], row[1]) for row in described(old, name)["columns"]}
        assert {("outcomes", "tree_json"), ("vault", "action"), ("reader_places", "canon")} <= columns


async def test_outcomes_without_rows_of_the_tree_are_read_themselves(
    store: CassandraPageStore, cassandra_space: Keyspace
) -> None:
    """Rows of the tree are missing where a process of version 1 committed: before an upgrade, or beside one."""
    outcomes = [make.outcome("old", seq) for seq in range(1, 7)]
    for outcome in outcomes:
        await store.commit_outcome("old", outcome.request_id, outcome.seq - 1, outcome)
    for outcome in outcomes[:3]:
        cassandra_space.rows(
            f"DELETE FROM outcomes WHERE session_id = 'old' AND seq = {-outcome.seq} "
            f"AND request_id = '{outcome.request_id}' IF EXISTS"
        )
    assert await store.tree("old", 0, 6) == [tree_row(outcome) for outcome in outcomes]
    assert await store.tree("old", 1, 4) == [tree_row(outcome) for outcome in outcomes[1:4]]


async def test_a_dropped_table_of_vectors_is_created_again(
    cassandra_space: Keyspace,
) -> None:
    name = f"{cassandra_space.environment['CASSANDRA_KEYSPACE']}_less"
    with keyspace(cassandra_space.environment, name) as less:
        whole = described(less, name)
        less.rows(f"DROP TABLE {name}.page_embeddings")
        store = new_store(less)
        await store.open()
        try:
            assert described(less, name) == whole
            assert store._connection.vectors is True
            await store.put_embeddings(vectors(3))
            assert (await store.nearest(vectors(1)[0].embedding, "m", 1)) == [("page-000", 1.0)]
        finally:
            await store.close()


async def test_a_schema_for_a_server_without_vectors(cassandra_space: Keyspace) -> None:
    """As on Cassandra 4.1, which has neither the type nor the index."""
    name = f"{cassandra_space.environment['CASSANDRA_KEYSPACE']}_bare"
    elsewhere = Keyspace({**cassandra_space.environment, "CASSANDRA_KEYSPACE": name}, cassandra_space.session)
    store = new_store(elsewhere, vectors=False)
    try:
        await store.open()
        made = described(cassandra_space, name)
        assert made["indexes"] == []
        assert all(row[1] != "vector" for row in made["columns"])
        await store.put_embeddings(vectors(20))
        assert (await store.nearest(vectors(1)[0].embedding, "m", 1)) == [("page-000", 1.0)]
        later = new_store(elsewhere)
        await later.open()
        assert later._connection.vectors is False
        await later.put_embeddings(vectors(1))
        await later.close()
    finally:
        await store.close()
        cassandra_space.rows(f"DROP KEYSPACE {name}")


async def test_store_is_unavailable_before_open(cassandra_space: Keyspace) -> None:
    with pytest.raises(StoreUnavailable, match="is not open"):
        await new_store(cassandra_space).ping()


async def test_open_without_a_server_is_an_outage() -> None:
    for hosts in ("127.0.0.1:1", "no-such-host.invalid"):
        nowhere = Keyspace({"CASSANDRA_HOSTS": hosts, "CASSANDRA_KEYSPACE": "x", "CASSANDRA_TIMEOUT": "2"}, None)
        store = new_store(nowhere)
        with pytest.raises(StoreUnavailable, match="Cassandra at"):
            await store.open()
        with pytest.raises(StoreUnavailable, match="is not open"):
            await store.ping()


def test_write_times_of_repairs_always_increase() -> None:
    from qdpi.store.cassandra.statements import WriteTimes

    still = datetime.fromisoformat("2026-11-01T00:00:00+00:00")
    times = WriteTimes(lambda: still, repairing=True)
    written = [times.of(make.at(0)) for _ in range(3)]
    assert written == [written[0], written[0] + 1, written[0] + 2]
