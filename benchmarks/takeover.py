"""The wait of a journey while its generator is killed (SIGKILL) or stopped (SIGTERM) and another takes over."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import ExitStack

import httpx

from benchmarks.harness import free_port, journey, process, summary, wait_for_answer

TIMES, JOURNEYS, PAUSE = 5, 12, 1.0


def measure(environment: dict[str, str]) -> None:
    """Print the longest wait of any journey after one of two generators ended."""
    with ExitStack() as stack:
        port = free_port()
        given = environment | {"QDPI_MODEL": "offline", "QDPI_PORT": str(port), "QDPI_LOG_LEVEL": "error"}
        given |= {"CASSANDRA_KEYSPACE": "takeover", "KAFKA_PREFIX": "takeover-"}
        stack.enter_context(process("qdpi", "run", environment=given))
        url = f"http://127.0.0.1:{port}"
        wait_for_answer(url)
        for how in (signal.SIGKILL, signal.SIGTERM):
            waits = [asyncio.run(_longest(url, how, given, turn)) for turn in range(TIMES)]
            print(
                f"a second generator ended by {how.name}: the longest wait of {JOURNEYS} journeys, {summary(waits)}",
                flush=True,
            )


async def _longest(url: str, how: signal.Signals, given: dict[str, str], turn: int) -> float:
    """Return the longest wait of any journey while a second generator joins, works and ends."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "qdpi", "worker", "page_generator"),
        env=os.environ | given,
        stderr=asyncio.subprocess.PIPE,
    )
    assert worker.stderr is not None
    await worker.stderr.readline()
    await asyncio.sleep(4)
    waits: list[float] = []
    ended = asyncio.Event()

    async def read(number: int) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=120) as client:
            session = f"{how.name}-{turn}-{number}"
            while not ended.is_set():
                waits.extend(await journey(client, session, ["S01-P0001"]))
                await asyncio.sleep(PAUSE)

    reading = [asyncio.create_task(read(number)) for number in range(JOURNEYS)]
    await asyncio.sleep(2)
    waits.clear()
    worker.send_signal(how)
    await worker.wait()
    await asyncio.sleep(10)
    ended.set()
    await asyncio.gather(*reading)
    return max(waits)
