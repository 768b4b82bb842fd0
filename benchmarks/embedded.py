"""The embedded product, without servers: ingest, retrieval, cold start, memory, and press to done."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.harness import book_in, free_port, presses, process, resident, summary


def measure() -> None:
    """Print the figures of the embedded product."""
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-") as folder:
        book, data = book_in(Path(folder)), Path(folder) / "data"
        print(f"book: {'synthetic' if folder in str(book) else 'the author’s canon'}; python {sys.version.split()[0]}")
        _ingest(book, data)
        asyncio.run(_retrieval(book))
        _served(data)


def _ingest(book: Path, data: Path) -> None:
    for turn in ("first", "again"):
        began = time.perf_counter()
        command = [sys.executable, "-m", "qdpi", "ingest-canon", str(book), "--json", "--data-dir", str(data)]
        done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
        result = json.dumps(json.loads(done.stdout))
        print(f"ingest, {turn}: {time.perf_counter() - began:.2f} s in all; {result}", flush=True)


async def _retrieval(book: Path) -> None:
    from qdpi.canon import read_book
    from qdpi.canon.revision import edition_of

    began = time.perf_counter()
    edition = edition_of(read_book(book))
    print(f"edition in memory: {time.perf_counter() - began:.2f} s for {len(edition.pages)} pages")
    queries = [page.signals.motifs for page in list(edition.pages.values())[::7]]
    times = []
    for motifs in queries:
        began = time.perf_counter()
        edition.retriever.search(" ".join(motifs), 5)
        times.append(time.perf_counter() - began)
    print(f"retrieval: {summary(times)} a query of 12 words over {len(edition.pages)} pages", flush=True)


def _served(data: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"QDPI_PORT": str(port), "QDPI_DATA_DIR": str(data), "QDPI_MODEL": "offline"}
    began = time.perf_counter()
    with process("qdpi", "run", environment=environment | {"QDPI_LOG_LEVEL": "error"}) as pid:
        while not _answers(url):
            time.sleep(0.01)
        print(f"cold start to the first answered request: {time.perf_counter() - began:.2f} s")
        print(f"memory at rest: {resident(pid):.0f} MB", flush=True)
        pages = [page["page_id"] for page in httpx.get(f"{url}/api/v1/canon", timeout=60).json()["ring"]]
        asyncio.run(presses(url, "press to done over HTTP and SSE, offline writer", pages))
        print(f"memory after the presses: {resident(pid):.0f} MB", flush=True)


def _answers(url: str) -> bool:
    body = {"session_id": "cold", "client_request_id": "cold"}
    try:
        return httpx.post(f"{url}/api/v1/pipeline/run/symbol/0", json=body, timeout=30).status_code == 200
    except httpx.TransportError:
        return False
