"""An event loop in simulated time: no sleep, no thread, and all durations drawn from a seed.

Ready callbacks run first come, first served, as asyncio promises. Only durations are random: how long a callback
takes, and (see `tests.simulation.network`) how long an answer takes. So every order that a seed produces could
have happened on a real loop.
"""

from __future__ import annotations

import asyncio
import heapq
import sys
import threading
import weakref
from asyncio import Future, Handle, Task, TimerHandle
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from itertools import count
from random import Random
from typing import Any, Final, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
PROCESS: Final[ContextVar[object | None]] = ContextVar("process", default=None)
"""The simulated process that runs now, None outside all of them. Tasks and callbacks inherit it."""


class Deadlock(AssertionError):
    """Nothing is ready, no timer is set, and tasks still wait."""


class Overdue(AssertionError):
    """The simulated time limit has passed."""


class Impossible(AssertionError):
    """Use of something that a simulation does not have: a thread, a socket, a signal."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """An event loop in simulated time, for one thread. `time` is in seconds from 0.

    Each round of callbacks takes up to `busy` seconds, so that time also passes in a busy wait. Above
    `limit` seconds the loop raises `Overdue`.
    """

    def __init__(self, chance: Random | None = None, *, busy: float = 0.000_1, limit: float = 100_000.0) -> None:
        super().__init__()
        self._chance, self._busy, self._limit = chance or Random("simulated"), busy, limit
        self._clock = 0.0
        self._numbers = count()
        self._turns: deque[tuple[object | None, Handle]] = deque()
        self._alarms: list[tuple[float, int, object | None, TimerHandle]] = []
        self._frozen: dict[object, list[Handle]] = {}
        self._tasks: dict[object | None, dict[Task[Any], None]] = {}
        self._generators: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._is_running = self._is_stopping = self._is_closed = False
        self._home = threading.get_ident()
        self.errors: list[dict[str, Any]] = []
        """Unhandled exceptions, of callbacks and of tasks that were not awaited."""

    # time and callbacks

    def time(self) -> float:
        return self._clock

    def call_soon(self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None) -> Handle:
        context = copy_context() if context is None else context  # an empty one is false
        handle = Handle(callback, args, self, context)
        self._turns.append((context.get(PROCESS), handle))
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Handle:
        if threading.get_ident() != self._home:
            raise Impossible("Another thread calls the loop.")
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> TimerHandle:
        return self.call_at(self._clock + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> TimerHandle:
        context = copy_context() if context is None else context  # an empty one is false
        timer = TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._alarms, (when, next(self._numbers), context.get(PROCESS), timer))
        return timer

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        pass

    # futures, tasks, generators

    def create_future(self) -> Future[Any]:
        return Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> Task[T]:
        task: Task[T] = Task(coro, loop=self, name=None if name is None else str(name), context=context)
        siblings = self._tasks.setdefault(PROCESS.get() if context is None else context.get(PROCESS), {})
        siblings[task] = None
        task.add_done_callback(siblings.pop)
        return task

    def tasks_of(self, process: object | None) -> list[Task[Any]]:
        """Return the unfinished tasks of a process, the oldest first."""
        return list(self._tasks.get(process, ()))

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> Future[T]:  # type: ignore[override]
        """Run the function here, a little later: there are no threads."""
        future = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                result = func(*args)
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.call_later(self._chance.random() * 0.002, work)
        return future

    # freezing

    def freeze(self, process: object) -> None:
        """Suspend a process, as SIGSTOP does; its due timers run when it thaws."""
        self._frozen.setdefault(process, [])

    def thaw(self, process: object) -> None:
        """Resume a process."""
        self._turns.extend((process, handle) for handle in self._frozen.pop(process, ()))

    # running

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until a future is done. Raises `Deadlock` if it never can be, `Overdue` after the limit."""
        main: Future[T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
        main.add_done_callback(self._end)
        try:
            self.run_forever()
        finally:
            main.remove_done_callback(self._end)
        if not main.done():
            raise RuntimeError("The loop was stopped before its future was done.")
        return main.result()

    def _end(self, main: Future[Any]) -> None:
        self.stop()

    def run_forever(self) -> None:
        """Run until `stop`."""
        before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self._generators.add, self._finalize)
        asyncio._set_running_loop(self)
        self._is_running = True
        try:
            while not self._is_stopping:
                self._round()
        finally:
            self._is_running = self._is_stopping = False
            asyncio._set_running_loop(None)
            sys.set_asyncgen_hooks(*before)

    def _round(self) -> None:
        if not self._turns:
            self._jump()
        self._clock += self._chance.random() * self._busy
        for _ in range(len(self._turns)):
            process, handle = self._turns.popleft()
            if process in self._frozen:
                self._frozen[process].append(handle)
            elif not handle.cancelled():
                handle._run()
        self._run_due_timers()

    def _jump(self) -> None:
        while self._alarms and self._alarms[0][3].cancelled():
            heapq.heappop(self._alarms)
        if not self._alarms:
            raise Deadlock(f"Nothing can happen any more. What waits:\n{self.waiting()}")
        self._clock = max(self._clock, self._alarms[0][0])
        if self._clock > self._limit:
            raise Overdue(f"It is not done after {self._limit:g} simulated seconds. What waits:\n{self.waiting()}")
        self._run_due_timers()

    def _run_due_timers(self) -> None:
        while self._alarms and self._alarms[0][0] <= self._clock:
            _, _, process, timer = heapq.heappop(self._alarms)
            if not timer.cancelled():
                self._turns.append((process, timer))

    def waiting(self) -> str:
        """Return what the unfinished tasks wait for, one a line."""
        tasks = [task for siblings in self._tasks.values() for task in siblings]
        return "\n".join(f"- {_place(task)}" for task in tasks if not task.done())

    def stop(self) -> None:
        self._is_stopping = True

    def is_running(self) -> bool:
        return self._is_running

    def is_closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._turns.clear()
        self._alarms.clear()
        self._is_closed = True

    async def shutdown_asyncgens(self) -> None:
        await asyncio.gather(*(generator.aclose() for generator in list(self._generators)))

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        pass

    def _finalize(self, generator: AsyncGenerator[Any, Any]) -> None:
        if not self._is_closed:
            self.create_task(_close(generator))

    # errors

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        pass


async def _close(generator: AsyncGenerator[Any, Any]) -> None:
    await generator.aclose()


def _place(task: Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    where = f"{frames[0].f_code.co_filename}:{frames[0].f_lineno}" if frames else "nowhere"
    return f"{task.get_name()} at {where}"
