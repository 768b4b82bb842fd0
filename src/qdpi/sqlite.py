"""A SQLite file used from one event loop: one writer thread with group commit, a few reader threads.

A durable write returns after its commit was fsynced. Queued jobs are committed together, so concurrent durable writes
share one fsync; a lazy write does not wait for the disk, and the next durable one makes it durable too (WAL,
https://www.sqlite.org/wal.html). Any number of processes may open the same file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from qdpi.errors import InvalidSetting, Unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

READERS: Final = 2
_NO_MIGRATIONS: Final[Mapping[int, Callable[[sqlite3.Connection], None]]] = {}
MAX_BATCH: Final = 1_000
"""Jobs in one transaction, so that none waits long behind many."""
CHECKPOINT_TIMEOUT: Final = 0.25
"""Seconds that the writer waits for readers before it gives up truncating the WAL."""

_NEXT_STEPS: Final = {
    sqlite3.SQLITE_FULL: "Free some space on its disk; nothing was half-written, and writes continue by themselves.",
    sqlite3.SQLITE_BUSY: "Another process holds its lock: end that one if it hangs; writes continue by themselves.",
    sqlite3.SQLITE_LOCKED: "Another process holds its lock: end that one if it hangs; writes continue by themselves.",
    sqlite3.SQLITE_READONLY: "Make the file and its directory writable for this user.",
    sqlite3.SQLITE_PERM: "Make the file and its directory writable for this user.",
    sqlite3.SQLITE_CANTOPEN: "Check that its directory exists and is writable.",
    sqlite3.SQLITE_IOERR: "Check its disk; qdpi retries by itself.",
    sqlite3.SQLITE_NOMEM: "Free some memory; qdpi retries by itself.",
    sqlite3.SQLITE_CORRUPT: "Restore the file from a copy, or move it away to start empty.",
    sqlite3.SQLITE_NOTADB: "Move the file away, or give another QDPI_DATA_DIR.",
}
"""SQLite's primary result codes of an unusable file, as opposed to those of a wrong statement."""
_NOT_WRITABLE: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""Those of a WAL's shared memory that cannot be made."""


@dataclass(slots=True, eq=False)
class _Job:
    """A unit of work, the future of its caller, and its result or error."""

    work: Work[Any]
    durable: bool
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        """Run the work and store its result."""
        try:
            self.result = self.work(connection)
        except StopIteration as error:  # a future cannot hold it
            raise RuntimeError("The work raised StopIteration.") from error


