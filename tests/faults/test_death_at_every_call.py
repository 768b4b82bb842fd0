"""A worker is killed right after each of the port calls that answer presses; another takes over."""

from __future__ import annotations

import asyncio
import random
import re
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.faults.checker import Violation, tally, violations
from tests.faults.conftest import NewDataDir
from tests.faults.evidence import generated_pages, history_of, settled
from tests.faults.forked_workers import ForkedWorker, ForkServer, fork_server
from tests.support.notes import Note

from qdpi.bootstrap import build_system, opened
from qdpi.events import PageDelta, Press
from qdpi.ids import derived_id
from qdpi.settings import Settings
from qdpi.symbols import parse_symbol
from qdpi.system import utc_now

SEED = 3
SHORT = 16
"""The number of kinds of calls after which a worker dies in the short form."""
AT_ONCE = 4
"""The number of concurrent deaths."""
LIVES = 3
"""The number of workers in which a call is waited for."""
BUNDLED = re.compile(rf"\.(fetch|commit|settle)#|^bus\.publish {re.escape(PageDelta.topic)}#")
"""The calls whose number depends on how records, offsets and deltas were batched.

A store settles once before every commit of offsets.
"""


class Death(NamedTuple):
    """The result of a worker that was to die after a call."""

    after: str
    died: bool
    found: list[Violation]
    presses: int
    outcomes: int


def presses() -> list[Press]:
    """Return two presses of one journey, the second with words, and one of another journey that must be refused."""
    return [
        _press("amber", 1, "an-author:XC", "S01-P0001"),
        _press("amber", 2, "an-author:AU", None, "What did the lamp show?"),
        _press("birch", 1, "an-author:XC", "S01-P9999"),
    ]


def _press(journey: str, number: int, symbol: str, page: str | None, words: str = "") -> Press:
    return Press(
        event_id=derived_id("death-at-every-call", journey, str(number)),
        ts=utc_now(),
        session_id=journey,
        symbol_code=parse_symbol(symbol),
        page_id=page,
        user_intent=words,
    )


@pytest.mark.process
@pytest.mark.parametrize(
    "most",
    [pytest.param(SHORT, id="some kinds"), pytest.param(None, id="every call", marks=pytest.mark.long)],
)
async def test_death_after_any_port_call(most: int | None, new_data_dir: NewDataDir, note: Note):
    """A death after any port call loses, doubles and reorders no press."""
    async with fork_server() as server:
        calls = await _calls_of_a_whole_life(server, new_data_dir())
        assert len(calls) > 40, "the dry run saw too few calls to be the handling of three presses"
        # in the short form the first call of a kind, which every worker makes however its records are bundled
        wanted = calls if most is None else list({_kind(call): call for call in reversed(calls)}.values())
        order = random.Random(SEED).sample(wanted, most or len(wanted))
        room = asyncio.Semaphore(AT_ONCE)

        async def one(label: str) -> Death:
            async with room:
                death = await _death(server, new_data_dir(), label)
                # Batching depends on timing: a call that this worker did not make, another one may.
                for _ in range(LIVES - 1):
                    death = death if death.died or death.found else await _death(server, new_data_dir(), label)
                return death

        deaths = await asyncio.gather(*(one(label) for label in order))
    note(_summary(deaths))
    assert {death.after: death.found for death in deaths if death.found} == {}
    assert [death.after for death in deaths if not death.died and not BUNDLED.search(death.after)] == []
    assert {_kind(call) for call in order} == {_kind(death.after) for death in deaths if death.died}


def _kind(call: str) -> str:
    return call.partition("#")[0]


async def _calls_of_a_whole_life(server: ForkServer, directory: Path) -> list[str]:
    worker = await server.worker(_in(directory), calls=True)
    death = await _answer(directory, worker, "")
    assert not death.found
    assert await worker.end(signal.SIGTERM) is None
    return worker.calls


async def _death(server: ForkServer, directory: Path, label: str) -> Death:
    victim = await server.worker(_in(directory), fault=label)
    successor = await server.worker(_in(directory))
    try:
        return await _answer(directory, victim, label)
    finally:
        await victim.end(signal.SIGKILL)
        await successor.end(signal.SIGKILL)


def _in(directory: Path) -> dict[str, str]:
    return {"QDPI_DATA_DIR": str(directory)}


async def _answer(directory: Path, victim: ForkedWorker, label: str) -> Death:
    async with opened(build_system(Settings(data_dir=directory))) as system:
        events = presses()
        for event in events:
            await system.publisher.publish(event)
        await settled(system.bus)
        journeys = _by_journey(events)
        history = await history_of(system.store, system.bus, journeys, generated=generated_pages(directory))
    counted = tally(history, 0)
    return Death(label, victim.dead.done(), violations(history), counted.presses, counted.outcomes)


def _by_journey(events: Iterable[Press]) -> dict[str, list[str]]:
    journeys: dict[str, list[str]] = {}
    for event in events:
        journeys.setdefault(event.session_id, []).append(event.event_id)
    return journeys


def _summary(deaths: list[Death]) -> str:
    died = sum(death.died for death in deaths)
    broken = sum(len(death.found) for death in deaths)
    return (
        f"seed {SEED}: {len(deaths)} calls, {died} deaths, {sum(d.presses for d in deaths)} presses, "
        f"{sum(d.outcomes for d in deaths)} outcomes, {broken} violations"
    )
