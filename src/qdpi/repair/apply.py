"""Mending what a repair has found, by the code that writes it.

A mend that fails leaves its finding, with the cause, and ends nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Final

from qdpi.bus.port import Message, Record
from qdpi.bus.publisher import message_of
from qdpi.errors import InvalidInput, QdpiError, Unavailable
from qdpi.events import TOPICS, Ask, DeadLetter, Event, Press, Stop, VaultChange, decode, decode_press
from qdpi.outcome import log_entry
from qdpi.repair.compare import Comparison, compare, compare_canon
from qdpi.repair.findings import places_of
from qdpi.repair.projections import VAULT, Difference
from qdpi.repair.replay import rebuild, rebuild_canon
from qdpi.repair.scan import Suspect
from qdpi.services.backlog import Backlog, journey_of
from qdpi.services.indexer import Indexer
from qdpi.services.janitor import delete_idle
from qdpi.services.projector import tell
from qdpi.services.recorder import record_event
from qdpi.system import System

_INPUTS: Final = (Press.topic, Ask.topic, Stop.topic, VaultChange.topic)


class Mending:
    """Mends what was found in one look.

    `left` has the places, by journey, that are not as they ought to be, each with the error that left it so,
    or nothing where none did.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._indexer = Indexer(system.store, system.publisher, system.embedder)
        self._away = ""
        self.left: dict[tuple[str | None, str], str] = {}

    async def journeys(self, damaged: Mapping[str, Comparison]) -> None:
        """Write again what differs in journeys."""
        recorded = {name for name, seen in damaged.items() if any(map(_is_recorded, seen.differences))}
        try:
            await self._record_again(recorded)
        except Unavailable as error:
            self._away = str(error)
        for journey, comparison in damaged.items():
            await self._try(journey, places_of(comparison.differences), self._rebuilding(journey, comparison))

    async def canon(self, comparison: Comparison) -> None:
        """Write again what differs in the canon."""

        async def work() -> set[str]:
            await rebuild_canon(self._system.store, comparison, self._indexer)
            return places_of((await compare_canon(self._system.store, self._system.embedder)).differences)

        await self._try(None, places_of(comparison.differences), work)

    async def tidings(self, journey: str, seq: int, place: str) -> None:
        """Tell an outcome."""

        async def work() -> tuple[()]:
            for outcome in await self._system.store.outcomes(journey, after=seq - 1, limit=1):
                await tell(outcome, self._system.publisher)
            return ()

        await self._try(journey, [place], work)

    async def press(self, press: Suspect, line: Backlog, place: str) -> None:
        """Publish a press again."""

        async def work() -> tuple[()]:
            await self._system.bus.publish(_press_again(press, line))
            return ()

        await self._try(press.name.journey, [place], work)

    async def topics(self, idle: Collection[str]) -> Collection[str]:
        """Delete topics; return those that are gone or left. One that was published to meanwhile is neither."""
        deleted: list[str] = []

        async def work() -> tuple[()]:
            deleted.extend(await delete_idle(self._system.bus, idle))
            return ()

        await self._try(None, idle, work)
        return [topic for topic in idle if topic in deleted or (None, topic) in self.left]

    async def _try(
        self, journey: str | None, places: Iterable[str], mend: Callable[[], Awaitable[Iterable[str]]]
    ) -> None:
        """Mend places; `mend` returns those that differ still. Where a part is away nothing more is tried."""
        cause = self._away
        if not cause:
            try:
                places = await mend()
            except QdpiError as error:
                cause = str(error)
                self._away = cause if isinstance(error, Unavailable) else ""
        self.left.update({(journey, place): cause for place in places})

    def _rebuilding(self, journey: str, comparison: Comparison) -> Callable[[], Awaitable[set[str]]]:
        async def work() -> set[str]:
            store = self._system.store
            await rebuild(store, journey, comparison, self._indexer)
            return places_of((await compare(store, journey, self._system.embedder)).differences)

        return work

    async def _record_again(self, journeys: Collection[str]) -> None:
        """Bring into journeys' logs and vaults what the bus still has of them, as the recorder does."""
        for topic in _INPUTS if journeys else ():
            async for record in self._system.bus.scan(topic):
                event = event_of_log(record) if journey_of(record) in journeys else None
                if event is not None:
                    with suppress(InvalidInput):  # it says otherwise than its row of the log: it was a dead letter
                        await record_event(event, self._system.store)


def event_of_log(record: Record) -> Event | DeadLetter | None:
    """Return the event of a record that the log can have, None for one that ended as the recorder's dead letter."""
    try:
        event = decode(TOPICS[record.topic].model, record.value)
        if isinstance(event, Event):
            log_entry(event)
    except Exception:
        return None  # whatever the error is, the recorder meets it at every try
    return event


def _is_recorded(difference: Difference) -> bool:
    return difference.table == VAULT or difference.is_unlogged


def _press_again(press: Suspect, line: Backlog) -> Message:
    record = line.pressed.get(press.name)
    if record is not None:
        return Message(record.topic, record.key, record.value, record.headers)
    if press.entry is None:
        raise InvalidInput(
            f"Press {press.name.press} is gone from the bus, and no log has it.",
            next_step="Ask the reader to press again.",
        )
    return message_of(decode_press(press.entry.type, press.entry.payload_json.encode()))
