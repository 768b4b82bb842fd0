"""The first look of a repair: which journeys and presses something may be amiss with, work in flight included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from qdpi.events import Ask, DeadLetter, PageDone, PageFailed, Press
from qdpi.ids import request_id
from qdpi.outcome import LogEntry
from qdpi.repair.compare import Comparison, Tidings, compare
from qdpi.services.backlog import IdSet, PublishedEvents, committed_offsets, event_of, unprocessed
from qdpi.services.enricher import PressName, press_named
from qdpi.system import System
from qdpi.topology import ENRICHER, PAGE_GENERATOR

_JOURNEYS_AT_ONCE: Final = 16
_TOLD: Final = (PageDone.topic, PageFailed.topic, DeadLetter.topic)
_PRESSED: Final = (Press.topic, Ask.topic)


class Suspect(NamedTuple):
    """A press that may be lost, and its row of the log where that is where it was found."""

    name: PressName
    entry: LogEntry | None = None


@dataclass
class Suspects:
    """Journeys as they were seen, and presses by their names."""

    journeys: dict[str, Comparison] = field(default_factory=dict)
    presses: dict[PressName, Suspect] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.journeys) + len(self.presses)

    def add(self, suspect: Comparison | Suspect) -> None:
        """Take a suspect; a press that was found twice is one."""
        if isinstance(suspect, Comparison):
            self.journeys[suspect.journey or ""] = suspect
        else:
            self.presses.setdefault(suspect.name, suspect)

    def sessions(self) -> set[str]:
        """Return the journeys that they are of."""
        return {*self.journeys, *(name.journey for name in self.presses)}


class FirstLook:
    """Looks at journeys and at the presses on the bus. `journeys` tells how many it has looked at.

    `in_line` counts the presses without an outcome that stood in line when it began.
    """

    def __init__(self, system: System, progress: Callable[[int], None]) -> None:
        self._system, self._progress = system, progress
        self._told, self._pending = PublishedEvents(system.now()), IdSet()
        self.journeys = 0
        self.in_line = 0

    async def suspects(
        self, sessions: AsyncIterator[str], only: Collection[str] | None
    ) -> AsyncIterator[Comparison | Suspect]:
        """Give the suspects among journeys, and among the presses on the bus: all, or those of `only` these."""
        await self._told.read(self._system.bus, _TOLD)
        for group in (ENRICHER.group, PAGE_GENERATOR.group):
            async for record in unprocessed(self._system.bus, group):
                self._pending.add(event_of(record) or "")
        async for chunk in _chunks(sessions, _JOURNEYS_AT_ONCE):
            for comparison in await asyncio.gather(*map(self._compare, chunk)):
                for entry in comparison.unanswered:
                    if not self._stands_in_line(entry.event_id):
                        yield Suspect(PressName(entry.session_id, entry.event_id), entry)
                if not comparison.equal or any(map(self.untold, comparison.tidings)):
                    yield comparison
            self.journeys += len(chunk)
            self._progress(self.journeys)
        async for suspect in self._presses_without_outcome(only):
            yield suspect

    def untold(self, tidings: Tidings) -> list[str]:
        """Return the events of an outcome that were not on the bus, and would be, had they been published."""
        return [event for topic, event in tidings.events if self._told.lacks(topic, event, tidings.at)]

    async def _compare(self, session: str) -> Comparison:
        return await compare(self._system.store, session, self._system.embedder)

    async def _presses_without_outcome(self, only: Collection[str] | None) -> AsyncIterator[Suspect]:
        reached = await committed_offsets(self._system.bus, ENRICHER.group, _PRESSED)
        for topic in _PRESSED:
            async for record in self._system.bus.scan(topic):
                name = press_named(record)
                if name is None or (only is not None and name.journey not in only):
                    continue
                if record.offset < reached.get(record.partition, 0) and not await self._answered(name):
                    yield Suspect(name)

    async def _answered(self, name: PressName) -> bool:
        if await self._system.store.outcome(name.journey, request_id(name.press)) is not None:
            return True
        return self._stands_in_line(name.press)

    def _stands_in_line(self, press: str) -> bool:
        stands = press in self._pending or request_id(press) in self._pending
        self.in_line += stands
        return stands


async def _chunks(sessions: AsyncIterator[str], size: int) -> AsyncIterator[list[str]]:
    chunk: list[str] = []
    async for session in sessions:
        chunk.append(session)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
