"""Concurrent awaits that end before the first error is raised, signal handlers, and values per event loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
R = TypeVar("R")
WIDTH: Final = 64
"""Concurrent calls of one `map_concurrently`."""


async def gather_all(*awaitables: Awaitable[object]) -> None:
    """Await all to their end, then raise the first error among them."""
    for result in await asyncio.gather(*awaitables, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def map_concurrently(call: Callable[[T], Awaitable[R]], items: Collection[T], width: int = WIDTH) -> list[R]:
    """Call for every item, `width` concurrently, and return the results in the order of the items.

    After an error no further call begins; the first error is raised when the running calls have ended.
    """
    pending = enumerate(items)
    results: dict[int, R] = {}
    errors: list[Exception] = []

    async def work() -> None:
        for place, item in pending:
            if errors:
                return
            try:
                results[place] = await call(item)
            except Exception as error:
                errors.append(error)
                raise

    await asyncio.gather(*(work() for _ in range(min(width, len(items)))), return_exceptions=True)
    if errors:
        raise errors[0]
    return [results[place] for place in range(len(results))]


class PerLoop(Generic[T]):
    """A value per event loop, created on first use and dropped with the loop."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def get(self) -> T:
        """Return the running loop's value."""
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            self._made[loop] = self._make()
        return self._made[loop]

    def pop(self) -> T | None:
        """Remove and return the running loop's value, None without one."""
        return self._made.pop(asyncio.get_running_loop(), None)


async def first_of(*works: Awaitable[object]) -> None:
    """Await works together until the first ends, and cancel the others. Raises what the first one failed with."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def signal_handlers(handlers: Mapping[signal.Signals, Callable[[], object]]) -> Iterator[None]:
    """Call the handlers of signals on the running event loop, for a block."""
    loop = asyncio.get_running_loop()
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


async def until_terminated(work: Coroutine[Any, Any, None]) -> None:
    """Await work; SIGTERM cancels it, as Ctrl-C does, so that what was started for it ends in order."""
    task = asyncio.ensure_future(work)
    with signal_handlers({signal.SIGTERM: task.cancel}):
        await task
