"""Readers of a gateway: each presses without waiting for every answer, and follows its own journey."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

import httpx
from tests.faults.checker import Stream

RETRY_AFTER: Final = 0.05
"""Seconds before a client retries."""
RETRIED: Final = frozenset({429, 503})
"""Statuses after which a client retries: too many pending presses, or an outage."""


class Reader:
    """Sends the presses of one journey in order, `ahead` of their answers, and follows them by SSE.

    A press whose answer was lost is sent again with the same `client_request_id`. A stream that broke, or
    that the reader itself left, continues after its `Last-Event-ID`. `on_progress` is called for every
    accepted press and every outcome.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        journey: str,
        presses: int,
        chance: random.Random,
        on_progress: Callable[[], None],
        *,
        ahead: int = 5,
        leaves: float = 0.1,
    ) -> None:
        self.journey = journey
        self.pressed: list[str] = []
        self.seqs: list[int] = []
        self.connections = 0
        self.retries = 0
        self._client, self._presses, self._chance, self._on_progress = client, presses, chance, on_progress
        self._room, self._leaves = asyncio.Semaphore(ahead), leaves

    @property
    def stream(self) -> Stream:
        """The seqs that the reader received."""
        return Stream("sse", self.journey, tuple(self.seqs))

    async def read(self) -> None:
        """Press and follow until every press has its outcome."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._press_all())
            tasks.create_task(self._follow_all())

    async def _press_all(self) -> None:
        for number in range(self._presses):
            await self._room.acquire()
            body = {
                "session_id": self.journey,
                "symbol_code": self._chance.randrange(256),
                "client_request_id": f"{self.journey}-{number}",
            }
            self.pressed.append(await self._press(body))
            self._on_progress()

    async def _press(self, body: dict[str, Any]) -> str:
        while True:
            try:
                answer = await self._client.post("/api/v1/event/ui/symbol", json=body)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code not in RETRIED:
                answer.raise_for_status()
                return str(answer.json()["event_id"])
            self.retries += 1
            await asyncio.sleep(RETRY_AFTER)

    async def _follow_all(self) -> None:
        last = 0
        while last < self._presses:
            self.connections += 1
            try:
                async with aclosing(self._outcomes(last)) as outcomes:
                    async for seq in outcomes:
                        last = seq
                        self.seqs.append(seq)
                        self._room.release()
                        self._on_progress()
                        if last == self._presses or self._chance.random() < self._leaves:
                            break
            except httpx.TransportError:
                await asyncio.sleep(RETRY_AFTER)

    async def _outcomes(self, after: int) -> AsyncGenerator[int, None]:
        request = {"params": {"session_id": self.journey}, "headers": {"Last-Event-ID": str(after)}}
        async with self._client.stream("GET", "/api/v1/event/stream", **request) as response:  # type: ignore[arg-type]
            if response.status_code in RETRIED:
                await asyncio.sleep(RETRY_AFTER)
                return
            response.raise_for_status()
            event = ""
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data" and event in {"generate.page.done", "generate.page.failed"}:
                    yield int(json.loads(value)["seq"])
