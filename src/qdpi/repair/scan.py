"""First pass of a repair: scan for candidate inconsistencies, work in flight included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from qdpi.events import Ask, DeadLetter, PageDone, PageFailed, Press
from qdpi.ids import request_id
from qdpi.outcome import LogEntry
from qdpi.repair.compare import Comparison, ExpectedMessages, compare
from qdpi.services.backlog import IdSet, PublishedEvents, committed_offsets, event_of, unprocessed
from qdpi.services.enricher import PressName, press_named
from qdpi.system import System
from qdpi.topology import ENRICHER, PAGE_GENERATOR

_JOURNEYS_AT_ONCE: Final = 16
_OUTCOME_TOPICS: Final = (PageDone.topic, PageFailed.topic, DeadLetter.topic)
_PRESS_TOPICS: Final = (Press.topic, Ask.topic)


class PressCandidate(NamedTuple):
    """A press that may never be answered, and its row of the log if it was found there."""

    name: PressName
    entry: LogEntry | None = None


@dataclass
class Candidates:
    """Comparisons by journey, and presses by name, that may be inconsistent."""

    journeys: dict[str, Comparison] = field(default_factory=dict)
    presses: dict[PressName, PressCandidate] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.journeys) + len(self.presses)

    def add(self, candidate: Comparison | PressCandidate) -> None:
        """Add a candidate; a press that was found twice is one."""
        if isinstance(candidate, Comparison):
            self.journeys[candidate.journey or ""] = candidate
        else:
            self.presses.setdefault(candidate.name, candidate)

    def sessions(self) -> set[str]:
        """Return the journeys of the candidates."""
        return {*self.journeys, *(name.journey for name in self.presses)}


class CandidateScan:
    """Scans journeys, and the presses on the bus.

    `journeys` counts the journeys so far; `pending` counts the presses without an outcome that a worker had left to do
    when the scan began.
    """

    def __init__(self, system: System, progress: Callable[[int], None]) -> None:
        self._system, self._progress = system, progress
        self._published, self._backlog = PublishedEvents(system.now()), IdSet()
        self.journeys = 0
        self.pending = 0

    async def candidates(
        self, sessions: AsyncIterator[str], only: Collection[str] | None
    ) -> AsyncIterator[Comparison | PressCandidate]:
        """Yield the candidates among some journeys, then those among the bus's presses of `only` or of all journeys."""
        await self._published.read(self._system.bus, _OUTCOME_TOPICS)
        await self._read_backlog()
        async for chunk in _chunks(sessions, _JOURNEYS_AT_ONCE):
            for comparison in await asyncio.gather(*map(self._compare, chunk)):
                for candidate in self._candidates_of(comparison):
                    yield candidate
            self.journeys += len(chunk)
            self._progress(self.journeys)
        async for press in self._presses_on_bus(only):
            yield press

    def unpublished(self, messages: ExpectedMessages) -> list[str]:
        """Return the ids of an outcome's events that are missing on the bus although their retention is not over."""
        return [event for topic, event in messages.events if self._published.lacks(topic, event, messages.at)]

    async def _read_backlog(self) -> None:
        for group in (ENRICHER.group, PAGE_GENERATOR.group):
            async for record in unprocessed(self._system.bus, group):
                self._backlog.add(event_of(record) or "")

    async def _compare(self, session: str) -> Comparison:
        return await compare(self._system.store, session, self._system.embedder)

    def _candidates_of(self, comparison: Comparison) -> list[Comparison | PressCandidate]:
        presses = [
            PressCandidate(PressName(entry.session_id, entry.event_id), entry)
            for entry in comparison.unanswered
            if not self._is_pending(entry.event_id)
        ]
        is_whole = comparison.equal and not any(map(self.unpublished, comparison.messages))
        return [*presses, *(() if is_whole else (comparison,))]

    async def _presses_on_bus(self, only: Collection[str] | None) -> AsyncIterator[PressCandidate]:
        """Yield the presses that the enricher has finished and that have no outcome."""
        committed = await committed_offsets(self._system.bus, ENRICHER.group, _PRESS_TOPICS)
        for topic in _PRESS_TOPICS:
            async for record in self._system.bus.scan(topic):
                name = press_named(record)
                if name is None or (only is not None and name.journey not in only):
                    continue
                if record.offset < committed.get(record.partition, 0) and not await self._is_handled(name):
                    yield PressCandidate(name)

    async def _is_handled(self, name: PressName) -> bool:
        if await self._system.store.outcome(name.journey, request_id(name.press)) is not None:
            return True
        return self._is_pending(name.press)

    def _is_pending(self, press: str) -> bool:
        pending = press in self._backlog or request_id(press) in self._backlog
        self.pending += pending
        return pending


async def _chunks(sessions: AsyncIterator[str], size: int) -> AsyncIterator[list[str]]:
    chunk: list[str] = []
    async for session in sessions:
        chunk.append(session)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
