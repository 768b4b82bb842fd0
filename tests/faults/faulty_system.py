"""A system whose ports fail by a plan, with its workers in this process, and one without faults on the same files."""

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


class FaultySystem:
    """A system whose ports fail by `plan`, which a test may replace; `plain` has the same files and no faults."""

    def __init__(self, plain: System, directory: Path) -> None:
        self.plain = plain
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
        await self.plain.publisher.publish(event)
        return event.event_id

    async def settled(self) -> None:
        """Wait until every press is handled."""
        await settled(self.plain.bus)

    async def history(self) -> History:
        """Return the history of all presses."""
        return await history_of(
            self.plain.store, self.plain.bus, self.presses, generated=generated_pages(self.directory)
        )


@asynccontextmanager
async def faulty_system(directory: Path, model: LanguageModel | None = None) -> AsyncIterator[FaultySystem]:
    """Run all workers in a directory until the end of the block."""
    settings = Settings(data_dir=directory)
    async with opened(build_system(settings)) as plain:
        faulty = FaultySystem(plain, directory)
        async with _at_work(faulty, settings, model or OfflineWriter()):
            yield faulty


@asynccontextmanager
async def _at_work(faulty: FaultySystem, settings: Settings, model: LanguageModel) -> AsyncIterator[None]:
    system = build_system(
        settings,
        bus=witnessed_bus(build_bus(settings, utc_now), faulty.witness),
        store=witnessed_store(build_store(settings), faulty.witness),
        backoff=QUICK,
        embedder=faulty.plain.embedder,
    )
    async with opened(system):
        await system.editions.current()
        faulty.witness.begin()
        group = build_workers(system, WORKERS, model)
        working = asyncio.create_task(group.run())
        try:
            yield
        finally:
            faulty.plan = nothing
            group.stop()
            await working


def outage_of(call: Call) -> Unavailable:
    """Return the error of an outage at a call."""
    part = StoreUnavailable if call.name.startswith("store.") else BusUnavailable
    return part(f"The plan of a test fails {call.name}.")


def outage_from(first: int, calls: int) -> Plan:
    """Return the plan that fails `calls` calls from number `first` on, before they have an effect."""

    async def plan(call: Call, moment: Moment) -> None:
        if moment is Moment.BEFORE and first <= call.number < first + calls:
            raise outage_of(call)

    return plan


def lost_answer(number: int) -> Plan:
    """Return the plan that loses the answer of the call of this number after it had its effect.

    A fetch is excluded: it reads within this process, so its answer cannot be lost.
    """

    async def plan(call: Call, moment: Moment) -> None:
        if moment is Moment.AFTER and call.number == number and not call.name.endswith(".fetch"):
            raise outage_of(call)

    return plan
