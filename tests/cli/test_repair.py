"""`qdpi repair`, `qdpi replay` and `qdpi kafka-topics --grow` as a shell calls them."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Call
from tests.repair.repair_suite import read_past
from tests.repair.world import JOURNEYS, populate
from tests.support.tables import SqliteTables

from qdpi.bootstrap import build_bus
from qdpi.bus.port import Message
from qdpi.events import TOPICS, Ask, PageEvent, Press, decode
from qdpi.settings import Settings
from qdpi.system import utc_now


@pytest.fixture(scope="module")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("populated")
    asyncio.run(populate(Settings(data_dir=directory)))
    return directory


@pytest.fixture
def data(populated: Path, tmp_path: Path) -> Path:
    """A copy of the populated data directory, where the commands look for it."""
    copy = tmp_path / "data"
    shutil.copytree(populated, copy)
    return copy


@pytest.fixture
def tables(data: Path) -> SqliteTables:
    return SqliteTables(data / "store.db")


LARGE = b'{"session_id": "amber", "event_id": "p1", "symbol_code": 0, "more": "%s"}' % (b"a" * 5_000_000)


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def rows(tables: SqliteTables) -> dict[str, list[dict[str, Any]]]:
    return {name: tables.rows(name) for name in tables.names()}


def on_bus(data: Path, topic: str) -> list[bytes | None]:
    async def read() -> list[bytes | None]:
        bus = build_bus(Settings(data_dir=data), utc_now)
        await bus.open()
        try:
            return [record.value async for record in bus.scan(topic)]
        finally:
            await bus.close()

    return asyncio.run(read())


# repair


@pytest.mark.slow
def test_repair_without_damage_exits_0(qdpi: Call, data: Path):
    """Without damage, repair says so and exits with 0."""
    code, out, _ = qdpi("repair")

    assert code == 0
    assert out == "No damage in 3 journeys.\n"


@pytest.mark.slow
def test_repair_without_apply_changes_nothing(qdpi: Call, tables: SqliteTables):
    """A repair changes nothing without --apply."""
    deleted = tables.delete("pages", lambda row: row["page_id"].count("-") == 4)
    tables.delete("state_snapshots", lambda row: row["session_id"] == "bob")
    before = rows(tables)

    looked = qdpi("repair")

    assert looked.code == 1
    assert rows(tables) == before
    assert f"page-missing      {deleted}      It is written again from its outcome." in looked.out
    assert "snapshot-missing: journey bob" in looked.out
    assert (
        f"{deleted + 1} findings in 3 journeys. Nothing was changed. --apply repairs what can be repaired."
        in looked.out
    )

    mended = qdpi("repair", "--apply")

    assert mended.code == 0
    assert f"{deleted + 1} of {deleted + 1} findings in 3 journeys repaired." in mended.out
    assert qdpi("repair").code == 0


@pytest.mark.slow
def test_repair_json_has_a_finding_a_line(qdpi: Call, tables: SqliteTables):
    """A script reads one finding a line, and the totals last."""
    tables.delete("page_embeddings", lambda row: row["page_id"] == "S01-P0001")

    *found, result = lines(qdpi("repair", "--json").out)

    assert [(f["name"], f["journey"], f["place"], f["mended"]) for f in found] == [
        ("vector-missing", None, "page_embeddings/S01-P0001", False)
    ]
    assert result == {"journeys": 3, "found": 1, "mended": 0, "in_flight": 0, "page_events": None}
    *_, result = lines(qdpi("repair", "--json", "--apply").out)
    assert (result["found"], result["mended"]) == (1, 1)


@pytest.mark.slow
def test_unmendable_damage_exits_1(qdpi: Call, tables: SqliteTables):
    """Damage that cannot be repaired is left, named, and exits with 1."""
    tables.change("page_embeddings", lambda row: row["page_id"] == "S01-P0001", revision=9)

    looked, applied = qdpi("repair"), qdpi("repair", "--apply")

    assert (looked.code, applied.code) == (1, 1)
    assert "LEFT     vector-ahead: page_embeddings/S01-P0001" in applied.out
    assert "ingest the book again" in applied.out
    assert "0 of 1 finding in 3 journeys repaired." in applied.out


def test_wrong_state_is_never_written_over(qdpi: Call, tables: SqliteTables):
    """An outcome that is not the fold of those before it is reported and never written over."""
    (row,) = tables.rows("outcomes", lambda row: row["session_id"] == "alice" and row["seq"] == 2)
    outcome = json.loads(row["outcome_json"])
    outcome["state"]["pages"] = 77
    tables.change("outcomes", lambda other: other == row, outcome_json=json.dumps(outcome))
    before = tables.rows("outcomes")

    code, out, _ = qdpi("repair", "--apply", "alice")

    assert code == 1
    assert "LEFT     state-changed: journey alice, outcomes/" in out
    assert tables.rows("outcomes") == before


@pytest.mark.slow
def test_idle_page_topics_are_deleted(qdpi: Call, data: Path):
    """Topics of single pages that are empty again are deleted."""

    async def make() -> None:
        bus = build_bus(Settings(data_dir=data), utc_now)
        await bus.open()
        await bus.publish(Message("gibsey.page.S01.P0007.events", b"k", b"{}"))
        await bus.publish(Message("gibsey.page.S01.P0009.events", b"k", b"{}"))
        await bus.create_topics([TOPICS[PageEvent.topic]._replace(name="gibsey.page.S01.P0011.events")])
        await bus.close()

    asyncio.run(make())
    bus_tables = SqliteTables(data / "bus.db")
    bus_tables.delete("records", lambda row: row["topic"] == "gibsey.page.S01.P0007.events")

    (found, _) = lines(qdpi("repair", "--json").out)
    assert (found["name"], found["place"]) == ("page-topic-idle", "gibsey.page.S01.P0007.events")
    assert qdpi("repair", "--apply").code == 0
    listed = qdpi("kafka-topics", "--list").out
    assert "P0007" not in listed
    assert "P0009" in listed
    assert "P0011" in listed  # a new topic without records is kept


@pytest.mark.slow
def test_cause_of_a_failed_repair_is_printed(qdpi: Call, data: Path):
    """The error that prevented the repair of a finding is printed."""

    async def lose_a_press() -> None:
        bus = build_bus(Settings(data_dir=data), utc_now)
        await bus.open()
        await bus.publish(Message(Press.topic, b"k", b'{"session_id": "amber", "event_id": "p1"}'))
        await read_past(bus, "qdpi.enricher", (Press.topic, Ask.topic))
        await bus.close()

    asyncio.run(lose_a_press())
    SqliteTables(data / "bus.db").change("records", lambda row: b"amber" in (row["value"] or b""), value=LARGE)

    *found, result = lines(qdpi("repair", "--apply", "--json").out)

    assert [(f["name"], f["mended"]) for f in found] == [("press-unanswered", False)]
    assert found[0]["cause"].startswith("A value of 5,000,0")
    assert (result["found"], result["mended"]) == (1, 0)
    assert "; it cannot be repaired: A value of 5,000,0" in qdpi("repair", "--apply").out


@pytest.mark.slow
def test_page_events_are_published_again(qdpi: Call, data: Path):
    """The status of every page can be published again."""
    before = len(on_bus(data, PageEvent.topic))

    result = lines(qdpi("repair", "--apply", "--emit-page-events", "--json").out)[-1]

    fresh = [decode(PageEvent, value) for value in on_bus(data, PageEvent.topic)[before:]]
    assert result["page_events"] == len(fresh) == 8
    assert all(event.written and event.linked and event.indexed for event in fresh)
    assert sum(event.saved for event in fresh) == 1
    assert qdpi("repair", "--emit-page-events").code == 2


@pytest.mark.parametrize("command", [("repair",), ("replay",)])
def test_malformed_journey_is_misuse(qdpi: Call, data: Path, command: tuple[str, ...]):
    assert qdpi(*command, "../x").code == 2


# replay


@pytest.mark.slow
def test_replay_prints_both_hashes(qdpi: Call, data: Path):
    """A replay prints both hashes of every journey and of the book."""
    code, out, _ = qdpi("replay", "--all")

    assert code == 0
    *journeys, book = out.splitlines()
    assert {line.split(":")[0] for line in journeys} == JOURNEYS.keys()
    assert book.startswith("the book: 53 pages, ")
    for line in out.splitlines():
        wanted, sign, found, word = line.split()[-4:]
        assert (sign, word) == ("=", "equal")
        assert wanted == found


def test_replay_check_exits_1_on_a_difference(qdpi: Call, tables: SqliteTables):
    """A check exits with 1, names the fields, and writes nothing."""
    tables.change("section_counters", lambda row: row["session_id"] == "alice", return_debt=41)
    before = rows(tables)

    code, out, _ = qdpi("replay", "alice", "--check")

    assert code == 1
    assert "≠" in out
    assert "DIFFERENT" in out
    assert "section_counters/alice.1 is [1, 41], due is [1, 1]" in out
    assert rows(tables) == before


@pytest.mark.slow
def test_replay_rewrites_differences(qdpi: Call, tables: SqliteTables):
    """A replay writes again the rows that differ, and proves them equal."""
    hashes = {result["journey"]: result["found"] for result in lines(qdpi("replay", "--all", "--json").out)}
    tables.delete("pages")
    tables.delete("page_edges")

    code, out, _ = qdpi("replay", "--all", "--json")

    result = {journey["journey"]: journey for journey in lines(out)}
    assert code == 0
    assert all(journey["equal"] and journey["rebuilt"] for journey in result.values())
    assert {name: journey["found"] for name, journey in result.items()} == hashes
    assert qdpi("replay", "--all", "--check").code == 0


def test_replay_without_one_target_is_misuse(qdpi: Call, data: Path):
    """Neither journeys nor --all, or both, is misuse."""
    assert qdpi("replay").code == 2
    assert qdpi("replay", "alice", "--all").code == 2


# kafka-topics --grow


def test_embedded_bus_refuses_partitions(qdpi: Call, data: Path):
    """The embedded bus has one partition a topic, and refuses more with the reason."""
    code, out, err = qdpi("kafka-topics", "--grow", "4")

    assert (code, out) == (2, "")
    assert err == (
        "qdpi: The embedded bus has one partition per topic, not 4. "
        "Set KAFKA_BROKERS to use Kafka, which supports more.\n"
    )
    assert json.loads(qdpi("kafka-topics", "--grow", "1", "--json").out)["grown"] == []
    assert qdpi("kafka-topics", "--grow", "0").code == 2
    assert qdpi("kafka-topics", "--grow", "2", "--list").code == 2


# doctor


def test_doctor_fix_creates_what_is_missing(qdpi: Call, tmp_path: Path):
    before = json.loads(qdpi("doctor", "--port", "0", "--json").out)
    after = json.loads(qdpi("doctor", "--port", "0", "--json", "--fix").out)

    assert [f["health"] for f in before if f["what"] == "book"] == ["warn"]
    assert [f["health"] for f in after if f["what"] == "book"] == ["ok"]
    assert [f["health"] for f in after if f["what"] == "topics"] == ["ok"]


def test_doctor_names_lagging_workers(qdpi: Call, data: Path):
    async def press() -> None:
        bus = build_bus(Settings(data_dir=data), utc_now)
        await bus.open()
        await bus.publish(Message("gibsey.index.update", b"k", b"{}"))
        await bus.close()

    assert "No worker has records to process." in qdpi("doctor", "--port", "0").out
    asyncio.run(press())
    assert "warn work     Records to process: indexer has 1." in qdpi("doctor", "--port", "0").out


@pytest.mark.parametrize(
    ("file", "broken", "failed"),
    [
        ("bus.db", "sqlite_autoindex_records_1", {"topics", "work"}),
        ("store.db", "canon_ring", {"book"}),
        ("store.db", "canon_revisions", {"book"}),
    ],
)
def test_doctor_runs_each_check_on_a_damaged_file(qdpi: Call, data: Path, file: str, broken: str, failed: set[str]):
    """The doctor reports each check that a damaged bus or store fails, and runs the others."""
    break_pages(data / file, broken)

    code, out, _ = qdpi("doctor", "--port", "0", "--json")
    fixed = qdpi("doctor", "--port", "0", "--json", "--fix")

    assert code == fixed.code == 1
    for findings in (json.loads(out), json.loads(fixed.out)):
        health = {finding["what"]: finding["health"] for finding in findings}
        assert health.keys() >= {"store", "book", "bus", "topics", "work", "model", "port"}
        assert {what for what, how in health.items() if how == "fail"} == failed
        assert all(finding["next_step"] for finding in findings if finding["health"] == "fail")


def break_pages(file: Path, name: str) -> None:
    """Overwrite the first page of a table or an index, as a bad disk does: the file opens, and that cannot be read."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    with file.open("r+b") as held:
        held.seek((page - 1) * size)
        held.write(b"\xff" * size)
