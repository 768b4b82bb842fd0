"""The simulated loop: asyncio's promises, and simulated time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.simulation.loop import Deadlock, Impossible, Overdue, SimulatedLoop
from tests.simulation.process import Process


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    with closing(SimulatedLoop(limit=1e9)) as loop:
        yield loop


def test_sleep_of_a_year_takes_no_time(loop: SimulatedLoop) -> None:
    loop.run_until_complete(asyncio.sleep(365 * 86_400))
    assert loop.time() >= 365 * 86_400


def test_ready_callbacks_precede_timers(loop: SimulatedLoop) -> None:
    """Callbacks that are ready run in their order, timers by their time."""
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, seen.append, "later")
        loop.call_later(0.1, seen.append, "sooner")
        for name in "abc":
            loop.call_soon(seen.append, name)
        await asyncio.sleep(1)

    loop.run_until_complete(main())
    assert seen == ["a", "b", "c", "sooner", "later"]


def test_spinning_task_advances_time(loop: SimulatedLoop) -> None:
    async def spin() -> None:
        async with asyncio.timeout(0.01):
            while True:  # noqa: ASYNC110
                await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        loop.run_until_complete(spin())


def test_deadlock_names_the_waiting_tasks(loop: SimulatedLoop) -> None:
    """A loop that nothing can wake reports the tasks that wait."""

    async def wait_forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="test_loop"):
        loop.run_until_complete(wait_forever())


def test_endless_run_is_overdue() -> None:
    async def for_ever() -> None:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(1)

    with closing(SimulatedLoop(limit=10)) as loop, pytest.raises(Overdue, match="10 simulated seconds"):
        loop.run_until_complete(for_ever())


def test_thread_work_runs_in_the_loop(loop: SimulatedLoop) -> None:
    async def main() -> int:
        return await asyncio.to_thread(threading.get_ident)

    assert loop.run_until_complete(main()) == threading.get_ident()


def test_call_from_a_thread_is_refused(loop: SimulatedLoop) -> None:
    refused: list[Impossible] = []

    def call() -> None:
        try:
            loop.call_soon_threadsafe(print)
        except Impossible as refusal:
            refused.append(refusal)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert refused


def test_unhandled_exception_is_kept(loop: SimulatedLoop) -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(int, "no number")
        await asyncio.sleep(0.1)

    loop.run_until_complete(main())
    assert ["no number" in str(error["exception"]) for error in loop.errors] == [True]


async def ticks(seen: list[float]) -> None:
    while True:
        seen.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.1)


def test_frozen_process_runs_nothing_until_it_thaws(loop: SimulatedLoop) -> None:
    async def main() -> None:
        seen: list[float] = []
        process = Process("frozen")
        process.start(ticks(seen))
        await asyncio.sleep(0.35)
        process.freeze()
        before = len(seen)
        await asyncio.sleep(5)
        assert len(seen) == before
        process.thaw()
        await asyncio.sleep(0.25)
        assert len(seen) > before
        assert not [moment for moment in seen if 0.4 < moment < 5.3]

    loop.run_until_complete(main())


def test_killed_process_ends_alone(loop: SimulatedLoop) -> None:
    async def main() -> None:
        dead, living = list[float](), list[float]()
        victim, other = Process("victim"), Process("other")
        victim.start(ticks(dead))
        other.start(ticks(living))
        await asyncio.sleep(0.35)
        victim.kill()
        before = len(dead)
        await asyncio.sleep(1)
        assert len(dead) == before
        assert len(living) > before + 5

    loop.run_until_complete(main())
