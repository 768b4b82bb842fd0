"""Apply repairs by running again the code that first wrote the rows and messages.

A repair that fails leaves its finding, with the cause, and the other repairs go on; after an outage none is tried.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Final

from qdpi.bus.port import Message, Record
from qdpi.bus.publisher import message_of
from qdpi.errors import InvalidInput, QdpiError, Unavailable
from qdpi.events import TOPICS, Ask, DeadLetter, Event, Press, ReaderPlace, Stop, VaultChange, decode, decode_press
from qdpi.outcome import log_entry
from qdpi.repair.compare import Comparison, compare, compare_canon
from qdpi.repair.differences import Difference
from qdpi.repair.findings import places_of
from qdpi.repair.replay import rebuild, rebuild_canon
from qdpi.repair.scan import PressCandidate
from qdpi.services.backlog import Backlog, journey_of
from qdpi.services.indexer import Indexer
from qdpi.services.janitor import delete_idle
from qdpi.services.projections.journeys import LOG, VAULT
from qdpi.services.projector import publish
from qdpi.services.recorder import record_event
from qdpi.system import System

_INPUTS: Final = (Press.topic, Ask.topic, Stop.topic, VaultChange.topic, ReaderPlace.topic)


class RepairRunner:
    """Repairs one batch of findings.

    `left` has the places that could not be repaired, as (journey, place), each with the error that prevented it, empty
    where the place differs still without an error.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._indexer = Indexer(system.store, system.publisher, system.embedder)
        self._outage = ""
        self.left: dict[tuple[str | None, str], str] = {}

    async def journeys(self, damaged: Mapping[str, Comparison]) -> None:
        """Rewrite the rows of journeys that differ."""
        recorded = {name for name, comparison in damaged.items() if any(map(_is_recorded, comparison.differences))}
        try:
            await self._record_again(recorded)
        except Unavailable as error:
            self._outage = str(error)
        for journey, comparison in damaged.items():
            await self._try(journey, places_of(comparison.differences), self._rebuilding(journey, comparison))

    async def canon(self, comparison: Comparison) -> None:
        """Rewrite the rows of the canon's pages that differ."""

        async def work() -> set[str]:
            await rebuild_canon(self._system.store, comparison, self._indexer)
            return places_of((await compare_canon(self._system.store, self._system.embedder)).differences)

        await self._try(None, places_of(comparison.differences), work)

    async def outcome(self, journey: str, seq: int, place: str) -> None:
        """Publish an outcome's messages again."""

        async def work() -> tuple[()]:
            for outcome in await self._system.store.outcomes(journey, after=seq - 1, limit=1):
                await publish(outcome, self._system.publisher)
            return ()

        await self._try(journey, [place], work)

    async def press(self, press: PressCandidate, backlog: Backlog, place: str) -> None:
        """Publish a press again."""

        async def work() -> tuple[()]:
            await self._system.bus.publish(_press_again(press, backlog))
            return ()

        await self._try(press.name.journey, [place], work)

    async def topics(self, idle: Collection[str]) -> Collection[str]:
        """Delete topics; return those that were deleted or left. One that was published to since is neither."""
        deleted: list[str] = []

        async def work() -> tuple[()]:
            deleted.extend(await delete_idle(self._system.bus, idle))
            return ()

        await self._try(None, idle, work)
        return [topic for topic in idle if topic in deleted or (None, topic) in self.left]

    async def _try(
        self, journey: str | None, places: Iterable[str], repair: Callable[[], Awaitable[Iterable[str]]]
    ) -> None:
        """Repair some places unless there is an outage; `repair` returns the places that differ still."""
        cause = self._outage
        if not cause:
            try:
                places = await repair()
            except QdpiError as error:
                cause = str(error)
                self._outage = cause if isinstance(error, Unavailable) else ""
        self.left.update({(journey, place): cause for place in places})

    def _rebuilding(self, journey: str, comparison: Comparison) -> Callable[[], Awaitable[set[str]]]:
        async def work() -> set[str]:
            store = self._system.store
            await rebuild(store, journey, comparison, self._indexer)
            return places_of((await compare(store, journey, self._system.embedder)).differences)

        return work

    async def _record_again(self, journeys: Collection[str]) -> None:
        """Record again, as the recorder does, the events of journeys that the bus still holds."""
        for topic in _INPUTS if journeys else ():
            async for record in self._system.bus.scan(topic):
                event = event_of_log(record) if journey_of(record) in journeys else None
                if event is not None:
                    with suppress(InvalidInput):  # it contradicts its row of the log: it became a dead letter
                        await record_event(event, self._system.store)


def event_of_log(record: Record) -> Event | DeadLetter | None:
    """Return a record's event, None if the log cannot have it: such a record became the recorder's dead letter."""
    try:
        event = decode(TOPICS[record.topic].model, record.value)
        if isinstance(event, Event):
            log_entry(event)
    except Exception:
        return None  # whatever the error is, the recorder gets it at every attempt
    return event


def is_unlogged(difference: Difference) -> bool:
    """Return whether a row of the events log is missing; the difference's key is then its event's id."""
    return difference.table == LOG.table and not difference.field


def _is_recorded(difference: Difference) -> bool:
    return difference.table == VAULT.table or is_unlogged(difference)


def _press_again(press: PressCandidate, backlog: Backlog) -> Message:
    record = backlog.pressed.get(press.name)
    if record is not None:
        return Message(record.topic, record.key, record.value, record.headers)
    if press.entry is None:
        raise InvalidInput(
            f"Press {press.name.press} is gone from the bus and is not in the log.",
            next_step="Ask the reader to press again.",
        )
    return message_of(decode_press(press.entry.type, press.entry.payload_json.encode()))
