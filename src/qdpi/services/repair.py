"""Repair: what a crash between two writes has left is found, and mended by the code that writes it.

A first look, journey by journey, finds what may be amiss, and sees work in flight as well. A second look at
what the first one found is taken behind what stands in line on the bus: what differs in both, and is nobody's
to finish, is a finding.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from qdpi.bus.port import Message
from qdpi.bus.publisher import message_of
from qdpi.errors import MalformedEvent
from qdpi.events import TOPICS, Ask, Press, Stop, VaultChange, decode
from qdpi.identity import request_id
from qdpi.projections import FIGURES, INDEX, LOG, SNAPSHOTS, VAULT, VECTORS, Difference
from qdpi.repairing import Finding, Mended, finding, findings_of
from qdpi.services.comparison import Comparison, Tidings, compare, compare_canon
from qdpi.services.derivation import tell
from qdpi.services.indexer import Indexer
from qdpi.services.janitor import idle_page_topics
from qdpi.services.line import Line, journey_of, read_line
from qdpi.services.recorder import record_event
from qdpi.services.replay import rebuild, rebuild_canon
from qdpi.services.suspicion import FirstLook, Suspect, Suspects
from qdpi.system import System

SUSPECTS_AT_ONCE: Final = 500
"""How many journeys and presses are looked at again together: each second look reads what the bus holds."""
_INPUTS: Final = (Press.topic, Ask.topic, Stop.topic, VaultChange.topic)


class Verdict(NamedTuple):
    """What is amiss with a journey: `comparison` has the differences that are nobody's to finish."""

    journey: str
    comparison: Comparison
    untold: tuple[Tidings, ...]


class Repair:
    """Looks at journeys, the presses on the bus, the canon and the topics; mends what it finds with `apply`."""

    def __init__(self, system: System, *, apply: bool, progress: Callable[[int], None] = lambda done: None) -> None:
        self._system, self._apply = system, apply
        self._indexer = Indexer(system.store, system.publisher, system.embedder)
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
        async for mended in self._journeys(self._system.store.journeys(), None):
            yield mended
        for mended in await self._canon():
            yield mended
        async for mended in self._topics():
            yield mended

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
        line = await read_line(self._system.bus, suspects.sessions(), presses=suspects.presses, told=due)
        verdicts = [await self._judge(*suspect, line) for suspect in suspects.journeys.items()]
        lost = [press for press in suspects.presses.values() if await self._is_lost(press, line)]
        left = await self._mend(verdicts, lost, line) if self._apply else {}
        return [
            *(self._mended(found, left) for verdict in verdicts for found in _findings(verdict)),
            *(self._mended(_lost(press), left) for press in lost),
        ]

    def _mended(self, found: Finding, left: dict[str | None, set[str]]) -> Mended:
        return Mended(found, self._apply and found.remedy.mends and found.place not in left.get(found.journey, ()))

    async def _compare(self, session: str) -> Comparison:
        return await compare(self._system.store, session, self._system.embedder)

    async def _judge(self, journey: str, first: Comparison, line: Line) -> Verdict:
        again = await self._compare(journey)
        seen = {difference[:3] for difference in first.differences}
        moved = {SNAPSHOTS, FIGURES} if again.outcomes != first.outcomes else set()
        real = tuple(
            difference
            for difference in again.differences
            if difference[:3] in seen and difference.table not in moved and not _in_line(difference, again, line)
        )
        untold = tuple(
            tidings
            for tidings in first.tidings
            if tidings.request not in line.requests
            and any(event not in line.told for event in self._look.untold(tidings))
        )
        self._busy += not real and not untold
        return Verdict(journey, again._replace(differences=real), untold)

    async def _is_lost(self, suspect: Suspect, line: Line) -> bool:
        in_line = suspect.press in line.presses or request_id(suspect.press) in line.requests
        self._busy += in_line
        return not in_line and not await self._system.store.outcome(suspect.journey, request_id(suspect.press))

    async def _mend(self, verdicts: list[Verdict], lost: list[Suspect], line: Line) -> dict[str | None, set[str]]:
        """Mend what was found; return the places of each journey that differ still."""
        damaged = {verdict.journey: verdict.comparison for verdict in verdicts if verdict.comparison.differences}
        await self._record_again([name for name, seen in damaged.items() if any(map(_is_recorded, seen.differences))])
        left: dict[str | None, set[str]] = {}
        for journey, comparison in damaged.items():
            await rebuild(self._system.store, journey, comparison, self._indexer)
            left[journey] = _places(await self._compare(journey))
        for verdict in verdicts:
            for tidings in verdict.untold:
                await self._tell(verdict.journey, tidings.seq)
        for press in lost:
            await self._system.bus.publish(_press_again(press, line))
        return left

    async def _record_again(self, journeys: Collection[str]) -> None:
        """Bring into journeys' logs and vaults what the bus still has of them, as the recorder does."""
        for topic in _INPUTS if journeys else ():
            async for record in self._system.bus.scan(topic):
                if journey_of(record) in journeys:
                    with suppress(MalformedEvent):  # no event of the log: it ended as a dead letter
                        await record_event(decode(TOPICS[topic].model, record.value), self._system.store)

    async def _tell(self, journey: str, seq: int) -> None:
        for outcome in await self._system.store.outcomes(journey, after=seq - 1, limit=1):
            await tell(outcome, self._system.publisher)

    async def _canon(self) -> list[Mended]:
        system = self._system
        seen = await compare_canon(system.store, system.embedder)
        left: set[str] = set()
        if self._apply and not seen.equal:
            await rebuild_canon(system.store, seen, self._indexer)
            left = _places(await compare_canon(system.store, system.embedder))
        return [self._mended(found, {None: left}) for found in findings_of(None, seen.differences)]

    async def _topics(self) -> AsyncIterator[Mended]:
        idle = idle_page_topics(await self._system.bus.topics())
        deleted = await self._system.bus.delete_topics(idle) if self._apply and idle else []
        for topic in idle:
            yield Mended(finding("page-topic-idle", None, topic, "it holds nothing"), topic in deleted)


