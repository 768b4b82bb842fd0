"""Ingests into Cassandra against plain inserts of the same rows, and of a book of 71,000 pages: time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import book_in
from benchmarks.synthetic import write_book

LARGE = 71_000


def measure(environment: dict[str, str] | None) -> None:
    """Print what ingests take on the embedded store, and on Cassandra where an environment of it is given."""
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-") as name:
        folder = Path(name)
        small = book_in(folder)
        if environment is not None:
            _ingest("710 pages, Cassandra", small, environment | _own("small", folder))
        for pages in (LARGE // 4, LARGE // 2, LARGE):
            large = folder / str(pages)
            large.mkdir()
            book = write_book(large, pages)
            _ingest(f"{pages} pages, embedded", book, _own("embedded", large))
            if environment is not None:
                _ingest(f"{pages} pages, Cassandra", book, environment | _own(f"large_{pages}", large))


def _own(name: str, folder: Path) -> dict[str, str]:
    return {"QDPI_DATA_DIR": str(folder / f"data-{name}"), "CASSANDRA_KEYSPACE": f"bench_{name}"}


def _ingest(what: str, book: Path, environment: dict[str, str]) -> None:
    began = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.peak", "ingest-canon", str(book), "--json"]
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, env=os.environ | environment)
    told, peak = done.stdout.strip().rsplit("\n", 1)
    print(f"ingest, {what}: {time.perf_counter() - began:.1f} s, {peak} MB at most; {json.loads(told)}", flush=True)
