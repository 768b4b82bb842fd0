"""Workers' lives as a test sees them: born in a nursery, ready, dead."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from signal import Signals
from typing import Any, Final

from tests.faults.evidence import PATIENCE
from tests.faults.fork_server import SINGLE_THREADED
from tests.faults.worker_process import WORKERS

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENT: Final = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}


class Life:
    """One worker. `dead` gives the signal it died of, None where it ended by itself."""

    def __init__(self) -> None:
        self.pid = 0
        self.calls: list[str] = []
        self.born = asyncio.Event()
        self.ready = asyncio.Event()
        self.dead: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def hear(self, told: dict[str, Any]) -> None:
        """Take what the nursery tells of it."""
        match told["event"]:
            case "born":
                self.pid = told["pid"]
                self.born.set()
            case "ready":
                self.ready.set()
            case "ended":
                self.calls = told["calls"]
            case "dead":
                self.dead.set_result(told["signal"])

    def hear_signal(self, by: Signals) -> None:
        """Send a signal, unless it is dead."""
        if not self.dead.done():
            os.kill(self.pid, by)

    async def end(self, by: Signals) -> int | None:
        """Send a signal, unless it is dead, and return what it died of."""
        self.hear_signal(by)
        return await asyncio.wait_for(asyncio.shield(self.dead), PATIENCE)


class Nursery:
    """Forks workers."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._orders: dict[int, Life] = {}
        self._lives: dict[int, Life] = {}
        self._numbers = count()

    async def worker(
        self,
        environment: Mapping[str, str],
        *,
        workers: Collection[str] = WORKERS,
        trouble: str | None = None,
        seed: int = 0,
        calls: bool = False,
    ) -> Life:
        """Have a worker born, and return it once it polls: it holds the groups, or stands by for them.

        With `calls` it tells in the end what it called.
        """
        assert self._process.stdin is not None
        order, life = next(self._numbers), Life()
        self._orders[order] = life
        told = {"order": order, "environment": dict(environment), "workers": list(workers), "trouble": trouble}
        self._process.stdin.write(json.dumps({**told, "seed": seed, "calls": calls}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            await life.born.wait()
            await _first(life.ready.wait(), life.dead)
        assert life.ready.is_set(), "The worker died before it was ready: see standard error."
        return life

    async def listen(self) -> None:
        """Take what the nursery tells until it ends."""
        assert self._process.stdout is not None
        early: dict[int, list[dict[str, Any]]] = {}
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            if told["event"] == "born":
                self._lives[told["pid"]] = self._orders.pop(told["order"])
            if told["pid"] not in self._lives:
                early.setdefault(told["pid"], []).append(told)
                continue
            for heard in (told, *early.pop(told["pid"], [])):
                self._lives[told["pid"]].hear(heard)


async def _first(*works: Any) -> None:
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    tasks[0].cancel()


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """Open a nursery; at the end it and all that live in it are gone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.fork_server",
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | SINGLE_THREADED,
        stdin=PIPE,
        stdout=PIPE,
        limit=1 << 20,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    listening: asyncio.Task[None] | None = None
    try:
        opened = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
        assert opened == {"event": "nursery"}
        opened_nursery = Nursery(process)
        listening = asyncio.create_task(opened_nursery.listen())
        yield opened_nursery
    finally:
        process.stdin.close()
        await process.wait()
        if listening is not None:
            await listening
