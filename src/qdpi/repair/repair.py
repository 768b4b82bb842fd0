"""Repair: what a crash between two writes has left is found, and mended by the code that writes it.

A first look, journey by journey, finds what may be amiss, and sees work in flight as well. A second look at
what the first one found is taken behind what stands in line on the bus: what differs in both, and is nobody's
to finish, is a finding.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple

from qdpi.ids import request_id
from qdpi.repair.apply import Mending, event_of_log
from qdpi.repair.compare import Comparison, Tidings, compare, compare_canon
from qdpi.repair.findings import Finding, Mended, finding, findings_of
from qdpi.repair.projections import FIGURES, INDEX, LOG, SNAPSHOTS, VAULT, VECTORS, Difference
from qdpi.repair.scan import FirstLook, Suspect, Suspects
from qdpi.services.backlog import Backlog, IdSet, read_backlog
from qdpi.services.enricher import PressName
from qdpi.services.janitor import idle_page_topics
from qdpi.system import System

SUSPECTS_AT_ONCE: Final = 500
"""How many journeys and presses are looked at again together: each second look reads what the bus holds."""


class Verdict(NamedTuple):
    """What is amiss with a journey: `comparison` has the differences that are nobody's to finish."""

    journey: str
    comparison: Comparison
    untold: tuple[Tidings, ...]


class Repair:
    """Looks at journeys, the presses on the bus, the canon and the topics; mends what it finds with `apply`."""

    def __init__(self, system: System, *, apply: bool, progress: Callable[[int], None] = lambda done: None) -> None:
        self._system, self._apply = system, apply
        self._look = FirstLook(system, progress)
        self._busy = 0

    @property
    def journeys(self) -> int:
        """How many journeys were looked at so far."""
        return self._look.journeys

    @property
    def in_flight(self) -> int:
        """How many journeys and presses were left to those whose work they are."""
        return self._busy + self._look.in_line

    async def of(self, sessions: Collection[str]) -> AsyncIterator[Mended]:
        """Give what is amiss with these journeys."""
        async for mended in self._journeys(each(sessions), set(sessions)):
            yield mended

    async def of_all(self) -> AsyncIterator[Mended]:
        """Give what is amiss with every journey, with the canon, and with the topics."""
        async for mended in self._journeys(self._every_journey(), None):
            yield mended
        for mended in await self._canon():
            yield mended
        async for mended in self._topics():
            yield mended

    async def _every_journey(self) -> AsyncIterator[str]:
        """Give the journeys that have outcomes, then those of which only the log knows."""
        seen = IdSet()
        async for journey in self._system.store.journeys():
            seen.add(journey)
            yield journey
        async for journey in self._system.store.logged_journeys():
            if journey not in seen:
                yield journey

    async def _journeys(self, sessions: AsyncIterator[str], only: Collection[str] | None) -> AsyncIterator[Mended]:
        suspects = Suspects()
        async for suspect in self._look.suspects(sessions, only):
            suspects.add(suspect)
            if len(suspects) >= SUSPECTS_AT_ONCE:
                for mended in await self._second_look(suspects):
                    yield mended
                suspects = Suspects()
        for mended in await self._second_look(suspects) if suspects else ():
            yield mended

    async def _second_look(self, suspects: Suspects) -> list[Mended]:
        due = {event for seen in suspects.journeys.values() for t in seen.tidings for event in self._look.untold(t)}
        presses = {*suspects.presses, *_unlogged(suspects.journeys)}
        line = await read_backlog(self._system.bus, suspects.sessions(), presses=presses, events=due)
        verdicts = [await self._judge(*suspect, line) for suspect in suspects.journeys.items()]
        lost = [press for press in suspects.presses.values() if await self._is_lost(press, line)]
        mending = Mending(self._system)
        if self._apply:
            await _mend(mending, verdicts, lost, line)
        findings = [found for verdict in verdicts for found in _findings(verdict)]
        return [self._mended(found, mending) for found in [*findings, *map(_lost, lost)]]

    def _mended(self, found: Finding, mending: Mending) -> Mended:
        cause = mending.left.get((found.journey, found.place))
        return Mended(found, self._apply and found.remedy.mends and cause is None, cause or "")

    async def _compare(self, session: str) -> Comparison:
        return await compare(self._system.store, session, self._system.embedder)

    async def _judge(self, journey: str, first: Comparison, line: Backlog) -> Verdict:
        again = await self._compare(journey)
        seen = {difference[:3] for difference in first.differences}
        moved = {SNAPSHOTS, FIGURES} if again.outcomes != first.outcomes else set()
        wanting = [difference for difference in again.differences if not _is_no_row(difference, journey, line)]
        real = tuple(
            difference
            for difference in wanting
            if difference[:3] in seen and difference.table not in moved and not _in_line(difference, again, line)
        )
        untold = tuple(
            tidings
            for tidings in first.tidings
            if tidings.request not in line.requests
            and any(event not in line.published for event in self._look.untold(tidings))
        )
        is_settled = bool(again.differences) and not wanting
        self._busy += not (real or untold or is_settled)
        return Verdict(journey, again._replace(differences=real), untold)

    async def _is_lost(self, suspect: Suspect, line: Backlog) -> bool:
        journey, press = suspect.name
        in_line = press in line.presses or request_id(press) in line.requests
        self._busy += in_line
        return not in_line and not await self._system.store.outcome(journey, request_id(press))

    async def _canon(self) -> list[Mended]:
        mending, seen = Mending(self._system), await compare_canon(self._system.store, self._system.embedder)
        if self._apply and not seen.equal:
            await mending.canon(seen)
        return [self._mended(found, mending) for found in findings_of(None, seen.differences)]

    async def _topics(self) -> AsyncIterator[Mended]:
        mending, idle = Mending(self._system), idle_page_topics(await self._system.bus.topics())
        for topic in await mending.topics(idle) if self._apply else idle:
            yield self._mended(finding("page-topic-idle", None, topic, "it holds nothing any more"), mending)


