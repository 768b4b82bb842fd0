"""Repair: find the damage that crashes and lost writes have left, and repair it by the code that writes the rows.

A first pass scans journey by journey for candidates, and takes writes in flight for damage too. A second pass compares
the candidates again, after it has read the consumer backlog. A difference that both passes see, and that is in no
worker's backlog, is a finding.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple

from qdpi.ids import request_id
from qdpi.repair.apply import RepairRunner, event_of_log, is_unlogged
from qdpi.repair.compare import Comparison, ExpectedMessages, compare, compare_canon
from qdpi.repair.differences import Difference
from qdpi.repair.findings import (
    Finding,
    RepairResult,
    findings_of,
    idle_topic,
    unanswered_press,
    unpublished_outcome,
)
from qdpi.repair.scan import Candidates, CandidateScan, PressCandidate
from qdpi.services.backlog import Backlog, IdSet, read_backlog
from qdpi.services.enricher import PressName
from qdpi.services.janitor import idle_page_topics
from qdpi.services.projections import BY_TABLE
from qdpi.services.projections.journeys import OF_JOURNEY
from qdpi.services.projector import written_by
from qdpi.system import System
from qdpi.topology import INDEXER, PAGE_GENERATOR, RECORDER

CANDIDATES_AT_ONCE: Final = 500
"""How many candidates a second pass takes together: each one reads what the bus holds."""


class Verdict(NamedTuple):
    """What is wrong with a journey: `comparison` has the differences that no worker has left to do."""

    journey: str
    comparison: Comparison
    unpublished: tuple[ExpectedMessages, ...]

    def findings(self) -> list[Finding]:
        """Return the findings."""
        outcomes = (unpublished_outcome(self.journey, messages.seq) for messages in self.unpublished)
        return [*findings_of(self.journey, self.comparison.differences), *outcomes]


class Repair:
    """Examines journeys, the presses on the bus, the canon and the topics; repairs the damage it finds with `apply`."""

    def __init__(self, system: System, *, apply: bool, progress: Callable[[int], None] = lambda done: None) -> None:
        self._system, self._apply = system, apply
        self._scan = CandidateScan(system, progress)
        self._pending = 0

    @property
    def journeys(self) -> int:
        """How many journeys were scanned so far."""
        return self._scan.journeys

    @property
    def in_flight(self) -> int:
        """How many journeys and presses were left to the workers that have them in their backlog."""
        return self._pending + self._scan.pending

    async def of(self, sessions: Collection[str]) -> AsyncIterator[RepairResult]:
        """Yield the findings of some journeys."""
        async for result in self._journeys(each(sessions), set(sessions)):
            yield result

    async def of_all(self) -> AsyncIterator[RepairResult]:
        """Yield the findings of every journey, of the canon, and of the topics."""
        async for result in self._journeys(self._every_journey(), None):
            yield result
        for result in await self._canon():
            yield result
        async for result in self._topics():
            yield result

    async def _every_journey(self) -> AsyncIterator[str]:
        """Yield the journeys that have outcomes, then those that only the log has."""
        seen = IdSet()
        async for journey in self._system.store.journeys():
            seen.add(journey)
            yield journey
        async for journey in self._system.store.logged_journeys():
            if journey not in seen:
                yield journey

    async def _journeys(
        self, sessions: AsyncIterator[str], only: Collection[str] | None
    ) -> AsyncIterator[RepairResult]:
        candidates = Candidates()
        async for candidate in self._scan.candidates(sessions, only):
            candidates.add(candidate)
            if len(candidates) >= CANDIDATES_AT_ONCE:
                for result in await self._second_pass(candidates):
                    yield result
                candidates = Candidates()
        for result in await self._second_pass(candidates) if candidates else ():
            yield result

    async def _second_pass(self, candidates: Candidates) -> list[RepairResult]:
        backlog = await self._backlog(candidates)
        verdicts = [await self._judge(*candidate, backlog) for candidate in candidates.journeys.items()]
        lost = [press for press in candidates.presses.values() if await self._is_lost(press, backlog)]
        runner = RepairRunner(self._system)
        if self._apply:
            await _run(runner, verdicts, lost, backlog)
        findings = [finding for verdict in verdicts for finding in verdict.findings()]
        return [self._result(finding, runner) for finding in [*findings, *map(_lost, lost)]]

    async def _backlog(self, candidates: Candidates) -> Backlog:
        comparisons = candidates.journeys.values()
        due = {event for seen in comparisons for m in seen.messages for event in self._scan.unpublished(m)}
        presses = {*candidates.presses, *_unlogged(candidates.journeys)}
        return await read_backlog(self._system.bus, candidates.sessions(), presses=presses, events=due)

    def _result(self, finding: Finding, runner: RepairRunner) -> RepairResult:
        cause = runner.left.get((finding.journey, finding.place))
        return RepairResult(finding, self._apply and finding.remedy.mends and cause is None, cause or "")

    async def _judge(self, journey: str, first: Comparison, backlog: Backlog) -> Verdict:
        """Compare a journey a second time, and keep what both comparisons see and no worker has left to do."""
        again = await compare(self._system.store, journey, self._system.embedder)
        repairable = [d for d in again.differences if not _is_unrecordable(d, journey, backlog)]
        real = tuple(d for d in _seen_twice(first, again, repairable) if not _is_pending(d, again, backlog))
        unpublished = tuple(m for m in first.messages if self._is_unpublished(m, backlog))
        is_settled = bool(again.differences) and not repairable
        self._pending += not (real or unpublished or is_settled)
        return Verdict(journey, again._replace(differences=real), unpublished)

    def _is_unpublished(self, messages: ExpectedMessages, backlog: Backlog) -> bool:
        missing = [event for event in self._scan.unpublished(messages) if event not in backlog.published]
        return bool(missing) and messages.request not in backlog.requests

    async def _is_lost(self, candidate: PressCandidate, backlog: Backlog) -> bool:
        journey, press = candidate.name
        pending = press in backlog.presses or request_id(press) in backlog.requests
        self._pending += pending
        return not pending and not await self._system.store.outcome(journey, request_id(press))

    async def _canon(self) -> list[RepairResult]:
        runner, seen = RepairRunner(self._system), await compare_canon(self._system.store, self._system.embedder)
        if self._apply and not seen.equal:
            await runner.canon(seen)
        return [self._result(finding, runner) for finding in findings_of(None, seen.differences)]

    async def _topics(self) -> AsyncIterator[RepairResult]:
        runner, idle = RepairRunner(self._system), idle_page_topics(await self._system.bus.topics())
        for topic in await runner.topics(idle) if self._apply else idle:
            yield self._result(idle_topic(topic), runner)


async def _run(runner: RepairRunner, verdicts: list[Verdict], lost: list[PressCandidate], backlog: Backlog) -> None:
    """Repair the damage of a second pass: rows first, then messages."""
    await runner.journeys({v.journey: v.comparison for v in verdicts if v.comparison.differences})
    for verdict in verdicts:
        for messages in verdict.unpublished:
            place = unpublished_outcome(verdict.journey, messages.seq).place
            await runner.outcome(verdict.journey, messages.seq, place)
    for press in lost:
        await runner.press(press, backlog, _lost(press).place)


def _lost(press: PressCandidate) -> Finding:
    return unanswered_press(press.name.journey, press.name.press, in_log=press.entry is not None)


def _seen_twice(first: Comparison, again: Comparison, differences: Iterable[Difference]) -> list[Difference]:
    """Return the differences that the first comparison has too.

    A journey that got another outcome in between has other rows of the tables that the generator writes for all of it.
    """
    seen = {difference[:3] for difference in first.differences}
    is_same = again.outcomes == first.outcomes
    moved = set() if is_same else {projection.table for projection in written_by(PAGE_GENERATOR, OF_JOURNEY)}
    return [difference for difference in differences if difference[:3] in seen and difference.table not in moved]


def _unlogged(journeys: Mapping[str, Comparison]) -> set[PressName]:
    """Return the events whose rows are missing in journeys' logs, as if each were a press."""
    return {
        PressName(journey, difference.key)
        for journey, comparison in journeys.items()
        for difference in comparison.differences
        if is_unlogged(difference)
    }


def _is_unrecordable(difference: Difference, journey: str, backlog: Backlog) -> bool:
    """Return whether the missing log row is one that the recorder cannot write: of a press whose body is invalid."""
    if not is_unlogged(difference):
        return False
    press = backlog.pressed.get(PressName(journey, difference.key))
    return press is not None and event_of_log(press) is None


def _is_pending(difference: Difference, comparison: Comparison, backlog: Backlog) -> bool:
    """Return whether a worker has a difference left to do: the generator its request, or the table's own writer."""
    outcomes = [m for m in comparison.messages if m.seq == difference.seq] or comparison.messages[-1:]
    if any(messages.request in backlog.requests for messages in outcomes):
        return True
    writer = BY_TABLE[difference.table].writer
    if writer is INDEXER:
        return difference.key in backlog.updates
    return writer is RECORDER and (difference.key in backlog.records or difference.key in backlog.vaults)


async def each(sessions: Iterable[str]) -> AsyncIterator[str]:
    """Yield journeys."""
    for session in sessions:
        yield session
