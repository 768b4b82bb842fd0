"""`qdpi run`, killed with SIGKILL at random moments while readers press and follow."""

from __future__ import annotations

import asyncio
import random
import signal
from typing import NamedTuple

import httpx
import pytest
from tests.faults.checker import table, tally, violations
from tests.faults.conftest import NewDataDir
from tests.faults.evidence import generated_pages, history_of, settled
from tests.faults.qdpi_process import QdpiProcess
from tests.faults.readers import Reader
from tests.support.notes import Note

from qdpi.bootstrap import build_system, opened
from qdpi.settings import Settings

SEED = 9
MOST_DELAY = 0.05
"""A kill follows its step after up to so many seconds."""
PATIENCE = 300.0


class Terms(NamedTuple):
    """The numbers of journeys, of presses in all, and of kills."""

    journeys: int
    presses: int
    kills: int


class Progress:
    """Counts accepted presses and received outcomes."""

    def __init__(self) -> None:
        self._steps = 0
        self._changed = asyncio.Event()

    def step(self) -> None:
        self._steps += 1
        self._changed.set()

    async def reach(self, steps: int) -> None:
        while self._steps < steps:
            self._changed.clear()
            await self._changed.wait()


@pytest.mark.process
@pytest.mark.parametrize(
    "terms",
    [
        pytest.param(Terms(journeys=6, presses=60, kills=3), id="short"),
        pytest.param(Terms(journeys=12, presses=200, kills=10), id="long", marks=pytest.mark.long),
    ],
)
async def test_kills_at_random_moments(terms: Terms, new_data_dir: NewDataDir, note: Note):
    """Kills at random moments lose, double and reorder no press."""
    chance, progress, product = random.Random(SEED), Progress(), QdpiProcess(new_data_dir())
    await product.start()
    async with httpx.AsyncClient(base_url=product.url, timeout=30.0) as client:
        readers = [
            Reader(client, f"journey-{n}", presses, random.Random(chance.random()), progress.step)
            for n, presses in enumerate(_shares(terms.presses, terms.journeys))
        ]
        try:
            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
                tasks.create_task(_kill(product, progress, chance, terms))
                for reader in readers:
                    tasks.create_task(reader.read())
            await _settled(product)
        finally:
            code = await product.end(signal.SIGTERM)
    async with opened(build_system(Settings(data_dir=product.directory))) as system:
        history = await history_of(
            system.store,
            system.bus,
            {reader.journey: reader.pressed for reader in readers},
            generated=generated_pages(product.directory),
            streams=[reader.stream for reader in readers],
        )
    kills = product.lives - 1
    note(f"seed {SEED}, {_of_readers(readers)}\n{table([tally(history, kills)])}")
    assert violations(history) == []
    assert (kills, sum(map(len, history.outcomes.values()))) == (terms.kills, terms.presses)
    assert code == 0


async def _kill(product: QdpiProcess, progress: Progress, chance: random.Random, terms: Terms) -> None:
    steps = 2 * terms.presses  # each press is accepted once and answered once
    for step in sorted(chance.sample(range(1, steps - terms.kills), terms.kills)):
        await progress.reach(step)
        await asyncio.sleep(chance.random() * MOST_DELAY)
        assert await product.end(signal.SIGKILL) == -signal.SIGKILL
        await product.start()


async def _settled(product: QdpiProcess) -> None:
    async with opened(build_system(Settings(data_dir=product.directory))) as system:
        await settled(system.bus)


def _shares(total: int, parts: int) -> list[int]:
    return [total // parts + (n < total % parts) for n in range(parts)]


def _of_readers(readers: list[Reader]) -> str:
    connections, retries = sum(r.connections for r in readers), sum(r.retries for r in readers)
    return f"{len(readers)} readers, {connections} stream connections, {retries} presses sent again"
