"""Follows a journey: every outcome once and in order, and the text of pages in flight."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from qdpi.errors import Unavailable
from qdpi.gateway.streams.frames import Frame, greeting_frame, outcome_frame
from qdpi.gateway.streams.hub import Hub, Signal, Subscription
from qdpi.gateway.streams.under_way import add_earlier_presses
from qdpi.outcome import Outcome
from qdpi.retry import Backoff, retry_while_unavailable
from qdpi.store.ports import PageStore

BATCH: Final = 100
REMEMBERED: Final = 64
"""How many finished runs are remembered, so that late deltas of theirs are dropped."""


class FollowerLeft(Exception):
    """The follower disconnected while the store was unavailable."""


@dataclass(slots=True)
class _Sent:
    """What a follower was sent of a run: its last status, and the reach of its text."""

    status: str = ""
    reach: tuple[int, int] = (0, 0)


class Follower:
    """Follows one journey after a seq: replays the store, then continues live, without a gap.

    The subscription must exist before the store is read: it queues the frames that arrive meanwhile. After a gap
    in the seqs, the follower reads the store again.
    """

    def __init__(self, hub: Hub, store: PageStore, subscription: Subscription, backoff: Backoff) -> None:
        self._hub, self._store, self._subscription, self._backoff = hub, store, subscription, backoff
        self._journey = subscription.journey
        self._seq = 0
        self._finished: deque[str] = deque(maxlen=REMEMBERED)
        self._sent: dict[str, _Sent] = {}

    async def greet(self, after: int | None) -> Frame:
        """Return the first frame. Its id is the seq after which the stream continues, by default the newest."""
        head = await self._head()
        self._seq = head if after is None else min(after, head)
        return greeting_frame(self._seq, head)

    async def frames(self) -> AsyncGenerator[Frame | None]:
        """Yield the frames, and None where a ping is due; end when the subscription ends."""
        while (given := await self._subscription.get()) is not Signal.END:
            if given is Signal.PING:
                yield None
            elif isinstance(given, Signal):
                await retry_while_unavailable(self._head, self._backoff, on_wait=self._raise_if_left)
                async for frame in self._replay(published=0):
                    yield frame
                await retry_while_unavailable(self._read_presses, self._backoff, on_wait=self._raise_if_left)
                for frame in filter(self._is_new, self._hub.join(self._subscription)):
                    yield frame
            elif given.seq is None:
                if self._is_new(given):
                    yield given
            else:
                async for frame in self._in_order(given, given.seq):
                    yield frame

    async def _head(self) -> int:
        return await self._store.head(self._journey)

    async def _read_presses(self) -> None:
        await add_earlier_presses(self._journey, self._hub.pending, self._store)

    def _is_new(self, frame: Frame) -> bool:
        """Whether a delta or a status says something new: joining again, and the tap, repeat what was sent."""
        run = frame.request_id
        if run is None:
            return True  # it answers a message
        if run in self._finished:
            return False
        sent = self._sent.setdefault(run, _Sent())
        if frame.reach is None:
            is_new, sent.status = frame.data != sent.status, frame.data
        else:
            is_new, sent.reach = frame.reach > sent.reach, max(frame.reach, sent.reach)
        return is_new

    async def _in_order(self, frame: Frame, seq: int) -> AsyncGenerator[Frame]:
        tries = 0
        while seq > self._seq + 1:
            async for missed in self._replay(published=seq):
                yield missed
            if seq > self._seq:  # the store does not have the outcome yet
                tries += 1
                self._raise_if_left()
                await self._backoff.wait(tries)
        if seq == self._seq + 1:
            yield self._advance(frame)

    async def _replay(self, published: int) -> AsyncGenerator[Frame]:
        """Yield the outcomes that follow in the store. The newest is held back until it is published or readable."""
        while batch := await retry_while_unavailable(self._following, self._backoff, on_wait=self._raise_if_left):
            for outcome in batch:
                newest = outcome is batch[-1] and len(batch) < BATCH
                if newest and outcome.seq > published and not await self._readable(outcome):
                    return
                yield self._advance(outcome_frame(outcome.event))

    async def _following(self) -> list[Outcome]:
        return await self._store.outcomes(self._journey, after=self._seq, limit=BATCH)

    async def _readable(self, outcome: Outcome) -> bool:
        page = outcome.page
        if page is None:
            return True
        stored = await retry_while_unavailable(
            lambda: self._store.page(page.page_id), self._backoff, on_wait=self._raise_if_left
        )
        return stored is not None

    def _advance(self, frame: Frame) -> Frame:
        self._seq = frame.seq or self._seq
        self._finished.append(frame.request_id or "")
        self._sent.pop(frame.request_id or "", None)
        return frame

    def _raise_if_left(self, error: Unavailable | None = None, tries: int = 0) -> None:
        if self._subscription.ended:
            raise FollowerLeft
