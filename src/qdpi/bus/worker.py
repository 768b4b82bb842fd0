"""The key-ordered worker: lanes, a contiguous watermark, and bounded work in flight.

Each key with work has a lane. Lanes run concurrently, and a lane handles one record at a time. The committed
offset of a partition is the one after its highest *contiguous* finished record, so the worker never commits an
unfinished record. The design is that of Confluent's Parallel Consumer, on one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field

import structlog

from qdpi.bus.port import EventBus, Membership, Partition, Record
from qdpi.errors import MembershipOver, Unavailable
from qdpi.retry import Backoff, retry_while_unavailable

Handler = Callable[[Record], Awaitable[None]]
"""Handles a record. Any exception stops the worker, so retries and dead letters wrap the handler."""

log = structlog.get_logger()


class Watermark:
    """The offsets in progress on one partition, and the next offset that may be committed."""

    def __init__(self) -> None:
        self._begun: deque[int] = deque()
        self._finished: set[int] = set()
        self.committable: int | None = None

    def begin(self, offset: int) -> None:
        """Mark an offset as in progress. Offsets must begin in ascending order."""
        self._begun.append(offset)

    def finish(self, offset: int) -> bool:
        """Mark an offset as finished; return whether the committable offset moved."""
        self._finished.add(offset)
        before = self.committable
        while self._begun and self._begun[0] in self._finished:
            done = self._begun.popleft()
            self._finished.remove(done)
            self.committable = done + 1
        return self.committable != before


async def _nothing_to_settle() -> None:
    """Default for `settle`: the handlers persist nothing except through the bus."""


@dataclass(slots=True, eq=False)
class _Lane:
    records: deque[Record] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    fenced: bool = False
    """Whether the partition of its current record was revoked: the handler's result is ignored then."""


