"""Client of the fork server: start workers, wait until they are ready, and kill them."""

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


class ForkedWorker:
    """A worker process. `dead` has the signal that killed it, or None if it ended by itself."""

    def __init__(self) -> None:
        self.pid = 0
        self.calls: list[str] = []
        self.born = asyncio.Event()
        self.ready = asyncio.Event()
        self.dead: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def receive(self, event: dict[str, Any]) -> None:
        """Receive an event of this worker from the fork server."""
        match event["event"]:
            case "born":
                self.pid = event["pid"]
                self.born.set()
            case "ready":
                self.ready.set()
            case "ended":
                self.calls = event["calls"]
            case "dead":
                self.dead.set_result(event["signal"])

    def send_signal(self, by: Signals) -> None:
        """Send a signal unless the worker is dead."""
        if not self.dead.done():
            os.kill(self.pid, by)

    async def end(self, by: Signals) -> int | None:
        """Send a signal unless the worker is dead, and return the signal that killed it."""
        self.send_signal(by)
        return await asyncio.wait_for(asyncio.shield(self.dead), PATIENCE)


class ForkServer:
    """A client of the fork server: starts workers and follows their events."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._orders: dict[int, ForkedWorker] = {}
        self._workers: dict[int, ForkedWorker] = {}
        self._numbers = count()

    async def worker(
        self,
        environment: Mapping[str, str],
        *,
        workers: Collection[str] = WORKERS,
        fault: str | None = None,
        seed: int = 0,
        calls: bool = False,
    ) -> ForkedWorker:
        """Fork a worker and return it once it polls, as an active member of its groups or a standby.

        With `calls` the worker reports the calls that it made when it ends.
        """
        assert self._process.stdin is not None
        order, worker = next(self._numbers), ForkedWorker()
        self._orders[order] = worker
        body = {"order": order, "environment": dict(environment), "workers": list(workers), "fault": fault}
        self._process.stdin.write(json.dumps({**body, "seed": seed, "calls": calls}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            await worker.born.wait()
            await _first(worker.ready.wait(), worker.dead)
        assert worker.ready.is_set(), "The worker died before it was ready: see standard error."
        return worker

    async def listen(self) -> None:
        """Dispatch the fork server's events until it ends."""
        assert self._process.stdout is not None
        early: dict[int, list[dict[str, Any]]] = {}
        while line := await self._process.stdout.readline():
            event = json.loads(line)
            if event["event"] == "born":
                self._workers[event["pid"]] = self._orders.pop(event["order"])
            if event["pid"] not in self._workers:
                early.setdefault(event["pid"], []).append(event)
                continue
            for each in (event, *early.pop(event["pid"], [])):
                self._workers[each["pid"]].receive(each)


async def _first(*works: Any) -> None:
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    tasks[0].cancel()


@asynccontextmanager
async def fork_server() -> AsyncIterator[ForkServer]:
    """Start a fork server for a block; it and its workers end with the block."""
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
        greeting = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
        assert greeting == {"event": "fork_server"}
        server = ForkServer(process)
        listening = asyncio.create_task(server.listen())
        yield server
    finally:
        process.stdin.close()
        await process.wait()
        if listening is not None:
            await listening