class _Inbox:
    """A bounded queue of jobs from the event loop to threads, and of their results back."""

    def __init__(self, limit: int, threads: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(limit)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = threads
        self._ended = False

    async def submit(self, work: Work[Any], refusal: Callable[[], Exception], *, durable: bool) -> Any:
        """Return the result of the work. The work of a cancelled caller still runs."""
        await self._room.acquire()
        if self._ended:
            self._room.release()
            raise refusal()
        job = _Job(work, durable, self._loop.create_future())
        self._jobs.put(job)
        return await job.future

    def end(self) -> None:
        """Refuse further jobs; the threads end after the queued ones."""
        self._ended = True
        for _ in range(self._threads):
            self._jobs.put(None)

    def take(self) -> _Job | None:
        """Return the next job, None at the end. Blocks."""
        return self._jobs.get()

    def take_queued(self, limit: int) -> Iterator[_Job]:
        """Yield the jobs queued already, at most `limit`."""
        for _ in range(limit):
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if job is None:
                self._jobs.put(None)
                return
            yield job

    def settle(self, jobs: Sequence[_Job]) -> None:
        """Complete the callers' futures. Called from a thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and no caller waits any more
            self._loop.call_soon_threadsafe(self._set_results, jobs)

    def _set_results(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            self._room.release()
            if job.future.done():
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)


@dataclass(frozen=True, slots=True)
class _Running:
    """The queues and threads of an open database."""

    writes: _Inbox
    reads: _Inbox
    watch: _Inbox
    threads: tuple[threading.Thread, ...]


class Database:
    """A SQLite file in WAL mode, for the event loop that opened it.

    `schema` is a script of `CREATE … IF NOT EXISTS`; `version` is stored in `PRAGMA user_version`. A file of an older
    version gets the schema and then, in the same transaction, the `migrations` of the versions since. `unavailable`
    is raised, with its cause and the next step, while the file cannot be used: locked by another process for
    longer than `busy_timeout` seconds, a full disk, an I/O error. The next call retries.
    With `read_only` the file must exist, nothing of it is written, and a file of an older version is refused.
    The WAL is kept to about `wal_bound` bytes, except during a long read of one snapshot.
    Work runs on the threads, never on the loop: it must not touch objects of the loop, nor return objects of the
    connection (a cursor).
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        *,
        unavailable: type[Unavailable],
        max_pending: int = 10_000,
        version: int = 1,
        migrations: Mapping[int, Callable[[sqlite3.Connection], None]] = _NO_MIGRATIONS,
        busy_timeout: float = 5.0,
        wal_bound: int = 32 << 20,
        read_only: bool = False,
    ) -> None:
        self.path = path
        self._schema = schema
        self._version = version
        self._migrations = migrations
        self._unavailable = unavailable
        self._max_pending = max_pending
        self._busy_timeout = busy_timeout
        self._wal_bound = wal_bound
        self._read_only = read_only
        self._query = "mode=ro"
        self._leaves_wal = False
        self._running: _Running | None = None
        self._write_failed = False

    async def open(self) -> None:
        """Create the directory and the file, apply the schema, start the threads. Idempotent.

        Raises `InvalidSetting` where the file is of a newer version or not a database; read-only, also where it is
        missing or of an older version.
        """
        if self._running is not None:
            return
        await asyncio.to_thread(self._examine if self._read_only else self._prepare)
        writes = _Inbox(self._max_pending, 1)
        reads = _Inbox(self._max_pending, READERS)
        watch = _Inbox(self._max_pending, 1)
        threads = (
            *(() if self._read_only else (self._thread("write", self._serve_writes, writes),)),
            *(self._thread(f"read-{n}", self._serve_reads, reads) for n in range(READERS)),
            self._thread("watch", self._serve_reads, watch),
        )
        self._running = _Running(writes, reads, watch, threads)

    async def close(self) -> None:
        """Finish what was accepted, then let go of threads and connections. Idempotent."""
        running, self._running = self._running, None
        if running is None:
            return
        for inbox in (running.reads, running.watch, running.writes):
            inbox.end()
        # The writer last: the last connection to close removes the WAL, which a read-only one may not.
        for thread in reversed(running.threads):
            await asyncio.to_thread(thread.join)
        if not self._leaves_wal:
            await asyncio.to_thread(self._connect_and_close)

    async def write(self, work: Work[T], *, durable: bool = True) -> T:
        """Run work in a transaction and return its result after the commit.

        The work has a savepoint of its own: if it raises, it alone is rolled back, and its caller gets the error.
        It must not begin or end transactions. Waits while `max_pending` jobs are queued. The work of a cancelled
        caller still runs. Raises the `unavailable` error, and `RuntimeError` where the file is open for reading only.
        """
        if self._read_only:
            raise RuntimeError(f"{self.path} is open for reading only.")
        result: T = await self._open().writes.submit(work, self._closed, durable=durable)
        return result

    async def settle(self) -> None:
        """Return when every write before this call, lazy ones included, survives a power failure.

        Raises the `unavailable` error.
        """
        try:
            await asyncio.to_thread(_sync, self._wal)
        except OSError as error:
            raise self._unavailable(f"{self.path} cannot be synced to its disk: {error.strerror}.") from error

    async def read(self, work: Work[T]) -> T:
        """Run work on a read-only connection, in one snapshot. Raises the `unavailable` error."""
        result: T = await self._open().reads.submit(work, self._closed, durable=False)
        return result

    async def ping(self) -> None:
        """Return when the file can be read and, after a failed write, be written again.

        Writes only after a failed write. Raises the `unavailable` error.
        """
        await self.read(lambda connection: connection.execute("SELECT count(*) FROM sqlite_schema").fetchone())
        if self._write_failed:
            await self.write(self._rewrite_version, durable=False)
            self._write_failed = False

    async def data_version(self) -> int:
        """Return a number that differs from the previous one if any process committed in between.

        Comparable only with another one of the same opened `Database`.
        """
        version: int = await self._open().watch.submit(_data_version, self._closed, durable=False)
        return version

    def _open(self) -> _Running:
        if self._running is None:
            raise self._closed()
        return self._running

    def _closed(self) -> Unavailable:
        return self._unavailable(f"{self.path} is not open.", next_step="Open it first.")

    def _thread(self, name: str, serve: Callable[[_Inbox], None], inbox: _Inbox) -> threading.Thread:
        # A daemon, so that a process can exit without closing the database.
        thread = threading.Thread(target=serve, args=(inbox,), name=f"{self.path.name}-{name}", daemon=True)
        thread.start()
        return thread

    # connections

    def _connect(self, *, writable: bool) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?{'mode=rwc' if writable else self._query}"
        connection = sqlite3.connect(uri, uri=True, timeout=self._busy_timeout, isolation_level=None)
        if writable:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {self._wal_bound}")
            connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _prepare(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create_for_its_owner(self.path)
            with contextlib.closing(self._connect(writable=True)) as connection:
                self._enter_wal(connection)
                self._apply_schema(connection)
        except (sqlite3.Error, OSError) as error:
            raise self._translate(error) from error

    def _examine(self) -> None:
        """Check that the file can be read as it is, without writing anything of it."""
        if not self.path.is_file():
            raise InvalidSetting(
                f"{self.path} does not exist.", next_step="Give the QDPI_DATA_DIR of an existing store."
            )
        # A WAL that is here is another process's, or waits for the next writer to recover it.
        self._leaves_wal = self._wal.exists()
        try:
            found = self._read_version()
        except sqlite3.Error as error:
            raise self._translate(error) from error
        if found > self._version:
            raise self._newer(found)
        if found < self._version:
            raise InvalidSetting(
                f"{self.path} has schema version {found}; this qdpi reads version {self._version}.",
                next_step="Start `qdpi run` on it once, which migrates it.",
            )

    def _read_version(self) -> int:
        """Return the file's version, and find out how the file is opened.

        A reader of a WAL makes a file of shared memory. Where the directory takes none and there is no WAL to be read,
        nobody writes to the file either, and it is opened as one that does not change.
        """
        try:
            with contextlib.closing(self._connect(writable=False)) as connection:
                return _stored_version(connection)
        except sqlite3.OperationalError as error:
            if _primary_code(error) not in _NOT_WRITABLE or self._leaves_wal:
                raise
        self._query = "mode=ro&immutable=1"
        with contextlib.closing(self._connect(writable=False)) as connection:
            return _stored_version(connection)

    def _enter_wal(self, connection: sqlite3.Connection) -> None:
        # When two processes create the file concurrently, SQLite does not wait for this lock.
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def _apply_schema(self, connection: sqlite3.Connection) -> None:
        found = _stored_version(connection)
        if found > self._version:
            raise self._newer(found)
        if found < self._version:
            # Closing the connection rolls back what a failure has left open.
            connection.executescript(f"BEGIN IMMEDIATE; {self._schema}\n;")
            self._migrate(connection)
            connection.execute("COMMIT")

    def _newer(self, found: int) -> InvalidSetting:
        return InvalidSetting(
            f"{self.path} has schema version {found}; this qdpi knows versions up to {self._version}.",
            next_step="Upgrade qdpi, or give another QDPI_DATA_DIR.",
        )

    def _migrate(self, connection: sqlite3.Connection) -> None:
        # Read again: another process may have migrated the file before the transaction began.
        found = _stored_version(connection)
        for version in sorted(self._migrations):
            if 0 < found < version:  # a new file has nothing to migrate
                self._migrations[version](connection)
        connection.execute(f"PRAGMA user_version = {max(found, self._version)}")

    def _rewrite_version(self, connection: sqlite3.Connection) -> None:
        # The smallest possible write: the same version, into the file's first page.
        connection.execute(f"PRAGMA user_version = {self._version}")

    def _connect_and_close(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # This only cleans up, and so does the next opening.
            self._connect(writable=True).close()

    # the writer thread

    def _serve_writes(self, inbox: _Inbox) -> None:
        connection: sqlite3.Connection | None = None
        wal_limit = self._wal_bound
        while (first := inbox.take()) is not None:
            batch = [first, *inbox.take_queued(MAX_BATCH - 1)]
            try:
                connection = connection or self._connect(writable=True)
                _commit(connection, batch)
            except sqlite3.Error as error:
                for job in batch:
                    job.error = self._translate(error)
                self._write_failed = True
                _close(connection)
                connection = None
            inbox.settle(batch)
            if connection is not None and (size := self._wal_bytes()) > wal_limit:
                wal_limit = self._wal_bound + (0 if self._truncate_wal(connection) else size)
        _close(connection)

    @property
    def _wal(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    def _wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0

    def _truncate_wal(self, connection: sqlite3.Connection) -> bool:
        """Checkpoint and truncate the WAL; return whether no reader prevented it.

        SQLite's own checkpoints, every 1,000 pages, never complete while there is always a reader:
        https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files.
        """
        connection.execute(f"PRAGMA busy_timeout = {round(CHECKPOINT_TIMEOUT * 1_000)}")
        try:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error:  # nothing is lost, and the next commit raises the same error
            return False
        finally:
            connection.execute(f"PRAGMA busy_timeout = {round(self._busy_timeout * 1_000)}")
        return not busy

    # the reader threads

    def _serve_reads(self, inbox: _Inbox) -> None:
        connection: sqlite3.Connection | None = None
        while (job := inbox.take()) is not None:
            try:
                connection = connection or self._connect(writable=False)
                _run_in_snapshot(connection, job)
            except sqlite3.Error as error:
                job.error = self._translate(error)
                _close(connection)
                connection = None
            inbox.settle((job,))
        _close(connection)

    def _translate(self, error: sqlite3.Error | OSError) -> Exception:
        if isinstance(error, OSError):
            return self._unavailable(
                f"{self.path} cannot be created: {error.strerror}.",
                next_step="Give a QDPI_DATA_DIR that this user may write to.",
            )
        code = _primary_code(error)
        if code == sqlite3.SQLITE_NOTADB:
            return InvalidSetting(f"{self.path} is not a database.", next_step=_NEXT_STEPS[code])
        return self._unavailable(f"{self.path} cannot be used: {error}.", next_step=_NEXT_STEPS.get(code))


def _create_for_its_owner(path: Path) -> None:
    """Create a file that is missing, for its owner alone; SQLite gives the files beside it the same mode."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _stored_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _primary_code(error: BaseException) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _is_outage(error: BaseException) -> bool:
    return isinstance(error, sqlite3.Error) and _primary_code(error) in _NEXT_STEPS


def _data_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _close(connection: sqlite3.Connection | None) -> None:
    """Close a connection, if there is one, rolling back its open transaction."""
    if connection is not None:
        connection.close()


def _commit(connection: sqlite3.Connection, batch: Sequence[_Job]) -> None:
    """Run jobs in one transaction. Raises `sqlite3.Error` where the transaction failed as a whole."""
    durable = any(job.durable for job in batch)
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("BEGIN IMMEDIATE")
    for job in batch:
        _run_in_savepoint(connection, job)
    connection.execute("COMMIT")


def _run_in_savepoint(connection: sqlite3.Connection, job: _Job) -> None:
    connection.execute("SAVEPOINT work")
    if not _try(connection, job):
        connection.execute("ROLLBACK TO work")
    connection.execute("RELEASE work")


def _try(connection: sqlite3.Connection, job: _Job) -> bool:
    """Run a job and return whether it succeeded; an error is stored in it. Raises `sqlite3.Error` for an outage."""
    try:
        job.run(connection)
    except Exception as error:
        if _is_outage(error):
            raise
        job.error = error
        return False
    return True


def _run_in_snapshot(connection: sqlite3.Connection, job: _Job) -> None:
    """Run a job in one snapshot. Raises `sqlite3.Error` where the file cannot be read."""
    connection.execute("BEGIN")
    _try(connection, job)
    connection.execute("COMMIT")


def _sync(wal: Path) -> None:
    # Without a WAL, a checkpoint has copied it all into the file and synced that.
    try:
        descriptor = os.open(wal, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
