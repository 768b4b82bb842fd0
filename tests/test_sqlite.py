"""The SQLite file of the embedded store and bus."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qdpi.errors import InvalidSetting, StoreUnavailable
from qdpi.sqlite import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS words (number INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT;"


def database(path: Path, **options: Any) -> Database:
    return Database(path, SCHEMA, unavailable=StoreUnavailable, **options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "not there yet" / "a b%20c?.db"


@pytest.fixture
async def db(path: Path) -> AsyncIterator[Database]:
    opened = database(path, busy_timeout=0.05)
    await opened.open()
    yield opened
    await opened.close()


def insert(word: str) -> Callable[[sqlite3.Connection], int | None]:
    return lambda connection: connection.execute("INSERT INTO words (word) VALUES (?)", (word,)).lastrowid


def words(connection: sqlite3.Connection) -> list[str]:
    return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY number")]


def files_in(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


def wal_bytes(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


class Gate:
    """Work that blocks the writer thread until it is released, so that other jobs are queued together."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._opened = threading.Event()

    def __call__(self, connection: sqlite3.Connection) -> None:
        self._loop.call_soon_threadsafe(self.entered.set)
        self._opened.wait()

    def open(self) -> None:
        self._opened.set()


async def queued_together(db: Database, *works: Callable[[sqlite3.Connection], Any]) -> list[Any]:
    """Queue jobs behind a gate, open it, and return each one's result or error."""
    gate = Gate()
    first = asyncio.create_task(db.write(gate, durable=False))
    await gate.entered.wait()
    others = [asyncio.create_task(db.write(work)) for work in works]
    await asyncio.sleep(0)
    gate.open()
    await first
    return await asyncio.gather(*others, return_exceptions=True)


async def test_open_creates_directory_and_file_in_wal_mode(db: Database, path: Path) -> None:
    assert await db.read(lambda c: c.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"
    assert path.name in files_in(path.parent)


async def test_writes_survive_reopening(path: Path) -> None:
    """Closing leaves a single file, and reopening finds what was written."""
    for word in ("one", "two"):
        db = database(path)
        await db.open()
        await db.open()
        await db.write(insert(word))
        await db.close()
        await db.close()
    last = database(path)
    await last.open()
    assert await last.read(words) == ["one", "two"]
    await last.close()
    assert files_in(path.parent) == [path.name]


async def test_concurrent_opens_of_a_missing_file_succeed(path: Path) -> None:
    openers = [database(path) for _ in range(8)]
    await asyncio.gather(*(db.open() for db in openers))
    await asyncio.gather(*(db.write(insert(str(n))) for n, db in enumerate(openers)))
    assert len(await openers[0].read(words)) == 8
    await asyncio.gather(*(db.close() for db in openers))


async def test_migrations_since_the_files_version_run_once_in_order(path: Path) -> None:
    """A new file needs none; a file of an older version gets those of the versions since."""
    ran: list[int] = []

    def migration_to(version: int) -> Callable[[sqlite3.Connection], None]:
        return lambda connection: ran.append(version)

    def migrations(upto: int) -> dict[int, Callable[[sqlite3.Connection], None]]:
        return {version: migration_to(version) for version in range(upto, 1, -1)}

    for version, expected in ((2, []), (2, []), (4, [3, 4]), (4, [])):
        ran.clear()
        opened = database(path, version=version, migrations=migrations(version))
        await opened.open()
        await opened.close()
        assert ran == expected


async def test_failed_migration_leaves_the_file_as_it_was(path: Path) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (way INTEGER)")
        raise ValueError("a row that cannot be read")

    first = database(path)
    await first.open()
    await first.close()
    with pytest.raises(ValueError, match="cannot be read"):
        await database(path, version=2, migrations={2: fails}).open()
    await first.open()  # the version that it knows
    tables = await first.read(lambda c: c.execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchall())
    await first.close()
    assert tables == []


async def test_newer_version_is_refused(path: Path) -> None:
    newer = database(path, version=7)
    await newer.open()
    await newer.close()
    with pytest.raises(InvalidSetting, match=r"version 7.*up to 1.*Upgrade qdpi"):
        await database(path).open()


async def test_other_file_is_refused_and_kept(tmp_path: Path) -> None:
    """A file that is no database is refused and left unchanged."""
    path = tmp_path / "letters.db"
    path.write_text("dear reader, " * 1_000)
    with pytest.raises(InvalidSetting, match=r"is not a database\. Move the file away"):
        await database(path).open()
    assert path.read_text().startswith("dear reader")


async def test_impossible_directory_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match=r"cannot be created: Not a directory\..*QDPI_DATA_DIR"):
        await database(tmp_path / "file" / "data" / "qdpi.db").open()


