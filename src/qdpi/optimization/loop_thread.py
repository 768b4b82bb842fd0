"""An event loop on a thread of its own, for optimisers that call the program without `await`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for other threads on one event loop, so that a model keeps its connections between calls.

    A context manager: at its end what still runs is cancelled, and the thread ends.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="optimization", daemon=True)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return a coroutine's result, from any thread but the loop's own; it has the caller's context."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> LoopThread:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
