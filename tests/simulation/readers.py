"""Simulated readers: each presses without waiting for every answer, and follows its own journey."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from tests.faults.checker import Stream as Seen
from tests.simulation.process import Gone
from tests.simulation.roles import Gateway

from qdpi.api.requests import PressBody
from qdpi.errors import Unavailable
from qdpi.gateway.problems import Refusal
from qdpi.symbols import Trajectory

RETRY_AFTER = 0.1
PATIENCE = 2.0
"""How long a reader waits for a gateway, in simulated seconds."""


class Reader:
    """Presses in one journey, `ahead` of the answers, at any gateway; a press without an answer is sent again.

    `gateway` returns a living gateway. A stream that broke, or that the reader left, continues after its last seq.
    """

    def __init__(
        self, journey: str, presses: int, ahead: int, gateway: Callable[[], Gateway | None], chance: Random
    ) -> None:
        self.journey = journey
        self.pressed: list[str] = []
        self.seqs: list[int] = []
        self._presses, self._gateway, self._chance = presses, gateway, chance
        self._room = asyncio.Semaphore(ahead)

    @property
    def seen(self) -> Seen:
        """The seqs that the reader received."""
        return Seen("reader", self.journey, tuple(self.seqs))

    async def read(self) -> None:
        """Press and follow until every press has its outcome."""
        await asyncio.gather(self._press_all(), self._follow_all())

    async def _press_all(self) -> None:
        for number in range(self._presses):
            await self._room.acquire()
            body = self._body(number)
            while not await self._press(body):  # noqa: ASYNC110 (there is no event for a restarted gateway)
                await asyncio.sleep(RETRY_AFTER * self._chance.random())

    def _body(self, number: int) -> PressBody:
        chance = self._chance
        return PressBody(
            session_id=self.journey,
            symbol_code=chance.randrange(256),
            trajectory=chance.choice([None, None, *Trajectory]),
            page_id="S01-P0001" if chance.random() < 0.1 else None,
            user_intent="and then" if chance.random() < 0.3 else None,
            client_request_id=f"{number}",
        )

    async def _press(self, body: PressBody) -> bool:
        gateway = self._gateway()
        if gateway is None:
            return False
        try:
            press = await gateway.serve(gateway.press(body), PATIENCE)
        except (Gone, Unavailable):
            return False
        except Refusal as refusal:
            if refusal.problem.status not in {429, 503}:
                raise
            return False
        self.pressed.append(press)
        if self._chance.random() < 0.08:
            await self._stop(press)
        return True

    async def _stop(self, press: str) -> None:
        gateway = self._gateway()
        if gateway is not None:
            try:
                await gateway.serve(gateway.stop(self.journey, press), PATIENCE)
            except (Gone, Unavailable, Refusal):
                return  # a lost stop is not sent again

    async def _follow_all(self) -> None:
        while len(set(self.seqs)) < self._presses:
            gateway = self._gateway()
            if gateway is None or not await self._follow(gateway):
                await asyncio.sleep(RETRY_AFTER * self._chance.random())

    async def _follow(self, gateway: Gateway) -> bool:
        """Follow until the stream ends or is left; return whether it was left."""
        stream = gateway.stream(self.journey, self.seqs[-1] if self.seqs else 0)
        try:
            while len(set(self.seqs)) < self._presses:
                frame = await stream.next(PATIENCE)
                if frame is None:
                    return False
                if frame.seq is not None:
                    self.seqs.append(frame.seq)
                    self._room.release()
                    if self._chance.random() < 0.1:
                        return True
        finally:
            stream.leave()
        return True
