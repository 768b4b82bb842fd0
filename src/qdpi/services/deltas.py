"""Deltas: the text of a run in flight, published piece by piece. Deltas may be lost; the outcome holds the text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NamedTuple

from qdpi.bus.publisher import Publisher
from qdpi.errors import Unavailable
from qdpi.events import PageDelta, PageRequest, Phase
from qdpi.ids import derived_id
from qdpi.observability.metrics import Metrics
from qdpi.store.ports import Outcomes

_PENDING: Final = 4_000


class _Piece(NamedTuple):
    attempt: int
    phase: Phase
    text: str = ""
    until: datetime | None = None


class DeltaStream:
    """Publishes a run's progress as deltas in a task of its own, so that writing the page never waits for the bus.

    Pieces that arrive within `pace` seconds are published together: a reader cannot see finer steps, and each costs
    a write. Use as an async context manager; `end` publishes the pending pieces at once, and leaving waits for that.
    """

    def __init__(
        self,
        request: PageRequest,
        store: Outcomes,
        publisher: Publisher,
        *,
        now: Callable[[], datetime],
        metrics: Metrics,
        pace: float,
    ) -> None:
        self._request, self._store, self._publisher = request, store, publisher
        self._now, self._metrics, self._pace = now, metrics, pace
        self._leaving = asyncio.Event()
        self._pending: asyncio.Queue[_Piece | None] = asyncio.Queue(_PENDING)
        self._phase, self._sent = Phase.READING, 0
        self.attempt = 0
        self._claim: asyncio.Task[int] | None = None
        self._pump: asyncio.Task[None] | None = None

    async def __aenter__(self) -> DeltaStream:
        self._pump = asyncio.get_running_loop().create_task(self._publish_all())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            if exc_info[0] is None and self._pump is not None:
                await self.end()
                await self._pump
        finally:
            await _cancelled(self._claim, self._pump)

    async def end(self) -> None:
        """Publish the pending pieces at once, and nothing after them. Idempotent."""
        if not self._leaving.is_set():
            self._leaving.set()
            await self._pending.put(None)

    def claim_ahead(self) -> None:
        """Start to claim the next attempt's number, so that `begin` need not wait for the store."""
        self._claim = self._claim or self._claiming()

    async def begin(self) -> int:
        """Claim the next attempt's number and return it; the attempt's text starts over."""
        claiming, self._claim = self._claim or self._claiming(), None
        self.attempt = await claiming
        return self.attempt

    def _claiming(self) -> asyncio.Task[int]:
        claim = self._store.begin_attempt(self._request.session_id, self._request.request_id)
        return asyncio.get_running_loop().create_task(claim)

    async def phase(self, phase: Phase) -> None:
        """Publish a new phase."""
        self._phase = phase
        await self._pending.put(_Piece(self.attempt, phase))

    async def waiting(self, until: datetime) -> None:
        """Publish that the run waits for its model's server."""
        await self._pending.put(_Piece(self.attempt, Phase.WAITING, until=until))

    async def text(self, piece: str) -> None:
        """Publish a piece of the attempt's text."""
        await self._pending.put(_Piece(self.attempt, self._phase, piece))

    async def _publish_all(self) -> None:
        offsets: dict[int, int] = {}
        ended = False
        while not ended:
            items = [await self._pending.get()]
            while not self._pending.empty():
                items.append(self._pending.get_nowait())
            ended = items[-1] is None
            for piece in _merged([item for item in items if item is not None]):
                offset = offsets.get(piece.attempt, 0)
                offsets[piece.attempt] = offset + len(piece.text)
                await self._publish(piece, offset)
            await self._pause()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace):
                await self._leaving.wait()

    async def _publish(self, piece: _Piece, offset: int) -> None:
        request = self._request
        self._sent += 1
        delta = PageDelta(
            event_id=derived_id("delta", request.request_id, str(piece.attempt), str(self._sent)),
            ts=max(self._now(), request.ts),
            session_id=request.session_id,
            cause_id=request.event_id,
            press_id=request.press_id,
            request_id=request.request_id,
            attempt=piece.attempt,
            offset=offset,
            text=piece.text,
            phase=piece.phase,
            until=piece.until,
        )
        try:
            await self._publisher.publish(delta, about=request)
        except Unavailable:
            self._metrics.lost_deltas.inc()


def _merged(pieces: list[_Piece]) -> list[_Piece]:
    """Join the pieces of each phase; omit a phase without text that another one has followed already."""
    merged: list[_Piece] = []
    for piece in pieces:
        if merged and merged[-1][:2] == piece[:2]:
            merged[-1] = piece._replace(text=merged[-1].text + piece.text)
        else:
            merged.append(piece)
    return [piece for piece in merged[:-1] if piece.text] + merged[-1:]


async def _cancelled(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel all tasks before awaiting any: the awaiting task may be cancelled itself."""
    begun = [task for task in tasks if task is not None]
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)
