"""Several processes on one bus, some of them killed."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from tests.contract.bus.rig import (
    PATIENCE,
    BusRig,
    fetch,
    fetch_until,
    make_topic,
    numbered,
    publish,
    scan,
    take,
    values,
)

from qdpi.bus.port import EventBus, Start

_ROOT: Final = Path(__file__).parents[3]


@pytest.mark.process
class ProcessesSuite:
    """Other processes on the same log, killed with SIGKILL."""

    async def test_records_of_another_process_are_delivered(
        self, rig: BusRig, bus: EventBus, topic: str, group: str
    ) -> None:
        member = await bus.join(group, [topic])
        async with bus.tap([topic], Start.LATEST) as tap, child(rig, "publish", topic, "20"):
            assert values(await take(tap, 20)) == numbered(20)
            assert values(await fetch(member, 20)) == numbered(20)

    async def test_killed_member_redelivers_uncommitted_records(
        self, rig: BusRig, bus: EventBus, topic: str, group: str
    ) -> None:
        """The next member receives the records that a killed one had not committed, and no others."""
        await publish(bus, topic, numbered(10))
        async with child(rig, "hold", group, topic, "10", "4") as victim:
            assert await line(victim) == "holds 10, committed 4"
            standby = await bus.join(group, [topic])
            waiting = asyncio.create_task(fetch_until(standby, b"last"))
            await kill(victim)
        await publish(bus, topic, [b"last"])
        assert await waiting == numbered(6, start=4)

    async def test_acknowledged_records_survive_their_publisher(self, rig: BusRig, bus: EventBus) -> None:
        for durable in (True, False):
            topic = await make_topic(bus, durable=durable)
            async with child(rig, "publish", topic, "1000000") as victim:
                for _ in range(50):
                    await line(victim)
                await kill(victim)
                acknowledged = 50 + len((await rest(victim)).split())
            found = values(await scan(bus, topic))
            assert found[:acknowledged] == numbered(acknowledged)
            assert found == numbered(len(found))


@asynccontextmanager
async def child(rig: BusRig, *command: str) -> AsyncIterator[Process]:
    """Run `tests.contract.bus.child` in a process of its own, killed at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.contract.bus.child",
        *rig.child(),
        *command,
        cwd=_ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT)])},
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await rest(process)
        await process.wait()


async def line(process: Process) -> str:
    assert process.stdout is not None
    read = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    return read.decode().strip()


async def tell(process: Process, word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(word.encode() + b"\n")
    await process.stdin.drain()


async def rest(process: Process) -> str:
    """Return the remaining output; only complete lines were acknowledged."""
    assert process.stdout is not None
    read = await asyncio.wait_for(process.stdout.read(), PATIENCE)
    return read[: read.rfind(b"\n") + 1].decode()


async def kill(process: Process) -> None:
    process.kill()
    await process.wait()
