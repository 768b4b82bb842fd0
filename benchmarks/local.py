"""The small model on this machine: first text and page at 1, 4 and 16 journeys, alone and beside two busy processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import book_in, free_port, process, summary, wait_for_answer
from qdpi.client import Client
from qdpi.evaluation.answers import Answer
from qdpi.evaluation.presses import press_all
from qdpi.evaluation.schedule import ASKS, ScheduledPress
from qdpi.language.local import weights

AT_ONCE = {1: 5, 4: 8, 16: 16}
"""How many presses are made by so many journeys at the same moment."""
_BUSY = "while True: pass"


def measure() -> None:
    """Print the seconds to the first text and to the page, and how many presses had none."""
    if weights() is None:
        print("the small model is not installed: make local-model", flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="qdpi-bench-") as name:
        port = free_port()
        environment = {
            "QDPI_PORT": str(port),
            "QDPI_DATA_DIR": f"{name}/data",
            "QDPI_BOOK": str(book_in(Path(name))),
            "QDPI_MODEL": "local",
            "QDPI_LOG_LEVEL": "error",
        }
        with process("qdpi", "run", environment=environment):
            url = f"http://127.0.0.1:{port}"
            wait_for_answer(url)
            for busy in (0, 2):
                with _busy(busy):
                    for journeys, presses in AT_ONCE.items():
                        asyncio.run(_press(url, journeys, presses, busy))


async def _press(url: str, journeys: int, presses: int, busy: int) -> None:
    answers: list[Answer] = []
    async with Client(url) as client:
        ring = [entry.page_id for entry in (await client.canon()).ring]
        made = [
            ScheduledPress(n, n * 37 % 256, ring[n * 41 % len(ring)], ASKS[n % len(ASKS)] if n % 2 else "")
            for n in range(presses)
        ]
        await press_all(client, made, answers.append, at_once=journeys, patience=600, clock=time.perf_counter)
    what = f"small model, {journeys} journeys, {busy} busy processes"
    first = [answer.first_text for answer in answers if answer.first_text is not None]
    whole = [answer.seconds for answer in answers if answer.seconds is not None and not answer.failed]
    failed = [answer.failed for answer in answers if answer.failed]
    print(f"{what}: first text {summary(first)}; page {summary(whole)}; {len(failed)} failed", *failed, flush=True)


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """Keep so many processes busy for the duration of a block."""
    started = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for each in started:
            each.kill()
            each.wait()
