"""Shared by the benchmarks: a client that presses over HTTP and waits on SSE, processes, and summaries."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.synthetic import write_book

PRESSES = 200
JOURNEYS, EACH = 32, 12
END_EVENTS = {"generate.page.done", "generate.page.failed"}


def book_in(folder: Path) -> Path:
    """Return the path of the author's canon if it exists, else that of a synthetic book of its size."""
    canon = Path(os.environ.get("QDPI_CANON") or Path(__file__).resolve().parents[2] / "shared" / "canon")
    return canon if canon.is_dir() else write_book(folder)


async def presses(
    url: str, what: str, pages: Sequence[str], *, alone: int = PRESSES, each: int = EACH, warm: int = 8
) -> list[float]:
    """Press in one journey, then in `JOURNEYS` at once; print both, and return the times of the one (seconds).

    `warm` presses come first and are not counted. All journeys are new.
    """
    run = uuid.uuid4().hex[:8]
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        await journey(client, f"warm-{run}", [pages[i % len(pages)] for i in range(warm)])
        single = await journey(client, f"alone-{run}", [pages[i * 3 % len(pages)] for i in range(alone)])
        print(f"{what}, one journey: {summary(single)}", flush=True)
        began = time.perf_counter()
        many = await asyncio.gather(
            *(
                journey(client, f"many-{run}-{n}", [pages[(n * 31 + i) % len(pages)] for i in range(each)])
                for n in range(JOURNEYS)
            )
        )
        rate = JOURNEYS * each / (time.perf_counter() - began)
        print(
            f"{what}, {JOURNEYS} journeys: {rate:.0f} a second; {summary([t for ts in many for t in ts])}", flush=True
        )
    return single


async def journey(client: httpx.AsyncClient, session: str, pages: Sequence[str]) -> list[float]:
    """Press on each page, after the outcome of the previous press; return the times from press to done (seconds)."""
    times = []
    async with client.stream("GET", "/api/v1/event/stream", params={"session_id": session, "after": 0}) as stream:
        lines = stream.aiter_lines()
        for number, page in enumerate(pages):
            began = time.perf_counter()
            body = {"session_id": session, "symbol_code": number % 256, "page_id": page}
            answer = (await client.post("/api/v1/event/ui/symbol", json=body)).raise_for_status().json()
            await _wait_for_end(lines, answer["event_id"])
            times.append(time.perf_counter() - began)
    return times


async def _wait_for_end(lines: AsyncIterator[str], event_id: str) -> None:
    name = ""
    async for line in lines:
        kind, _, value = line.partition(":")
        if kind == "event":
            name = value.strip()
        if kind == "data" and name in END_EVENTS and json.loads(value)["press_id"] == event_id:
            return


@contextmanager
def process(*words: str, environment: dict[str, str]) -> Iterator[int]:
    """Run a Python module for the duration of a block; yield its process id."""
    started = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.DEVNULL, env=os.environ | environment)
    try:
        yield started.pid
    finally:
        started.terminate()
        started.wait(60)


def wait_for_answer(url: str, path: str = "/readyz", seconds: float = 120) -> None:
    """Return once a GET is answered with 200. Raises `TimeoutError`."""
    end = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(url + path, timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > end:
            raise TimeoutError(f"{url}{path} did not answer within {seconds} s")
        time.sleep(0.02)


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def resident(pid: int) -> float:
    """Return a process's resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def summary(seconds: Sequence[float]) -> str:
    """Return the median and the 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"p50 {statistics.median(ordered) * 1000:.2f} ms, p95 {p95 * 1000:.2f} ms (n={len(ordered)})"