def bytes_in(directory: Path) -> dict[str, bytes]:
    """Return the contents of the files, without those that hold nothing and the memory that readers share."""
    files = (file for file in directory.iterdir() if not file.name.endswith("-shm"))
    return {file.name: held for file in files if (held := file.read_bytes())}


async def reads_only(path: Path, before: dict[str, bytes]) -> None:
    reader = database(path, read_only=True)
    await reader.open()
    try:
        assert await reader.read(words) == ["lamp"]
        with pytest.raises(RuntimeError, match="reading only"):
            await reader.write(insert("stair"))
    finally:
        await reader.close()
    assert bytes_in(path.parent) == before


async def test_read_only_leaves_the_files_as_they_were(path: Path) -> None:
    """A file opened for reading only is read, and stays as it was byte for byte: at rest, and beside its writer."""
    writer = database(path)
    await writer.open()
    await writer.write(insert("lamp"))
    await reads_only(path, bytes_in(path.parent))
    await writer.close()
    assert files_in(path.parent) == [path.name]
    await reads_only(path, bytes_in(path.parent))
    assert files_in(path.parent) == [path.name]


async def test_read_only_where_nothing_can_be_written(path: Path) -> None:
    """A directory that takes no shared memory, as one that is not writable, is enough where there is no WAL."""
    writer = database(path)
    await writer.open()
    await writer.write(insert("lamp"))
    await writer.close()
    path.with_name(f"{path.name}-shm").mkdir()
    await reads_only(path, bytes_in(path.parent))


async def test_read_only_neither_creates_nor_migrates(path: Path) -> None:
    """A missing file and one of another version are refused, with what to do, and stay as they are."""
    with pytest.raises(InvalidSetting, match="does not exist"):
        await database(path, read_only=True).open()
    assert not path.parent.exists()
    old = database(path)
    await old.open()
    await old.close()
    with pytest.raises(InvalidSetting, match=r"version 1; this qdpi reads version 2.*migrates it"):
        await database(path, version=2, read_only=True).open()
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (1,)


async def test_failing_work_is_rolled_back_alone(db: Database) -> None:
    """Only the failing work is rolled back, and its caller gets the error."""

    def fail_halfway(connection: sqlite3.Connection) -> None:
        insert("half")(connection)
        raise ValueError("of the work's own")

    results = await queued_together(
        db, insert("one"), fail_halfway, insert("one"), lambda c: next(iter(())), insert("two")
    )
    assert results[0] == 1
    assert isinstance(results[1], ValueError)
    assert isinstance(results[2], sqlite3.IntegrityError)
    assert isinstance(results[3], RuntimeError)
    assert await db.read(words) == ["one", "two"]


async def test_queued_jobs_share_one_commit(db: Database) -> None:
    statements: list[str] = []
    await db.write(lambda c: c.set_trace_callback(statements.append))
    await queued_together(db, *(insert(str(n)) for n in range(50)))
    await db.write(lambda c: c.set_trace_callback(None))
    inserts = [n for n, statement in enumerate(statements) if statement.startswith("INSERT")]
    assert len(inserts) == 50
    assert "COMMIT" not in statements[inserts[0] : inserts[-1]]


