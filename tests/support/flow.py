"""A system with its workers in one process, for tests that press symbols and read the outcomes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from qdpi.bootstrap import build_system, build_workers, ensure_book, opened
from qdpi.bus.port import EventBus, Record, Start
from qdpi.events import (
    TOPICS,
    Ask,
    DeadLetter,
    Event,
    PageDone,
    PageEvent,
    PageFailed,
    Press,
    Stop,
    VaultChange,
    body_of,
    decode,
)
from qdpi.ids import request_id
from qdpi.language.offline import OfflineWriter
from qdpi.language.port import LanguageModel
from qdpi.outcome import Outcome
from qdpi.retry import Backoff
from qdpi.search.vectors import Embedder
from qdpi.settings import load_settings
from qdpi.symbols import Trajectory, parse_symbol
from qdpi.system import System, random_id, utc_now
from qdpi.topology import COMPONENTS

WORKERS = ("enricher", "page_generator", "indexer", "recorder")
EMBEDDER = Embedder()
"""One for all tests: it loads its vectors at the first text."""
E = TypeVar("E", bound=Event | DeadLetter)


class PublishedRecords:
    """All records that were published on a bus, from its beginning."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._grown = asyncio.Condition()
        self._ended: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.records: list[Record] = []

    async def follow(self) -> None:
        """Read records until cancelled."""
        async with self._bus.tap(TOPICS, Start.EARLIEST) as records:
            async for record in records:
                async with self._grown:
                    self.records.append(record)
                    self._grown.notify_all()
                if record.topic in {PageDone.topic, PageFailed.topic}:
                    self._ended[str(body_of(record.value).get("press_id"))].set()

    async def wait_for_outcome(self, press: str) -> None:
        """Wait until the outcome of a press is published."""
        await self._ended[press].wait()

    def all(self, model: type[E]) -> list[E]:
        """Return the events published so far on a model's topic."""
        return [decode(model, record.value) for record in self.records if record.topic == model.topic]

    async def until(self, model: type[E], wanted: Callable[[E], bool] = lambda event: True, count: int = 1) -> list[E]:
        """Wait for `count` wanted events, and return all wanted ones so far."""
        found: list[E] = []
        seen = 0
        while True:
            async with self._grown:
                await self._grown.wait_for(lambda: len(self.records) > seen)  # noqa: B023
                fresh, seen = self.records[seen:], len(self.records)
            events = [decode(model, record.value) for record in fresh if record.topic == model.topic]
            found += [event for event in events if wanted(event)]
            if len(found) >= count:
                return found


class Flow:
    """Presses symbols on a system and waits for their effects."""

    def __init__(self, system: System, published: PublishedRecords) -> None:
        self.system, self.published = system, published

    async def send(self, event: Press | Ask | Stop | VaultChange) -> str:
        """Publish an event and return its id."""
        await self.system.publisher.publish(event)
        return event.event_id

    def press_event(
        self,
        session: str,
        symbol: str | int,
        page: str | None = None,
        *,
        words: str = "",
        wish: Trajectory | None = None,
    ) -> Press:
        """Return a press, with a new id."""
        return Press(
            event_id=random_id(),
            ts=utc_now(),
            session_id=session,
            symbol_code=parse_symbol(symbol),
            page_id=page,
            user_intent=words,
            trajectory=wish,
        )

    async def outcome_of(self, session: str, press: str) -> Outcome:
        """Wait until the outcome of a press is published, and return it."""
        await self.published.wait_for_outcome(press)
        outcome = await self.system.store.outcome(session, request_id(press))
        assert outcome is not None
        return outcome

    async def press(
        self,
        session: str,
        symbol: str | int,
        page: str | None = None,
        *,
        words: str = "",
        wish: Trajectory | None = None,
    ) -> Outcome:
        """Press a symbol and wait for the outcome."""
        event = self.press_event(session, symbol, page, words=words, wish=wish)
        await self.send(event)
        return await self.outcome_of(session, event.event_id)

    async def ask(self, session: str, words: str, page: str | None = None) -> Outcome:
        """Ask in words and wait for the outcome."""
        event = Ask(event_id=random_id(), ts=utc_now(), session_id=session, user_intent=words, page_id=page)
        await self.send(event)
        return await self.outcome_of(session, event.event_id)

    async def stop(self, session: str, press: str) -> str:
        """Stop a press's run, without waiting for its outcome."""
        return await self.send(Stop(event_id=random_id(), ts=utc_now(), session_id=session, press_id=press))

    async def save(self, session: str, page: str) -> None:
        """Save a page in a vault, and wait until it is stored."""
        change = VaultChange(event_id=random_id(), ts=utc_now(), session_id=session, page_id=page, action="saved")
        await self.send(change)
        await self.published.until(PageEvent, lambda event: event.cause_id == change.event_id)

    async def indexed(self, page: str) -> PageEvent:
        """Wait until a page is indexed."""
        (event,) = await self.published.until(
            PageEvent, lambda event: (event.page_id, event.change) == (page, "indexed")
        )
        return event

    async def all_read_by(self, worker: str) -> None:
        """Wait until a worker has handled and committed every record."""
        while any(lag.records for lag in await self.system.bus.lag(COMPONENTS[worker].group)):  # noqa: ASYNC110
            # A bus does not report commits.
            await asyncio.sleep(0.005)


@asynccontextmanager
async def working(
    directory: Path,
    model: LanguageModel | None = None,
    *,
    workers: tuple[str, ...] = WORKERS,
    wrap: Callable[[System], System] = lambda system: system,
    backoff: Backoff | None = None,
    environment: Mapping[str, str] | None = None,
    **settings: object,
) -> AsyncIterator[Flow]:
    """Run a system with its workers in a directory, on the project's own book unless `book` is given.

    It is embedded unless the environment names a bus or a store.

    At the end of the block the workers finish started work.
    """
    given = load_settings(environment or {}, data_dir=directory, **settings)
    built = wrap(build_system(given, backoff=backoff, embedder=EMBEDDER))
    async with opened(built) as system:
        await system.bus.create_topics(TOPICS.values())
        await ensure_book(system)
        published = PublishedRecords(system.bus)
        following = asyncio.create_task(published.follow())
        group = build_workers(system, workers, model or OfflineWriter())
        working = asyncio.create_task(group.run())
        try:
            yield Flow(system, published)
        finally:
            group.stop()
            await working
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
