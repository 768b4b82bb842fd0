"""The measurements of the documentation: `make bench`. Figures are printed, nothing is asserted on time.

The author's canon is read where QDPI_CANON names it or where it lies beside the checkout; else a synthetic
book of the same size. Every figure comes from this machine and this run: compare within one run.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.synthetic import write_book

PRESSES = 200
JOURNEYS, EACH = 32, 12


def main() -> None:
    """Measure, and print a line for each figure."""
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-") as folder:
        book = _book(Path(folder))
        data = Path(folder) / "data"
        print(f"book: {'synthetic' if folder in str(book) else 'the author’s canon'}; python {sys.version.split()[0]}")
        _ingest(book, data)
        asyncio.run(_retrieval(book))
        with _server(data) as (url, pid, cold):
            print(f"cold start to the first answered request: {cold:.2f} s")
            print(f"memory at rest: {_resident(pid):.0f} MB")
            asyncio.run(_presses(url))
            print(f"memory after the presses: {_resident(pid):.0f} MB")


def _book(folder: Path) -> Path:
    canon = Path(os.environ.get("QDPI_CANON") or Path(__file__).resolve().parents[2] / "shared" / "canon")
    return canon if canon.is_dir() else write_book(folder)


def _ingest(book: Path, data: Path) -> None:
    for turn in ("first", "again"):
        began = time.perf_counter()
        done = _qdpi("ingest-canon", str(book), "--json", data=data)
        told = json.loads(done.stdout)
        print(f"ingest, {turn}: {time.perf_counter() - began:.2f} s in all; {json.dumps(told)}")


async def _retrieval(book: Path) -> None:
    from qdpi.canon import read_book
    from qdpi.editing import edition_of

    began = time.perf_counter()
    edition = edition_of(read_book(book))
    print(f"edition in memory: {time.perf_counter() - began:.2f} s for {len(edition.pages)} pages")
    queries = [page.signals.motifs for page in list(edition.pages.values())[::7]]
    times = []
    for motifs in queries:
        began = time.perf_counter()
        edition.retriever.search(" ".join(motifs), 5)
        times.append(time.perf_counter() - began)
    print(f"retrieval: {_summary(times)} a query of 12 words over {len(edition.pages)} pages")


async def _presses(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        pages = [page["page_id"] for page in (await client.get("/api/v1/canon")).json()["ring"]]
        await _journey(client, "warm", pages[:8])
        alone = await _journey(client, "alone", [pages[i * 3 % len(pages)] for i in range(PRESSES)])
        print(f"press to done over HTTP and SSE, one journey, offline writer: {_summary(alone)}")
        began = time.perf_counter()
        many = await asyncio.gather(
            *(
                _journey(client, f"many-{n}", [pages[(n * 31 + i) % len(pages)] for i in range(EACH)])
                for n in range(JOURNEYS)
            )
        )
        rate = JOURNEYS * EACH / (time.perf_counter() - began)
        print(f"{JOURNEYS} journeys at once: {rate:.0f} pages a second; {_summary([t for ts in many for t in ts])}")


async def _journey(client: httpx.AsyncClient, session: str, pages: list[str]) -> list[float]:
    times = []
    async with client.stream("GET", "/api/v1/event/stream", params={"session_id": session, "after": 0}) as stream:
        lines = stream.aiter_lines()
        for number, page in enumerate(pages):
            began = time.perf_counter()
            body = {"session_id": session, "symbol_code": number % 256, "page_id": page}
            told = (await client.post("/api/v1/event/ui/symbol", json=body)).raise_for_status().json()
            await _until_told(lines, told["event_id"])
            times.append(time.perf_counter() - began)
    return times


async def _until_told(lines: Any, event_id: str) -> None:
    name = ""
    async for line in lines:
        if line.startswith("event:"):
            name = line.partition(":")[2].strip()
        ended = line.startswith("data:") and name in {"generate.page.done", "generate.page.failed"}
        if ended and json.loads(line.partition(":")[2])["press_id"] == event_id:
            return


@contextmanager
def _server(data: Path) -> Iterator[tuple[str, int, float]]:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "qdpi", "run", "--port", str(port), "--data-dir", str(data), "--model", "offline"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        body = {"session_id": "cold", "client_request_id": "cold"}
        while not _answers(url, body):
            time.sleep(0.01)
        yield url, process.pid, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str, body: dict[str, str]) -> bool:
    try:
        return httpx.post(f"{url}/api/v1/pipeline/run/symbol/0", json=body, timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def _qdpi(*words: str, data: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qdpi", *words, "--data-dir", str(data)]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def _summary(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"p50 {statistics.median(ordered) * 1000:.2f} ms, p95 {p95 * 1000:.2f} ms (n={len(ordered)})"


if __name__ == "__main__":
    main()
