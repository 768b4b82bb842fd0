"""50 readers who press at the same moment, with a slow model: qdpi and the specified design."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from pathlib import Path

import httpx

from benchmarks.harness import book_in, free_port, journey, process, summary, wait_for_answer
from benchmarks.slow_model import settings_for, slow_model

SECONDS, READERS, WINDOW = 2.0, 50, 180.0


def measure(environment: dict[str, str]) -> None:
    """Print how many readers get a page within the window, for each design with the same model."""
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-") as name, slow_model(SECONDS) as model:
        ours = settings_for(model) | {
            "CASSANDRA_KEYSPACE": "readers",
            "KAFKA_PREFIX": "readers-",
            "QDPI_BOOK": str(book_in(Path(name))),
            "QDPI_LOG_LEVEL": "error",
        }
        plans = {"CASSANDRA_KEYSPACE": "floor", "SLOW_MODEL": model}
        port = free_port()
        _variant("ours", port, ("qdpi", "run", "--port"), environment | ours)
        _variant("the specified design", port, ("benchmarks.plan_shape",), environment | plans)


def _variant(what: str, port: int, words: tuple[str, ...], environment: dict[str, str]) -> None:
    with process(*words, str(port), environment=environment):
        url = f"http://127.0.0.1:{port}"
        wait_for_answer(url)
        times = asyncio.run(_read(url))
    figures = f"{summary(times)}, {len(times) / max(times):.2f} pages a second" if times else "none"
    print(
        f"{what}, {READERS} readers, a model of {SECONDS:g} s: {len(times)} answered in {WINDOW:g} s; {figures}",
        flush=True,
    )


async def _read(url: str) -> list[float]:
    """Press once for each reader, all at the same moment; return the seconds until each page."""
    run, times = uuid.uuid4().hex[:8], list[float]()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=WINDOW, limits=limits) as client:
        began = time.perf_counter()

        async def read(number: int) -> None:
            await journey(client, f"reader-{run}-{number}", [f"S01-P{number % 8 + 1:04d}"])
            times.append(time.perf_counter() - began)

        readers = [asyncio.create_task(read(number)) for number in range(READERS)]
        _, waiting = await asyncio.wait(readers, timeout=WINDOW)
        for reader in waiting:
            reader.cancel()
        for ended in await asyncio.gather(*readers, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
    return times
