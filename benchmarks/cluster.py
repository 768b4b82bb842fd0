"""Press to done on Kafka and Cassandra: the raw floor, the floor with our writes, the specified design, and qdpi."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from pathlib import Path

import httpx

from benchmarks.harness import book_in, free_port, presses, process, wait_for_answer

ROUNDS, WARM = 3, 60
OURS = "ours, offline writer"
VARIANTS = {"the raw floor": "floor", "the floor with our writes": "same_writes", "the specified design": "plan_shape"}


def measure(environment: dict[str, str]) -> None:
    """Print the times of each variant, in rounds, because the servers get faster while they warm up."""
    times: dict[str, list[float]] = {what: [] for what in (*VARIANTS, OURS)}
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-") as name:
        folder = Path(name)
        book = book_in(folder)
        for turn in range(1, ROUNDS + 1):
            for what, module in VARIANTS.items():
                times[what] += _variant(f"round {turn}, {what}", module, environment)
            times[OURS] += _ours(f"round {turn}, {OURS}", environment, folder, book)
    median = {what: statistics.median(taken) for what, taken in times.items()}
    floor = median.pop("the raw floor")
    factors = ", ".join(f"{what} {taken / floor:.1f} times" for what, taken in median.items())
    print(f"the raw floor's median is {floor * 1000:.1f} ms; {factors} that", flush=True)


def _variant(what: str, module: str, environment: dict[str, str]) -> list[float]:
    port = free_port()
    with process(f"benchmarks.{module}", str(port), environment=environment | {"CASSANDRA_KEYSPACE": "floor"}):
        url = f"http://127.0.0.1:{port}"
        wait_for_answer(url)
        return asyncio.run(presses(url, what, [f"S01-P{n:04d}" for n in range(1, 711)], warm=WARM))


def _ours(what: str, environment: dict[str, str], folder: Path, book: Path) -> list[float]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    given = environment | {
        "QDPI_PORT": str(port),
        "QDPI_MODEL": "offline",
        "QDPI_DATA_DIR": str(folder),
        "QDPI_BOOK": str(book),
        "QDPI_LOG_LEVEL": "error",
    }
    with process("qdpi", "run", environment=given):
        wait_for_answer(url)
        pages = [page["page_id"] for page in httpx.get(f"{url}/api/v1/canon", timeout=60).json()["ring"]]
        return asyncio.run(presses(url, what, pages, warm=WARM))
