"""Presses and ingests on Kafka and Cassandra: the raw floor, ours, and the plan's own shape, on the same services."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path

import httpx

from benchmarks.measuring import book_in, free_port, presses, process, until_answered

WAYS = {"the raw floor": "floor", "the plan's shape": "plan_shape"}


def measure(environment: dict[str, str]) -> None:
    """Print press to done of the three, one after another."""
    times: dict[str, float] = {}
    for what, module in WAYS.items():
        port = free_port()
        with process(f"benchmarks.{module}", str(port), environment=environment | {"CASSANDRA_KEYSPACE": "floor"}):
            url = f"http://127.0.0.1:{port}"
            until_answered(url)
            pages = [f"S01-P{n:04d}" for n in range(1, 711)]
            times[what] = statistics.median(asyncio.run(presses(url, what, pages)))
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-") as folder:
        times["ours"] = statistics.median(_ours(environment, Path(folder)))
    floor, plan = times["the raw floor"], times["the plan's shape"]
    print(f"ours is {times['ours'] / floor:.1f} times the floor, the plan's shape {plan / floor:.1f} times", flush=True)


def _ours(environment: dict[str, str], folder: Path) -> list[float]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    given = environment | {
        "QDPI_PORT": str(port),
        "QDPI_MODEL": "offline",
        "QDPI_DATA_DIR": str(folder),
        "QDPI_BOOK": str(book_in(folder)),
        "QDPI_LOG_LEVEL": "error",
    }
    with process("qdpi", "run", environment=given):
        until_answered(url)
        pages = [page["page_id"] for page in httpx.get(f"{url}/api/v1/canon", timeout=60).json()["ring"]]
        return asyncio.run(presses(url, "ours, offline writer", pages))