class Worker:
    """Consume topics as a member of a group and pass every record to a handler, in order per key.

    At most `max_in_flight` records are fetched and unfinished, plus one for each partition that is new to the
    worker. Once they hold `max_bytes`, the worker fetches no more. Above either bound it pauses partitions and goes
    on polling. It retries through bus outages. A worker runs once.

    The worker commits offsets every `commit_interval` seconds, after `settle` has returned. By then, the finished
    handlers' writes to other systems must be as durable as the offset.
    """

    def __init__(
        self,
        bus: EventBus,
        group: str,
        topics: Iterable[str],
        handler: Handler,
        *,
        backoff: Backoff,
        settle: Callable[[], Awaitable[None]] = _nothing_to_settle,
        max_in_flight: int = 1_000,
        max_bytes: int = 64 << 20,
        fetch_timeout: float = 0.2,
        commit_interval: float = 0.5,
    ) -> None:
        self.group = group
        self.in_flight = 0
        self._bus, self._topics, self._handler, self._backoff = bus, tuple(topics), handler, backoff
        self._settle, self._commit_interval = settle, commit_interval
        self._max_in_flight, self._max_bytes, self._fetch_timeout = max_in_flight, max_bytes, fetch_timeout
        self._bytes = 0
        self._committed_at = float("-inf")
        self._lanes: dict[object, _Lane] = {}
        self._watermarks: dict[Partition, Watermark] = {}
        self._dirty: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._failure: Exception | None = None
        self._stopping = False

    @property
    def lanes(self) -> int:
        """The number of keys with work."""
        return len(self._lanes)

    @property
    def paused(self) -> int:
        """The number of paused partitions."""
        return len(self._paused)

    def stop(self) -> None:
        """Ask the worker to accept no more records, finish the started ones, commit and leave."""
        self._stopping = True

    async def run(self) -> None:
        """Work until `stop`, or until a handler fails; raise the handler's exception then.

        The worker finishes and commits records started before `stop`, even through a bus outage. Cancelling the
        coroutine cancels all handlers.
        """
        losses = 0
        while membership := await retry_while_unavailable(self._join, self._backoff, on_wait=self._log_unavailable):
            try:
                await self._work(membership)
            except MembershipOver as error:
                losses += 1
                log.error("worker.membership_lost", group=self.group, losses=losses, cause=str(error))  # noqa: TRY400
                await self._backoff.wait(losses)
            else:
                return

    async def _work(self, membership: Membership) -> None:
        """Work as this member until `stop`. Raises `MembershipOver` when its membership has ended."""
        try:
            while not self._stopping:
                await retry_while_unavailable(
                    lambda: self._step(membership), self._backoff, on_wait=self._log_unavailable
                )
            await self._drain(membership)
        finally:
            await self._drop(lambda record: True)
            await self._leave(membership)
            self._watermarks.clear()
            self._dirty.clear()
            self._paused.clear()

    async def _join(self) -> Membership | None:
        return None if self._stopping else await self._bus.join(self.group, self._topics)

    async def _leave(self, membership: Membership) -> None:
        try:
            await membership.leave()
        except Unavailable as error:
            log.warning("worker.leave_failed", group=self.group, cause=error.detail)

    def _log_unavailable(self, error: Unavailable, tries: int) -> None:
        log.warning("worker.dependency_unavailable", group=self.group, tries=tries, cause=error.detail)

    async def _step(self, membership: Membership) -> None:
        if self._stopping:
            return
        await self._apply_backpressure(membership)
        await self._fetch(membership, self._max_in_flight - self.in_flight, self._fetch_timeout)
        if asyncio.get_running_loop().time() >= self._committed_at + self._commit_interval:
            await self._commit(membership)

    async def _fetch(self, membership: Membership, room: int, timeout: float) -> None:
        delivery = await membership.fetch(max(1, room), timeout)
        if delivery.revoked:
            await self._revoke(membership, delivery.revoked)
        for record in delivery.records:
            self._watermarks.setdefault(record.partition, Watermark())
            if not self._stopping:
                self._admit(record)
        if self._failure:
            raise self._failure

    async def _apply_backpressure(self, membership: Membership) -> None:
        fullness = max(self.in_flight / self._max_in_flight, self._bytes / self._max_bytes)
        if fullness >= 1:
            unpaused = self._watermarks.keys() - self._paused
            await membership.pause(unpaused)
            self._paused |= unpaused
        elif self._paused and fullness <= 1 / 2:
            await membership.resume(self._paused)
            self._paused = set()

    def _admit(self, record: Record) -> None:
        self._watermarks[record.partition].begin(record.offset)
        self._count((record,), 1)
        key = record.partition if record.key is None else record.key
        if key in self._lanes:
            self._lanes[key].records.append(record)
        else:
            self._open_lane(key, deque((record,)))

    def _open_lane(self, key: object, records: deque[Record]) -> None:
        lane = self._lanes[key] = _Lane(records)
        lane.task = asyncio.get_running_loop().create_task(self._run_lane(key, lane))

    async def _run_lane(self, key: object, lane: _Lane) -> None:
        while lane.records:
            try:
                await self._handler(lane.records[0])
            except Exception as error:
                if not lane.fenced:
                    self._failure = self._failure or error
                return
            if lane.fenced:
                return
            self._finish(lane.records.popleft())
        del self._lanes[key]

    def _count(self, records: Iterable[Record], sign: int) -> None:
        for record in records:
            self.in_flight += sign
            self._bytes += sign * len(record.value or b"")

    def _finish(self, record: Record) -> None:
        self._count((record,), -1)
        if self._watermarks[record.partition].finish(record.offset):
            self._dirty.add(record.partition)

    async def _commit(self, membership: Membership) -> None:
        offsets = await self._commit_marks(membership, self._dirty)
        if offsets:
            self._committed_at = asyncio.get_running_loop().time()
        # A lane may have finished during the await: partitions that moved meanwhile stay dirty.
        self._dirty = {p for p in self._dirty if self._watermarks[p].committable != offsets.get(p)}

    async def _commit_marks(self, membership: Membership, partitions: Collection[Partition]) -> dict[Partition, int]:
        marks = {partition: self._watermarks[partition].committable for partition in partitions}
        offsets = {partition: mark for partition, mark in marks.items() if mark is not None}
        if offsets:
            await self._settle()
            await membership.commit(offsets)
        return offsets

    async def _revoke(self, membership: Membership, revoked: Collection[Partition]) -> None:
        # The new owner starts at the committed offset. Records in progress here must end without effect, and
        # committing the finished ones spares the new owner from repeating them.
        await self._drop(lambda record: record.partition in revoked)
        try:
            await self._commit_marks(membership, self._dirty.intersection(revoked))
        except Unavailable as error:
            log.warning("worker.commit_failed", group=self.group, cause=error.detail)
        for partition in revoked:
            self._watermarks.pop(partition, None)
        self._dirty.difference_update(revoked)
        self._paused.difference_update(revoked)

    async def _drop(self, fenced: Callable[[Record], bool]) -> None:
        cancelled: list[asyncio.Task[None]] = []
        reopened: dict[object, deque[Record]] = {}
        for key, lane in list(self._lanes.items()):
            kept = deque(record for record in lane.records if not fenced(record))
            self._count(filter(fenced, lane.records), -1)
            if lane.task and fenced(lane.records[0]):
                lane.fenced = True
                lane.task.cancel()
                cancelled.append(lane.task)
                del self._lanes[key]
                if kept:
                    reopened[key] = kept
            else:
                lane.records = kept
        # The next handler of a key starts after the cancelled one has ended: a lane handles one record at a time.
        await asyncio.gather(*cancelled, return_exceptions=True)
        for key, kept in reopened.items():
            self._open_lane(key, kept)

    async def _drain(self, membership: Membership) -> None:
        self._discard_unstarted()

        # Polling continues while lanes finish: it is the heartbeat that keeps their partitions assigned to us.
        async def poll() -> None:
            await membership.pause(self._watermarks.keys())
            await self._fetch(membership, 1, 0.02)

        while self.in_flight:
            await retry_while_unavailable(poll, self._backoff, on_wait=self._log_unavailable)
        await retry_while_unavailable(lambda: self._commit(membership), self._backoff, on_wait=self._log_unavailable)

    def _discard_unstarted(self) -> None:
        """Discard the records that lanes have not started: the next owner of their partitions handles them."""
        for lane in self._lanes.values():
            begun, *rest = lane.records
            self._count(rest, -1)
            lane.records = deque((begun,))