def _in_line(difference: Difference, comparison: Comparison, line: Line) -> bool:
    """Tell whether a difference is work that somebody has still to finish."""
    of = [tidings for tidings in comparison.tidings if tidings.seq == difference.seq] or comparison.tidings[-1:]
    if any(tidings.request in line.requests for tidings in of):
        return True
    if difference.table in {VECTORS, INDEX}:
        return difference.key in line.updates
    if difference.table == LOG:
        return difference.key in line.records
    return difference.table == VAULT and comparison.journey in line.vaults


def _is_recorded(difference: Difference) -> bool:
    return difference.table == VAULT or (difference.table == LOG and not difference.field)


def _findings(verdict: Verdict) -> list[Finding]:
    untold = (
        finding(
            "outcome-untold", verdict.journey, f"outcomes/{tidings.seq}", f"outcome {tidings.seq} is not on the bus"
        )
        for tidings in verdict.untold
    )
    return [*findings_of(verdict.journey, verdict.comparison.differences), *untold]


def _lost(press: Suspect) -> Finding:
    where = "the log" if press.entry else "the bus"
    detail = f"it stands on {where}, has no outcome and nobody is to give it one"
    return finding("press-unanswered", press.journey, f"presses/{press.press}", detail)


def _press_again(press: Suspect, line: Line) -> Message:
    record = line.pressed.get(press.press)
    if record is not None:
        return Message(record.topic, record.key, record.value, record.headers)
    if press.entry is None:
        raise ValueError(f"Press {press.press} was found neither on the bus nor in the log.")
    return message_of(decode(Ask if press.entry.type == Ask.topic else Press, press.entry.payload_json.encode()))


def _places(comparison: Comparison) -> set[str]:
    return {found.place for found in findings_of(None, comparison.differences)}


async def each(sessions: Iterable[str]) -> AsyncIterator[str]:
    """Give journeys one after another."""
    for session in sessions:
        yield session
