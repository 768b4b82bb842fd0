"""The gate of an endpoint: all its callers wait together while its server is busy."""

from __future__ import annotations

import asyncio

import pytest

from qdpi.errors import ModelBusy
from qdpi.language.servers.gate import Gate
from qdpi.retry import Backoff


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def gate_of(clock: Clock, longest: float = 60.0) -> Gate:
    return Gate(clock, longest=longest, backoff=Backoff(first=1.0, factor=2.0, most=8.0, chance=lambda: 1.0))


async def admitted(gate: Gate) -> None:
    async with gate.admission():
        pass


async def test_closed_gate_refuses_with_the_time_that_is_left() -> None:
    clock = Clock()
    gate = gate_of(clock)
    assert gate.close("The server is loading.", 5.0) == 5.0
    clock.now += 2
    with pytest.raises(ModelBusy, match="is loading") as busy:
        await admitted(gate)
    assert busy.value.retry_after == 3.0
    clock.now += 3
    await admitted(gate)


async def test_pauses_grow_and_are_bounded() -> None:
    clock = Clock()
    gate = gate_of(clock, longest=6.0)
    pauses = []
    for _ in range(5):
        pauses.append(gate.close("busy", None))
        clock.now += pauses[-1]
    assert pauses == [1.0, 2.0, 4.0, 6.0, 6.0]
    assert gate.close("busy", 3_600.0) == 6.0
    gate.open()
    clock.now += 6
    assert gate.close("busy after its first word", None) == 6.0
    gate.open()
    gate.reset()
    clock.now += 6
    assert gate.close("busy", None) == 1.0


async def test_calls_already_on_their_way_count_once() -> None:
    clock = Clock()
    gate = gate_of(clock)
    assert [gate.close("busy", None) for _ in range(5)] == [1.0] * 5
    assert gate.close("busy", 4.0) == 4.0
    clock.now += 4
    assert gate.close("busy", None) == 2.0


async def test_one_probe_goes_first_and_the_others_wait_for_what_it_finds() -> None:
    clock = Clock()
    gate = gate_of(clock)
    gate.close("busy", 1.0)
    clock.now += 1
    asked: list[str] = []
    answered = asyncio.Event()

    async def call(name: str) -> None:
        async with gate.admission():
            asked.append(name)
            if name == "probe":
                await answered.wait()
                gate.open()

    tasks = [asyncio.ensure_future(call(name)) for name in ("probe", "b", "c")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asked == ["probe"]
    answered.set()
    await asyncio.gather(*tasks)
    assert sorted(asked) == ["b", "c", "probe"]


async def test_probe_that_is_refused_turns_the_others_away() -> None:
    clock = Clock()
    gate = gate_of(clock)
    gate.close("busy", 1.0)
    clock.now += 1
    refused = asyncio.Event()

    async def probe() -> None:
        async with gate.admission():
            await refused.wait()
            gate.close("still busy", None)

    probing = asyncio.ensure_future(probe())
    await asyncio.sleep(0)
    others = [asyncio.ensure_future(admitted(gate)) for _ in range(3)]
    await asyncio.sleep(0)
    refused.set()
    await probing
    results = await asyncio.gather(*others, return_exceptions=True)
    assert [str(result.detail) for result in results if isinstance(result, ModelBusy)] == ["still busy"] * 3


async def test_probe_that_is_cancelled_leaves_its_place_to_the_next() -> None:
    clock = Clock()
    gate = gate_of(clock)
    gate.close("busy", 1.0)
    clock.now += 1

    async def hang() -> None:
        async with gate.admission():
            await asyncio.Event().wait()

    hanging = asyncio.ensure_future(hang())
    await asyncio.sleep(0)
    following = asyncio.ensure_future(admitted(gate))
    await asyncio.sleep(0)
    assert not following.done()
    hanging.cancel()
    await following
