"""Time and memory of ingests: into Cassandra against plain inserts of the same rows, and of large books."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cassandra.cluster import Cluster, Session
from cassandra.concurrent import execute_concurrent_with_args

from benchmarks.harness import book_in
from benchmarks.synthetic import write_book

LARGE = 71_000
CONCURRENCY = 32
SMALL, PLAIN = "bench_small", "bench_plain"


def measure(environment: dict[str, str] | None) -> None:
    """Print the figures of the embedded store, and those of Cassandra if `environment` is given."""
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-") as name:
        folder = Path(name)
        small = book_in(folder)
        if environment is not None:
            for turn in (1, 2):
                own = environment | _own(f"{SMALL}_{turn}", folder)
                _ingest(f"710 pages, Cassandra, time {turn}", small, own)
                plain = own | {"CASSANDRA_KEYSPACE": f"{PLAIN}_{turn}"}
                subprocess.run([sys.executable, "-m", "qdpi", "cassandra-init"], check=True, env=os.environ | plain)
                _insert_plainly(own, plain)
        for pages in (LARGE // 4, LARGE):
            large = folder / str(pages)
            large.mkdir()
            book = write_book(large, pages)
            _ingest(f"{pages} pages, embedded", book, _own("embedded", large))
            if environment is not None:
                _ingest(f"{pages} pages, Cassandra", book, environment | _own(f"bench_{pages}", large))


def _own(keyspace: str, folder: Path) -> dict[str, str]:
    return {"QDPI_DATA_DIR": str(folder / f"data-{keyspace}"), "CASSANDRA_KEYSPACE": keyspace}


def _ingest(what: str, book: Path, environment: dict[str, str]) -> None:
    began = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.peak", "ingest-canon", str(book), "--json"]
    done = subprocess.run(command, check=False, text=True, capture_output=True, env=os.environ | environment)
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    result, peak = done.stdout.strip().rsplit("\n", 1)
    seconds = json.loads(result)["seconds"]
    whole = time.perf_counter() - began
    print(f"ingest, {what}: {whole:.1f} s, {seconds} s of it ingesting; {peak} MB at most", flush=True)


def _insert_plainly(there: dict[str, str], here: dict[str, str]) -> None:
    """Copy every row of a keyspace to another with plain INSERTs, `CONCURRENCY` at a time; print the time."""
    host, _, port = there["CASSANDRA_HOSTS"].partition(",")[0].partition(":")
    cluster = Cluster([host], port=int(port or 9042), protocol_version=5)
    try:
        session = cluster.connect()
        source, target = there["CASSANDRA_KEYSPACE"], here["CASSANDRA_KEYSPACE"]
        tables = {name: _rows(session, f"{source}.{name}") for name in cluster.metadata.keyspaces[source].tables}
        inserts = {name: _insert_of(session, f"{target}.{name}", rows[0]) for name, rows in tables.items() if rows}
        began = time.perf_counter()
        for name, insert in inserts.items():
            execute_concurrent_with_args(session, insert, tables[name], concurrency=CONCURRENCY)
        taken = time.perf_counter() - began
    finally:
        cluster.shutdown()
    rows = sum(map(len, tables.values()))
    print(f"plain inserts of the same {rows} rows, {CONCURRENCY} at a time: {taken:.1f} s", flush=True)


def _rows(session: Session, table: str) -> list[Any]:
    return list(session.execute(f"SELECT * FROM {table}"))


def _insert_of(session: Session, table: str, row: Any) -> Any:
    columns = row._fields
    return session.prepare(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})")
