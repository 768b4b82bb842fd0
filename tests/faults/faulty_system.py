"""A system at work in this process over ports that a plan makes go wrong, and a clear-eyed one beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.faults.checker import History
from tests.faults.evidence import generated_pages, history_of, settled
from tests.faults.witness import Call, Moment, Plan, Witness, nothing, witnessed_bus, witnessed_store
from tests.faults.worker_process import WORKERS

from qdpi.bootstrap import build_bus, build_store, build_system, build_workers, opened
from qdpi.errors import BusUnavailable, StoreUnavailable, Unavailable
from qdpi.events import Press
from qdpi.language.offline import OfflineWriter
from qdpi.language.port import LanguageModel
from qdpi.retry import Backoff
from qdpi.settings import Settings
from qdpi.symbols import parse_symbol
from qdpi.system import System, utc_now

QUICK: Final = Backoff(first=0.001, most=0.004)


class Trouble:
    """A system whose ports follow `plan`, which a test may change as it goes; `clear` sees the same files."""

    def __init__(self, clear: System, directory: Path) -> None:
        self.clear = clear
        self.directory = directory
        self.plan: Plan = nothing
        self.witness = Witness(self._plan)
        self.presses: dict[str, list[str]] = {}

    async def _plan(self, call: Call, moment: Moment) -> None:
        await self.plan(call, moment)

    async def press(self, journey: str, symbol: str, page: str | None = None, words: str = "") -> str:
        """Publish a press and return its id."""
        number = len(self.presses.setdefault(journey, [])) + 1
        event = Press(
            event_id=f"{journey}-press-{number}",
            ts=utc_now(),
            session_id=journey,
            symbol_code=parse_symbol(symbol),
            page_id=page,
            user_intent=words,
        )
        self.presses[journey].append(event.event_id)
        await self.clear.publisher.publish(event)
        return event.event_id

    async def settled(self) -> None:
        """Wait until all that was pressed is done."""
        await settled(self.clear.bus)

    async def history(self) -> History:
        """Return what came of everything that was pressed."""
        return await history_of(
            self.clear.store, self.clear.bus, self.presses, generated=generated_pages(self.directory)
        )


@asynccontextmanager
async def troubled(directory: Path, model: LanguageModel | None = None) -> AsyncIterator[Trouble]:
    """Have all workers work in a directory, until the block is left."""
    settings = Settings(data_dir=directory)
    async with opened(build_system(settings)) as clear:
        trouble = Trouble(clear, directory)
        async with _at_work(trouble, settings, model or OfflineWriter()):
            yield trouble


@asynccontextmanager
async def _at_work(trouble: Trouble, settings: Settings, model: LanguageModel) -> AsyncIterator[None]:
    system = build_system(
        settings,
        bus=witnessed_bus(build_bus(settings, utc_now), trouble.witness),
        store=witnessed_store(build_store(settings), trouble.witness),
        backoff=QUICK,
        embedder=trouble.clear.embedder,
    )
    async with opened(system):
        await system.editions.current()
        trouble.witness.begin()
        group = build_workers(system, WORKERS, model)
        working = asyncio.create_task(group.run())
        try:
            yield
        finally:
            trouble.plan = nothing
            group.stop()
            await working


def away(call: Call) -> Unavailable:
    """Return the error of a part that does not answer a call."""
    part = StoreUnavailable if call.name.startswith("store.") else BusUnavailable
    return part(f"A test has {call.name} away.")


def away_for(first: int, calls: int) -> Plan:
    """Return the plan that the calls from number `first` on fail before anything is done, `calls` of them."""

    async def plan(call: Call, moment: Moment) -> None:
        if moment is Moment.BEFORE and first <= call.number < first + calls:
            raise away(call)

    return plan


def answer_lost(number: int) -> Plan:
    """Return the plan that the call of this number is done, and its answer is an outage.

    Not a fetch: it happens in this process, and what it took it gives.
    """

    async def plan(call: Call, moment: Moment) -> None:
        if moment is Moment.AFTER and call.number == number and not call.name.endswith(".fetch"):
            raise away(call)

    return plan
