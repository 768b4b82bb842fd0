"""Wake waiting readers when any process has appended to the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from qdpi.bus.embedded import log
from qdpi.errors import QdpiError
from qdpi.sqlite import Database

POLL_INTERVAL: Final = 0.010
"""Seconds between checks for writes of other processes, while a reader waits."""


class Notifier:
    """The known ends of topics, and the readers that wait for new records.

    Records published by this process are known at once. Records of other processes are found by polling the file
    every `POLL_INTERVAL`, only while a reader waits.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ends: dict[str, int] = {}
        self._waiters: dict[asyncio.Future[QdpiError | None], Callable[[], bool]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._version: int | None = None

    def advance(self, ends: Mapping[str, int]) -> None:
        """Record the next offsets of topics; topics without a reader in this process are ignored."""
        for topic in ends.keys() & self._ends.keys():
            self._ends[topic] = max(ends[topic], self._ends[topic])
        self.wake()

    def has_records_after(self, positions: Mapping[str, int]) -> bool:
        """Return whether any topic is known to have records at or after its position."""
        return any(self._ends.get(topic, 0) > position for topic, position in positions.items())

    def wake(self) -> None:
        """Wake the waiting readers that are ready."""
        for waiting, ready in self._waiters.items():
            if not waiting.done() and ready():
                waiting.set_result(None)

    async def wait(self, topics: Iterable[str], ready: Callable[[], bool], timeout: float | None) -> None:
        """Wait until `ready` is true after a change of topics, or for `timeout` seconds. Raises `BusUnavailable`."""
        self._track(topics)
        if ready():
            return
        waiting: asyncio.Future[QdpiError | None] = asyncio.get_running_loop().create_future()
        self._waiters[waiting] = ready
        if self._watch is None:
            self._watch = asyncio.create_task(self._poll(), name="bus-notifier")
        try:
            await asyncio.wait({waiting}, timeout=timeout)
        finally:
            del self._waiters[waiting]
        if waiting.done() and (outage := waiting.result()) is not None:
            raise outage

    async def close(self) -> None:
        """Stop polling, after waking the waiting readers that are ready."""
        self.wake()
        watch, self._watch = self._watch, None
        self._version = None
        if watch is not None:
            watch.cancel()
            await asyncio.wait({watch})

    def _track(self, topics: Iterable[str]) -> None:
        for topic in topics:
            if topic not in self._ends:
                self._ends[topic] = 0
                self._version = None

    async def _poll(self) -> None:
        try:
            while self._waiters:
                await self._check()
                await asyncio.sleep(POLL_INTERVAL)
        except QdpiError as outage:
            self._fail(outage)
        self._watch = None

    async def _check(self) -> None:
        # The version first: a commit after reading it shows as another version the next time.
        version = await self._database.data_version()
        if version == self._version:
            return
        self._version = version
        self.advance(await self._database.read(partial(log.ends, topics=tuple(self._ends))))

    def _fail(self, outage: QdpiError) -> None:
        self._version = None
        for waiting in self._waiters:
            if not waiting.done():
                waiting.set_result(outage)
