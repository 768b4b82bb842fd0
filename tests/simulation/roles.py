"""Kinds of simulated processes: workers run services, gateways accept presses and serve streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import aclosing

from tests.simulation.process import Process

from qdpi.api.requests import PressBody, StopBody
from qdpi.gateway.app import wire
from qdpi.gateway.context import Exchange
from qdpi.gateway.presses import accept, press_of, stop
from qdpi.gateway.streams.follower import Follower
from qdpi.gateway.streams.frames import Frame
from qdpi.gateway.streams.hub import Subscription
from qdpi.services.workers import ServiceWorker, WorkerGroup
from qdpi.system import System

Pipe = asyncio.Queue[Frame | None]
"""A client's end of a stream; None is its end."""


class Worker(Process):
    """A process that runs services. `leave` stops it, as SIGTERM does."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._group = WorkerGroup(())
        self._work: asyncio.Task[None] | None = None

    def run(self, services: Callable[[Process], Iterable[ServiceWorker]]) -> None:
        """Start the services."""
        self.context().run(self._build, services)
        self._work = self.keep(self._group.run(), "workers")

    def _build(self, services: Callable[[Process], Iterable[ServiceWorker]]) -> None:
        self._group = WorkerGroup(services(self))

    async def leave(self) -> None:
        """Finish started work and end."""
        assert self._work is not None
        simulated = self._work
        asyncio.get_running_loop().call_soon(self._group.stop, context=self.context())
        await asyncio.wait((simulated,))
        self.alive = False


class Gateway(Process):
    """A process that runs a gateway."""

    def run(self, system: System) -> None:
        """Start the gateway and its hub."""
        self.system = system
        self.gateway = wire(system, lambda: None, 256, 15.0, 20.0, lambda: asyncio.get_running_loop().time())
        self.keep(self.gateway.hub.listen(), "hub")

    async def press(self, body: PressBody) -> str:
        """Accept a press and return its id. Raises the refusal."""
        press = await press_of(self.gateway, body.session_id, body)
        accepted = await accept(self.gateway, self._exchange(), press, None)
        return accepted.event_id

    async def stop(self, journey: str, press: str) -> None:
        """Accept a stop."""
        body = StopBody(session_id=journey, event_id=press)
        await stop(self.gateway, self._exchange(), journey, body, None)

    def _exchange(self) -> Exchange:
        return Exchange(self.name, "a reader's address")

    def stream(self, journey: str, after: int) -> Stream:
        """Open a stream."""
        return Stream(self, journey, after)

    async def follow(self, journey: str, after: int, stream: Stream) -> None:
        """Serve a stream until its client leaves."""
        with self.gateway.hub.subscribe(journey) as subscription:
            stream.subscription = subscription
            follower = Follower(self.gateway.hub, self.system.store, subscription, self.system.backoff)
            stream.pipe.put_nowait(await follower.greet(after))
            async with aclosing(follower.frames()) as frames:
                async for frame in frames:
                    stream.pipe.put_nowait(frame)


class Stream:
    """A connection between a client and a gateway; it ends when either does."""

    def __init__(self, gateway: Gateway, journey: str, after: int) -> None:
        self.pipe: Pipe = asyncio.Queue()
        self.subscription: Subscription | None = None
        self._gateway = gateway
        self._task = gateway.start(gateway.follow(journey, after, self), "stream")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()
        self.pipe.put_nowait(None)

    async def next(self, patience: float) -> Frame | None:
        """Return the next frame, or None at the end and after the timeout."""
        try:
            return await asyncio.wait_for(self.pipe.get(), patience)
        except TimeoutError:
            return None

    def leave(self) -> None:
        """Close the connection. A frozen gateway notices it when it thaws."""
        if self.subscription is not None:
            asyncio.get_running_loop().call_soon(self.subscription.end, context=self._gateway.context())
