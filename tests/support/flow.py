"""A whole system at work in one process, for tests that press symbols and read what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from qdpi.bootstrap import build_company, build_system, ensure_book, opened, random_id, utc_now
from qdpi.bus.port import Start
from qdpi.events import Ask, PageDone, PageFailed, Press, Stop, decode
from qdpi.identity import request_id
from qdpi.language.offline import OfflineWriter
from qdpi.language.port import LanguageModel
from qdpi.outcome import Outcome
from qdpi.settings import Settings
from qdpi.symbols import Trajectory, parse_symbol
from qdpi.system import System

ACTORS = ("enricher", "page_generator", "indexer", "recorder")


class Flow:
    """Presses symbols on a system and waits for what they lead to."""

    def __init__(self, system: System) -> None:
        self.system = system

    async def send(self, event: Press | Ask | Stop) -> str:
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
        """Wait until a press has its outcome and its reader was told."""
        async with self.system.bus.tap([PageDone.topic, PageFailed.topic], Start.EARLIEST) as told:
            async for record in told:
                model = PageDone if record.topic == PageDone.topic else PageFailed
                if decode(model, record.value).press_id == press:  # type: ignore[arg-type]
                    break
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


@asynccontextmanager
async def working(
    directory: Path,
    model: LanguageModel | None = None,
    *,
    actors: tuple[str, ...] = ACTORS,
    wrap: Callable[[System], System] = lambda system: system,
    **settings: object,
) -> AsyncIterator[Flow]:
    """Run a system with its actors in a directory, on the project's own book unless `book` is given."""
    built = wrap(build_system(Settings(data_dir=directory, **settings)))  # type: ignore[arg-type]
    async with opened(built) as system:
        await ensure_book(system)
        company = build_company(system, actors, model or OfflineWriter())
        working = asyncio.create_task(company.run())
        try:
            yield Flow(system)
        finally:
            company.stop()
            await working
