"""Scenario: a world, its readers and its faults, all derived from a seed, and the check of the result."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from traceback import format_exception
from typing import Final

from tests.faults.checker import Broken, History, Violation, violations
from tests.faults.evidence import history_of
from tests.simulation.fault_schedule import FaultSchedule
from tests.simulation.loop import Overdue, SimulatedLoop
from tests.simulation.network import Weather
from tests.simulation.readers import Reader
from tests.simulation.roles import Gateway
from tests.simulation.world import Terms, World

from qdpi.events import PageEventLayout, PageFailed
from qdpi.journey import section_figures

PATIENCE: Final = 30.0
"""Simulated seconds after the last fault within which every press must be answered."""
GROUPS: Final = ("qdpi.enricher", "qdpi.page_generator", "qdpi.indexer", "qdpi.recorder")
WHOLE_EVERY: Final = 20
"""One seed in so many uses the real program."""

MOST_CALLS: Final = 20_000
"""More calls than any seed needs; more are an endless loop."""
WASTED: Final = "a page is begun for a press that is answered"
FIGURES: Final = "a journey's figures are not those of its newest state"
BLAMED: Final = "a press failed, and neither its model nor its reader ended it"


@dataclass
class Report:
    """The result of a seed."""

    seed: int
    presses: int = 0
    outcomes: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    """Faults of processes, servers and calls, by name."""
    seconds: float = 0.0
    """Simulated."""
    trace: str = ""
    wrong: list[str] = field(default_factory=list)


Build = Callable[[Random, Terms], World]


def run(seed: int, build: Build = World) -> Report:
    """Run a seed to its end and check it; the same seed gives the same report."""
    chance, report = Random(f"simulation {seed}"), Report(seed)
    loop = SimulatedLoop(Random(f"loop {seed}"))
    with _no_collection():
        world = build(chance, terms_of(seed, chance))
        try:
            loop.run_until_complete(_Simulation(world, chance, report).run())
        except Exception as failure:
            report.wrong.append("".join(format_exception(failure)[-4:]))
        report.wrong += [f"unhandled: {error}" for error in loop.errors]
        report.trace, report.seconds = world.network.trace, loop.time()
        report.injected.update(world.network.fates)
        loop.close()
    return report


@contextmanager
def _no_collection() -> Iterator[None]:
    # The time of a collection depends on the rest of the process, and a collected generator may still run.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def terms_of(seed: int, chance: Random) -> Terms:
    """Draw the terms of a world."""

    def seldom(*rates: float) -> float:
        return chance.choice([0.0, *rates])

    crowded = chance.random() < 0.15
    return Terms(
        weather=Weather(
            leg=chance.choice([0.001, 0.005, 0.02]),
            slow=seldom(0.01, 0.05),
            refused=seldom(0.01, 0.05, 0.2),
            unanswered=seldom(0.01, 0.05, 0.2),
            late=seldom(0.01, 0.05),
        ),
        partitions=chance.randint(1, 4),
        layout=chance.choice(list(PageEventLayout)),
        pace=0.3 if crowded else chance.choice([0.001, 0.02, 0.3]),
        model_fails=seldom(0.02, 0.2),
        whole_program=seed % WHOLE_EVERY == 0,
        concurrency=chance.choice([1, 4]),
        crowded=crowded,
        skew=seldom(0.5, 5.0),
    )


class _Simulation:
    def __init__(self, world: World, chance: Random, report: Report) -> None:
        self._world, self._chance, self._report = world, chance, report
        self._readers: list[Reader] = []
        self._faults = FaultSchedule(world, chance)

    async def run(self) -> None:
        world, chance = self._world, self._chance
        watch = asyncio.create_task(world.kafka.watch())  # noqa: F841, RUF006 (ended with all other tasks)
        for _ in range(chance.choice([2, 3] if world.terms.crowded else [1, 2, 2, 3])):
            world.add_worker()
        for _ in range(chance.randint(1, 2)):
            world.add_gateway()
        self._readers = [self._reader(number) for number in range(1 if world.terms.crowded else chance.randint(1, 4))]
        reading = [asyncio.create_task(reader.read(), name=reader.journey) for reader in self._readers]
        await self._faults.inject()
        world.network.weather = Weather(leg=world.terms.weather.leg)
        try:
            await self._answered(reading)
            await asyncio.sleep(max(0.0, world.network.quiet_at - asyncio.get_running_loop().time()) + 0.01)
        except Exception as failure:
            self._report.wrong.append("".join(format_exception(failure)[-4:]))
        await self._judge()
        await self._end()

    def _reader(self, number: int) -> Reader:
        presses, ahead = self._chance.randint(1, 4), self._chance.choice([1, 2, 5])
        if self._world.terms.crowded:
            presses, ahead = 5, 5
        return Reader(f"journey-{number}", presses, ahead, self._any_gateway, self._chance)

    def _any_gateway(self) -> Gateway | None:
        living = [gateway for gateway in self._world.gateways if gateway.alive]
        return self._chance.choice(living) if living else None

    # what must come of it

    async def _answered(self, reading: list[asyncio.Task[None]]) -> None:
        async with _within(PATIENCE):
            for reader in reading:
                while not reader.done():
                    await asyncio.wait((reader,), timeout=0.5)
                    self._check_calls()
                reader.result()
            for group in GROUPS:
                while any(lag.records for lag in await self._world.plain_bus.lag(group)):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)

    def _check_calls(self) -> None:
        if self._world.network.calls > MOST_CALLS:
            raise Overdue(f"It is not done after {MOST_CALLS:,} calls of the ports.")

    async def _judge(self) -> None:
        history = await self._history()
        self._report.injected.update(self._faults.injected)
        self._report.presses = sum(map(len, history.presses.values()))
        self._report.outcomes = sum(map(len, history.outcomes.values()))
        self._report.wrong += [_description(violation) for violation in self._violations(history)]
        self._report.wrong += [f"{WASTED}: {request}" for request in self._world.tables.wasted]
        self._report.wrong += [f"{BLAMED}: {failed}" for failed in _blamed(history)]
        self._report.wrong += [f"{FIGURES}: {journey}" for journey in self._off_figures(history)]
        for process in self._world.processes:
            self._report.wrong += [f"{process.name} failed: {failure!r}" for failure in process.failures]

    def _off_figures(self, history: History) -> Iterator[str]:
        for journey, outcomes in history.outcomes.items():
            counted = {w: figure for (w, whose), figure in self._world.tables.counters.items() if whose == journey}
            open_now = {where: figure for where, figure in counted.items() if any(figure)}
            if outcomes and open_now != section_figures(outcomes[-1].state):
                yield journey

    def _violations(self, history: History) -> list[Violation]:
        excused = {Broken.OUT_OF_ORDER} if self._faults.topic_has_grown else set()
        return [violation for violation in violations(history) if violation.broken not in excused]

    async def _history(self) -> History:
        tables = self._world.tables
        generated = [name for name, page in tables.pages.items() if page.placement is not None]
        linked = [name for name in tables.edges if name not in tables.pages]
        return await history_of(
            self._world.plain_store,
            self._world.plain_bus,
            {reader.journey: reader.pressed for reader in self._readers},
            generated=[*generated, *linked],
            streams=[reader.seen for reader in self._readers],
        )

    async def _end(self) -> None:
        """End every process; its tasks must end in bounded time."""
        for process in self._world.processes:
            process.kill()
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        assert isinstance(loop, SimulatedLoop)
        for task in loop.tasks_of(None):
            if task is not me:
                task.cancel()
        async with _within(5.0):
            for whose in (*self._world.processes, None):
                await asyncio.gather(*(t for t in loop.tasks_of(whose) if t is not me), return_exceptions=True)


class _within:  # noqa: N801 (reads as a word)
    """A bound in simulated time on what a block takes; raises `Overdue` with what waits."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._timeout = seconds, asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *exc_info: object) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        waiting = loop.waiting()
        try:
            await self._timeout.__aexit__(*exc_info)  # type: ignore[arg-type]
        except TimeoutError:
            raise Overdue(f"It is not done after {self._seconds:g} simulated seconds. What waits:\n{waiting}") from None


def _blamed(history: History) -> Iterator[str]:
    for outcome in history.all_outcomes():
        event = outcome.event
        if isinstance(event, PageFailed) and event.error.code not in {"model_unreachable", "stopped"}:
            yield f"{event.session_id} {event.press_id} {event.error.code} {event.error.detail}"


def _description(violation: Violation) -> str:
    return f"{violation.broken}: {violation.journey} {violation.what}"
