"""Simulated processes: parts of the real system, each in its own context, so that they freeze and die alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, TypeVar

from tests.simulation.loop import PROCESS, SimulatedLoop

T = TypeVar("T")


class Gone(Exception):
    """The process does not answer: it is dead, or too slow."""


def simulated_loop() -> SimulatedLoop:
    """Return the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    return loop


class Process:
    """A process by name. A dead process makes no more calls; a frozen one does not run.

    `faults_at` maps a call's name ("" for any) and its number, from 1, to the fault injected at that call.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self.calls: Counter[str] = Counter()
        self.faults_at: dict[tuple[str, int], Callable[[], None]] = {}
        self.failures: list[BaseException] = []
        """The exceptions that ended its endless tasks."""

    def called(self, name: str) -> None:
        """Note a call just before it is sent, and inject the fault due at it."""
        for counted in ("", name):
            self.calls[counted] += 1
            fault = self.faults_at.pop((counted, self.calls[counted]), None)
            if fault is not None:
                fault()

    def context(self) -> Context:
        """Return a new context in which the process runs."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return context

    def start(self, work: Coroutine[Any, Any, T], name: str = "") -> asyncio.Task[T]:
        """Start a task of the process."""
        return simulated_loop().create_task(work, name=f"{self.name} {name}", context=self.context())

    def keep(self, work: Coroutine[Any, Any, None], name: str = "") -> asyncio.Task[None]:
        """Start an endless task of the process; its failure is noted."""
        task = self.start(work, name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None and self.alive:
            self.failures.append(task.exception() or AssertionError())

    async def serve(self, work: Coroutine[Any, Any, T], patience: float) -> T:
        """Run a task for a caller outside the process. Raises `Gone` if it is not done in time."""
        if not self.alive:
            work.close()
            raise Gone
        task = self.start(work, "serve")
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait((task,), timeout=patience)
        if not task.done() or task.cancelled():
            raise Gone
        return task.result()

    def freeze(self) -> None:
        """Suspend the process."""
        self.frozen = True
        simulated_loop().freeze(self)

    def thaw(self) -> None:
        """Resume the process."""
        self.frozen = False
        simulated_loop().thaw(self)

    def kill(self) -> None:
        """Kill the process between two steps of its tasks; its remaining calls have no effect."""
        self.alive = False
        self.thaw()
        for task in simulated_loop().tasks_of(self):
            task.cancel()