async def _mend(mending: Mending, verdicts: list[Verdict], lost: list[Suspect], line: Backlog) -> None:
    await mending.journeys({v.journey: v.comparison for v in verdicts if v.comparison.differences})
    for verdict in verdicts:
        for tidings in verdict.untold:
            await mending.tidings(verdict.journey, tidings.seq, _untold(verdict.journey, tidings).place)
    for press in lost:
        await mending.press(press, line, _lost(press).place)


def _unlogged(journeys: Mapping[str, Comparison]) -> set[PressName]:
    """Return the events, as presses, whose rows journeys' logs lack."""
    return {
        PressName(journey, difference.key)
        for journey, comparison in journeys.items()
        for difference in comparison.differences
        if difference.is_unlogged
    }


def _is_no_row(difference: Difference, journey: str, line: Backlog) -> bool:
    """Tell whether a row is missing that no recorder can write: of a press that is answered, and no event of a log."""
    if not difference.is_unlogged:
        return False
    press = line.pressed.get(PressName(journey, difference.key))
    return press is not None and event_of_log(press) is None


def _in_line(difference: Difference, comparison: Comparison, line: Backlog) -> bool:
    """Tell whether a difference is work that somebody has still to finish."""
    of = [tidings for tidings in comparison.tidings if tidings.seq == difference.seq] or comparison.tidings[-1:]
    if any(tidings.request in line.requests for tidings in of):
        return True
    if difference.table in {VECTORS, INDEX}:
        return difference.key in line.updates
    if difference.table == LOG:
        return difference.key in line.records
    return difference.table == VAULT and comparison.journey in line.vaults


def _findings(verdict: Verdict) -> list[Finding]:
    untold = (_untold(verdict.journey, tidings) for tidings in verdict.untold)
    return [*findings_of(verdict.journey, verdict.comparison.differences), *untold]


def _untold(journey: str, tidings: Tidings) -> Finding:
    detail = f"outcome {tidings.seq} is not on the bus"
    return finding("outcome-untold", journey, f"outcomes/{tidings.seq}", detail)


def _lost(press: Suspect) -> Finding:
    where = "the log" if press.entry else "the bus"
    detail = f"it stands on {where}, has no outcome and nobody is to give it one"
    return finding("press-unanswered", press.name.journey, f"presses/{press.name.press}", detail)


async def each(sessions: Iterable[str]) -> AsyncIterator[str]:
    """Give journeys one after another."""
    for session in sessions:
        yield session
