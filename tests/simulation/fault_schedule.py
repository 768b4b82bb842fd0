"""Fault schedule: which faults hit processes and servers, and when."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final

from tests.simulation.network import SERVER
from tests.simulation.process import Process
from tests.simulation.roles import Gateway, Worker
from tests.simulation.world import World

from qdpi.bus.port import Message
from qdpi.events import IndexUpdate, PageDone, PageRequest, Press, Stop

CRITICAL: Final = (
    "",
    "outcome",
    *(4 * ("commit_outcome",)),
    "begin_attempt",
    "put_page",
    "save_snapshot",
    "append_log",
    "publish gibsey.generate.page.request",
    "publish gibsey.generate.page.done",
    "publish gibsey.index.update",
    "fetch",
    "commit",
)
"""The calls before which a death or a freeze matters most; "" is any call."""


class FaultSchedule:
    """Kills, freezes and cuts off. `injected` counts the faults by name."""

    def __init__(self, world: World, chance: Random) -> None:
        self._world, self._chance = world, chance
        self.injected: Counter[str] = Counter()
        self.topic_has_grown = False

    async def inject(self) -> None:
        """Inject faults one after another, and return once the last one has begun."""
        chance = self._chance
        faults = [
            (self._kill_worker, 4),
            (self._doom_worker, 4),
            (self._freeze_worker, 2),
            (self._freeze_worker_at_a_call, 5),
            (self._add_worker, 1),
            (self._retire_worker, 2),
            (self._kill_gateway, 1),
            (self._freeze_gateway, 1),
            (self._cut_off, 2),
            (self._poison, 1),
        ]
        kinds, weights = zip(*faults, strict=True)
        if self._world.terms.crowded:
            _later(chance.random() * 0.3, self._grow)
        if chance.random() < 0.5:
            await self._freeze_worker_at_a_call()
        for fault in chance.choices(kinds, weights, k=chance.randint(0, 4)):
            await asyncio.sleep(chance.random() * chance.choice([0.02, 0.2, 0.7]))
            self.injected[fault.__name__.strip("_").replace("_", " ")] += 1
            await fault()

    def _some(self, processes: list[Worker] | list[Gateway]) -> Process | None:
        living = [process for process in processes if process.alive]
        return self._chance.choice(living) if living else None

    async def _kill_worker(self) -> None:
        worker = self._some(self._world.workers)
        if worker is not None:
            worker.kill()
        await asyncio.sleep(self._chance.random() * 0.3)
        self._world.add_worker()

    async def _doom_worker(self) -> None:
        """Kill a worker just before a call, or during it."""
        worker = self._some(self._world.workers)
        if worker is None:
            return
        delay = self._chance.choice([0.0, 0.0, self._world.terms.weather.leg * self._chance.random() * 2])

        def die() -> None:
            _later(delay, worker.kill)
            _later(0.1, self._world.add_worker)

        worker.faults_at[self._call_of(worker)] = die

    async def _freeze_worker_at_a_call(self) -> None:
        """Freeze a worker just before a call, mostly for so long that others take over."""
        worker = self._some(self._world.workers)
        if worker is None:
            return
        seconds = self._chance.uniform(0.5, 4.0) * self._world.kafka.session_timeout

        def freeze() -> None:
            worker.freeze()
            _later(seconds, worker.thaw)

        worker.faults_at[self._call_of(worker)] = freeze

    def _call_of(self, worker: Process) -> tuple[str, int]:
        name = self._chance.choice(CRITICAL)
        return name, worker.calls[name] + self._chance.randint(1, 2 if name else 120)

    async def _freeze_worker(self) -> None:
        self._freeze(self._some(self._world.workers))

    async def _freeze_gateway(self) -> None:
        self._freeze(self._some(self._world.gateways))

    def _freeze(self, process: Process | None) -> None:
        if process is not None:
            process.freeze()
            _later(self._chance.random() * 3, process.thaw)

    async def _add_worker(self) -> None:
        self._world.add_worker()

    async def _retire_worker(self) -> None:
        worker = self._some(self._world.workers)
        self._world.add_worker()
        if isinstance(worker, Worker):
            asyncio.get_running_loop().create_task(worker.leave())

    async def _kill_gateway(self) -> None:
        gateway = self._some(self._world.gateways)
        if gateway is not None:
            gateway.kill()
        await asyncio.sleep(self._chance.random() * 0.3)
        self._world.add_gateway()

    async def _cut_off(self) -> None:
        server = self._chance.choice(["kafka", "cassandra"])
        self._world.network.unreachable.add(server)
        await asyncio.sleep(self._chance.random() * 2)
        self._world.network.unreachable.discard(server)

    async def _poison(self) -> None:
        """Append bytes that are not an event to a topic of events."""
        topic = self._chance.choice((Press.topic, PageRequest.topic, PageDone.topic, IndexUpdate.topic, Stop.topic))
        value = self._chance.choice((None, b"", b"{", b"[1]", bytes(range(256))))
        self._world.kafka.log.append(Message(topic, self._chance.choice((None, b"journey-0")), value))

    def _grow(self) -> None:
        """Raise a topic's partition count without draining it, which may cost the order of waiting presses."""
        self.topic_has_grown = True
        self.injected["grow"] += 1
        log = self._world.kafka.log
        log.grow([PageRequest.topic], len(log.partitions_of([PageRequest.topic])) + 1)


def _later(delay: float, work: Callable[[], object]) -> None:
    """Call `work` after a delay, outside of every process."""
    if delay > 0:
        asyncio.get_running_loop().call_later(delay, work, context=SERVER)
    else:
        work()
