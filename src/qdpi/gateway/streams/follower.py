"""Follows a journey: every outcome once and in order, and the text of pages in flight."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from qdpi.errors import Unavailable
from qdpi.events import EARLIEST, ReaderPlace, VaultChange
from qdpi.gateway.streams.frames import Frame, change_frame, greeting_frame, outcome_frame
from qdpi.gateway.streams.hub import Hub, Signal, Subscription
from qdpi.gateway.streams.under_way import add_earlier_presses
from qdpi.outcome import Outcome
from qdpi.retry import Backoff, retry_while_unavailable
from qdpi.services.places import reader_place
from qdpi.services.vault import vault_change
from qdpi.store.ports import PageStore

BATCH: Final = 100
CLOCKS_APART: Final = timedelta(minutes=1)
"""How far two clocks may be apart: a client's ahead of the server's, or two gateways'."""
REMEMBERED: Final = 64
"""How many finished runs and changes of the vault are remembered, so that what is late or repeated is dropped."""


class FollowerLeft(Exception):
    """The follower disconnected while the store was unavailable."""


@dataclass(slots=True)
class _Sent:
    """What a follower was sent of a run: its last status, and the reach of its text."""

    status: str = ""
    reach: tuple[int, int] = (0, 0)


class Follower:
    """Follows one journey after a seq: replays the store, then continues live, without a gap.

    Changes of the vault have no seq: those since the follower's last outcome are repeated to it, by time.
    The subscription must exist before the store is read: it queues the frames that arrive meanwhile. After a gap
    in the seqs, the follower reads the store again.
    """

    def __init__(self, hub: Hub, store: PageStore, subscription: Subscription, backoff: Backoff) -> None:
        self._hub, self._store, self._subscription, self._backoff = hub, store, subscription, backoff
        self._journey = subscription.journey
        self._seq = 0
        self._finished: deque[str] = deque(maxlen=REMEMBERED)
        self._sent: dict[str, _Sent] = {}
        self._changes: deque[str] = deque(maxlen=REMEMBERED)
        self._changes_since: datetime | None = None

    async def greet(self, after: int | None) -> Frame:
        """Return the first frame. Its id is the seq after which the stream continues, by default the newest."""
        head = await self._head()
        self._seq = head if after is None else min(after, head)
        if after is not None:
            self._changes_since = await self._time_of(self._seq)
        return greeting_frame(self._seq, head)

    async def _time_of(self, seq: int) -> datetime:
        """Return the time from which a follower that has the outcomes up to `seq` may have missed changes."""
        rows = await self._store.tree(self._journey, seq - 1, seq) if seq else []
        return rows[0].ts - CLOCKS_APART if rows else EARLIEST

    async def frames(self) -> AsyncGenerator[Frame | None]:
        """Yield the frames, and None where a ping is due; end when the subscription ends."""
        while (given := await self._subscription.get()) is not Signal.END:
            if given is Signal.PING:
                yield None
            elif isinstance(given, Signal):
                await retry_while_unavailable(self._head, self._backoff, on_wait=self._raise_if_left)
                async for frame in self._replay(published=0):
                    yield frame
                for frame in await retry_while_unavailable(
                    self._missed_changes, self._backoff, on_wait=self._raise_if_left
                ):
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

    async def _missed_changes(self) -> list[Frame]:
        """Return the changes of the vault that this follower may have missed, in order, and the reader's place."""
        now, since = self._hub.now(), self._changes_since
        changes: list[VaultChange | ReaderPlace] = []
        if since is not None:
            changes += map(vault_change, await self._store.changes(self._journey, since=since))
            place = await self._store.place(self._journey)
            changes += [reader_place(place)] if place and place.at >= since else []
        self._changes_since = now - CLOCKS_APART
        return [frame for frame in map(change_frame, changes) if self._is_new(frame)]

    async def _read_presses(self) -> None:
        await add_earlier_presses(self._journey, self._hub.pending, self._store)

    def _is_new(self, frame: Frame) -> bool:
        """Whether a delta or a status says something new: joining again, and the tap, repeat what was sent."""
        if frame.event_id is not None:
            return self._is_new_change(frame.event_id)
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

    def _is_new_change(self, event_id: str) -> bool:
        if event_id in self._changes:
            return False
        self._changes.append(event_id)
        return True

    def _advance(self, frame: Frame) -> Frame:
        self._seq = frame.seq or self._seq
        self._finished.append(frame.request_id or "")
        self._sent.pop(frame.request_id or "", None)
        return frame

    def _raise_if_left(self, error: Unavailable | None = None, tries: int = 0) -> None:
        if self._subscription.ended:
            raise FollowerLeft