async def test_only_durable_batches_are_synced(db: Database) -> None:
    def synchronous(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA synchronous").fetchone()[0])

    full, normal = 2, 1
    assert await db.write(synchronous) == full
    assert await db.write(synchronous, durable=False) == normal
    gate = Gate()
    first = asyncio.create_task(db.write(gate, durable=False))
    await gate.entered.wait()
    together = [asyncio.create_task(db.write(synchronous, durable=durable)) for durable in (False, True)]
    await asyncio.sleep(0)
    gate.open()
    assert await asyncio.gather(*together) == [full, full]
    await first


async def test_work_of_a_cancelled_caller_runs(db: Database) -> None:
    gate = Gate()
    first = asyncio.create_task(db.write(gate))
    await gate.entered.wait()
    second = asyncio.create_task(db.write(insert("kept")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.open()
    await first
    await db.write(insert("after"))
    assert await db.read(words) == ["kept", "after"]


async def test_writes_block_neither_loop_nor_reads(db: Database) -> None:
    gate = Gate()
    writing = asyncio.create_task(db.write(gate))
    await gate.entered.wait()
    assert await db.read(words) == []
    assert not writing.done()
    gate.open()
    await writing


async def test_close_finishes_accepted_work(path: Path) -> None:
    """Closing finishes accepted work and refuses callers that still wait for room."""
    db = database(path, max_pending=2)
    await db.open()
    gate = Gate()
    first = asyncio.create_task(db.write(gate))
    await gate.entered.wait()
    accepted = asyncio.create_task(db.write(insert("accepted")))
    without_room = asyncio.create_task(db.write(insert("without room")))
    await asyncio.sleep(0)
    closing = asyncio.create_task(db.close())
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, accepted, closing)
    with pytest.raises(StoreUnavailable, match="is not open"):
        await without_room
    with pytest.raises(StoreUnavailable, match="is not open"):
        await db.write(insert("too late"))
    await db.open()
    assert await db.read(words) == ["accepted"]
    await db.close()


async def test_write_waits_for_room(path: Path) -> None:
    db = database(path, max_pending=2)
    await db.open()
    await asyncio.gather(*(db.write(insert(str(n))) for n in range(20)))
    assert sorted(await db.read(words), key=int) == [str(n) for n in range(20)]
    await db.close()


async def test_close_ends_all_threads(path: Path) -> None:
    db = database(path)
    await db.open()
    running = {thread.name for thread in threading.enumerate()}
    assert f"{path.name}-write" in running
    await db.write(insert("one"))
    await db.close()
    left = {thread.name for thread in threading.enumerate() if thread.name.startswith(path.name)}
    assert left == set()


async def test_read_sees_one_snapshot(db: Database) -> None:
    await db.write(insert("one"))
    between, counted = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def count_twice(connection: sqlite3.Connection) -> tuple[int, int]:
        first = len(words(connection))
        loop.call_soon_threadsafe(counted.set)
        between.wait()
        return first, len(words(connection))

    reading = asyncio.create_task(db.read(count_twice))
    await counted.wait()
    await db.write(insert("two"))
    between.set()
    assert await reading == (1, 1)
    assert await db.read(words) == ["one", "two"]


async def test_read_cannot_write(db: Database) -> None:
    with pytest.raises(StoreUnavailable, match="readonly"):
        await db.read(insert("no"))
    assert await db.read(words) == []


async def test_wrong_statement_is_no_outage(db: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await db.read(lambda c: c.execute("SELECT * FROM nowhere"))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await db.write(lambda c: c.execute("DELETE FROM nowhere"))


async def test_locked_file_is_unavailable_until_released(db: Database, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"database is locked\. Another process holds it"):
        await db.write(insert("refused"))
    other.execute("ROLLBACK")
    other.close()
    await db.write(insert("taken"))
    assert await db.read(words) == ["taken"]


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let writes past `size` fail in the whole process, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_failed_write_fails_its_whole_batch(db: Database, path: Path) -> None:
    """Nothing is half-written, and the next write succeeds."""
    await db.write(insert("before"))
    with no_file_larger_than(256 << 10):
        results = await queued_together(db, insert("small"), insert("large" * 200_000), insert("other"))
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert len({id(result) for result in results}) == 3
    await db.write(insert("after"))
    assert await db.read(words) == ["before", "after"]
    assert await db.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"


async def test_ping_after_a_failed_write(db: Database) -> None:
    """A ping fails until the disk accepts writes again."""
    await db.write(insert("before"))
    with no_file_larger_than(0):
        await db.ping()  # no write has failed yet
        with pytest.raises(StoreUnavailable):
            await db.write(insert("lost"))
        with pytest.raises(StoreUnavailable):
            await db.ping()
    version = await db.data_version()
    await db.ping()
    assert await db.data_version() != version, "the ping after a failed write is a write"
    version = await db.data_version()
    await db.ping()
    assert await db.data_version() == version, "the ping after that is not"
    assert await db.read(words) == ["before"]


async def test_full_disk_is_reported_and_rolled_back(db: Database) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 8")
        insert("large" * 200_000)(connection)

    results = await queued_together(db, insert("small"), fill)
    assert all("is full. Free some space" in str(result) for result in results)
    await db.write(insert("after"))
    assert await db.read(words) == ["after"]


async def test_data_version_changes_with_every_commit(db: Database, path: Path) -> None:
    first = await db.data_version()
    assert await db.data_version() == first
    await db.write(insert("here"), durable=False)
    second = await db.data_version()
    assert second != first
    other = database(path)
    await other.open()
    await other.write(insert("elsewhere"))
    await other.close()
    assert await db.data_version() != second


async def read_without_a_gap(db: Database, enough: asyncio.Event) -> None:
    """Read continuously: each read begins before the previous one ends."""
    loop = asyncio.get_running_loop()

    def begin() -> tuple[asyncio.Task[None], asyncio.Event, threading.Event]:
        begun, end = asyncio.Event(), threading.Event()

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("SELECT count(*) FROM words").fetchone()
            loop.call_soon_threadsafe(begun.set)
            end.wait()

        return asyncio.create_task(db.read(work)), begun, end

    reading, _, end = begin()
    while not enough.is_set():
        later, begun, later_end = begin()
        await begun.wait()
        end.set()
        await reading
        reading, end = later, later_end
    end.set()
    await reading


@pytest.mark.slow
async def test_wal_stays_bounded_under_constant_reads(path: Path) -> None:
    bound = 1 << 20
    db = database(path, wal_bound=bound)
    await db.open()
    enough = asyncio.Event()
    reading = asyncio.create_task(read_without_a_gap(db, enough))
    largest = 0
    for n in range(40):
        await db.write(insert(f"{n} " + "x" * bound), durable=False)
        largest = max(largest, wal_bytes(path))
    enough.set()
    await reading
    await db.close()
    assert bound < largest < 10 * bound


COMMIT_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from qdpi.errors import StoreUnavailable
from qdpi.sqlite import Database

async def main() -> None:
    db = Database(Path(sys.argv[1]), sys.argv[2], unavailable=StoreUnavailable)
    await db.open()
    async def write(start: int) -> None:
        for n in range(start, 10**9, 8):
            await db.write(lambda c: c.execute("INSERT INTO words (word) VALUES (?)", (str(n),)) and None)
            print(n, flush=True)
    await asyncio.gather(*(write(start) for start in range(8)))

asyncio.run(main())
"""


@pytest.mark.process
def test_acknowledged_writes_survive_a_kill(path: Path) -> None:
    command = [sys.executable, "-c", COMMIT_UNTIL_KILLED, str(path), SCHEMA]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(200)]
        process.kill()
        acknowledged += process.stdout.readlines()
    whole = {line.strip() for line in acknowledged if line.endswith("\n")}
    assert len(whole) >= 200
    assert whole <= set(asyncio.run(all_words(path)))


async def all_words(path: Path) -> list[str]:
    db = database(path)
    await db.open()
    kept = await db.read(words)
    await db.close()
    return kept
