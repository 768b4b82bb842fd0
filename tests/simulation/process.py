"""Simulated processes: parts of the real system, each in a context of its own that freezes and dies as one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, TypeVar

from tests.simulation.loop import PROCESS, SimulatedLoop

T = TypeVar("T")


class Gone(Exception):
    """Whoever was asked does not answer: dead, or too slow."""


def simulated_loop() -> SimulatedLoop:
    """Return the loop that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    return loop


class Process:
    """A process by name. Dead, it does nothing more at any port; frozen, nothing of it runs.

    `dooms` maps a call's name ("" for any) and its number, from 1, to the fault injected at that call.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self.calls: Counter[str] = Counter()
        self.dooms: dict[tuple[str, int], Callable[[], None]] = {}
        self.failures: list[BaseException] = []
        """What ended a task of it that was to go on for ever."""

    def called(self, name: str) -> None:
        """Hear of a call just before it is sent."""
        for counted in ("", name):
            self.calls[counted] += 1
            doom = self.dooms.pop((counted, self.calls[counted]), None)
            if doom is not None:
                doom()

    def context(self) -> Context:
        """Return a new context in which the process runs."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return context

    def start(self, work: Coroutine[Any, Any, T], name: str = "") -> asyncio.Task[T]:
        """Have the process do something."""
        return simulated_loop().create_task(work, name=f"{self.name} {name}", context=self.context())

    def keep(self, work: Coroutine[Any, Any, None], name: str = "") -> asyncio.Task[None]:
        """Have the process do something for as long as it lives; that it fails is noted."""
        task = self.start(work, name)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None and self.alive:
            self.failures.append(task.exception() or AssertionError())

    async def serve(self, work: Coroutine[Any, Any, T], patience: float) -> T:
        """Have the process answer somebody outside of it. Raises `Gone` where it does not in time."""
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
        """Let nothing of it run."""
        self.frozen = True
        simulated_loop().freeze(self)

    def thaw(self) -> None:
        """Let it run on."""
        self.frozen = False
        simulated_loop().thaw(self)

    def kill(self) -> None:
        """End it between two steps of whatever it does; the network carries nothing of it any more."""
        self.alive = False
        self.thaw()
        for task in simulated_loop().tasks_of(self):
            task.cancel()
