"""Stops: the runs that readers have stopped. Every generator reads all of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

import structlog

from qdpi.bus.port import EventBus, Record, Start
from qdpi.errors import MalformedEvent, Unavailable
from qdpi.events import Stop, decode
from qdpi.retry import Backoff, retry_while_unavailable

REMEMBERED: Final = 10_000
"""How many stops a process remembers; their topic keeps them for an hour."""

log = structlog.get_logger()


class Stops:
    """Reads the topic of stops from its beginning and remembers the newest `remembered` ones.

    A stop counts only together with the journey that it names: another journey's press is not stopped by it.
    """

    def __init__(self, bus: EventBus, backoff: Backoff, *, remembered: int = REMEMBERED) -> None:
        self._bus, self._backoff, self._remembered = bus, backoff, remembered
        self._stopped: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._waiting: dict[tuple[str, str], asyncio.Event] = {}
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        """Follow the stops for ever; set `caught_up` once all earlier ones have been read."""
        while True:
            await retry_while_unavailable(self._follow, self._backoff, on_wait=self._log_wait)

    def _log_wait(self, error: Unavailable, tries: int) -> None:
        log.warning("stops.dependency_unavailable", tries=tries, cause=error.detail)

    async def _follow(self) -> None:
        async with self._bus.tap([Stop.topic], Start.LATEST) as live:
            async for record in self._bus.scan(Stop.topic):
                self._note(record)
            self.caught_up.set()
            async for record in live:
                self._note(record)

    def _note(self, record: Record) -> None:
        try:
            stop = decode(Stop, record.value)
        except MalformedEvent as error:
            log.warning("stops.malformed", cause=error.detail)
            return
        key = (stop.session_id, stop.press_id)
        self._stopped[key] = None
        if key in self._waiting:
            self._waiting[key].set()
        while len(self._stopped) > self._remembered:
            self._stopped.popitem(last=False)

    async def stopped(self, session_id: str, press_id: str) -> None:
        """Return once a press is stopped, at once if it was stopped before."""
        key = (session_id, press_id)
        if key in self._stopped:
            return
        event = self._waiting.setdefault(key, asyncio.Event())
        try:
            await event.wait()
        finally:
            self._waiting.pop(key, None)
