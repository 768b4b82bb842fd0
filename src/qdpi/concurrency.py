"""Help for an event loop: awaiting several things with one error, many a few at a time, and a value for each loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
R = TypeVar("R")
WIDTH: Final = 64
"""How many calls one sweep has under way."""


async def gather_all(*works: Awaitable[object]) -> None:
    """Await all works to their end, then raise the first error among them, if there is one."""
    for result in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


async def map_concurrently(call: Callable[[T], Awaitable[R]], items: Collection[T], width: int = WIDTH) -> list[R]:
    """Call for every item, `width` at a time, and return what came in the order of the items.

    The first error is raised when those under way have ended; no further item is begun after it.
    """
    waiting = enumerate(items)
    results: dict[int, R] = {}
    errors: list[Exception] = []

    async def work() -> None:
        for place, item in waiting:
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
    """A value per event loop, made when a loop first asks and forgotten with the loop."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def get(self) -> T:
        """The running loop's value."""
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            self._made[loop] = self._make()
        return self._made[loop]

    def pop(self) -> T | None:
        """Take the running loop's value away, if there is one."""
        return self._made.pop(asyncio.get_running_loop(), None)
