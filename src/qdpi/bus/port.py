"""The event bus port: publishing, consumer groups, taps and topic administration.

Delivery is at least once, ordered per key, with committed offsets per group. Adapters move bytes. Lanes, retries
and watermarks belong to the worker (`qdpi.bus.worker`) and are the same for every adapter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import Enum
from typing import NamedTuple, Protocol

from qdpi.events import TopicSpec

Headers = tuple[tuple[str, bytes], ...]


class Message(NamedTuple):
    """A message to publish: a topic, a key, a value in bytes, and headers."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int


class Record(NamedTuple):
    """A delivered message, with its partition, its offset, and the time at which the bus accepted it."""

    partition: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    taken_at: datetime

    @property
    def topic(self) -> str:
        """The topic."""
        return self.partition.topic

    def header(self, name: str) -> str | None:
        """Return the last value of a header, None where it is absent."""
        values = [value for key, value in self.headers if key == name]
        return values[-1].decode(errors="replace") if values else None


class Delivery(NamedTuple):
    """The result of a fetch: records in order, and the partitions revoked from this member.

    The worker must fence work in flight on a revoked partition. It may still commit finished records of that
    partition until the next fetch, which gives the partition up, or until a time limit. A lost partition (its
    member was declared dead, or its topic was recreated) is revoked too, and commits for it have no effect.
    """

    records: Sequence[Record] = ()
    revoked: Collection[Partition] = ()


class Start(Enum):
    """Where a tap starts reading."""

    EARLIEST = "earliest"
    LATEST = "latest"


class TopicState(NamedTuple):
    """The bounds of a partition: the first retained offset and the next offset to be written."""

    partition: Partition
    first: int
    next: int


class Lag(NamedTuple):
    """The lag of a group on a partition: uncommitted records, and the time of the oldest (None without lag)."""

    partition: Partition
    records: int
    since: datetime | None


class Membership(Protocol):
    """A member of a consumer group. It owns partitions until they are revoked or it leaves.

    Every method raises `BusUnavailable` during an outage. `fetch` raises `MembershipOver` after an error from which
    this member cannot recover; all its partitions are lost then.
    """

    async def fetch(self, limit: int, timeout: float) -> Delivery:
        """Wait up to `timeout` seconds for at most `limit` records of partitions that are not paused.

        The caller must call again within seconds, even while all partitions are paused: the calls are the member's
        heartbeat. Only one call at a time is allowed. The next call returns the records of a cancelled one.
        """
        ...

    async def pause(self, partitions: Collection[Partition]) -> None:
        """Stop fetching from these partitions until they are resumed."""
        ...

    async def resume(self, partitions: Collection[Partition]) -> None:
        """Fetch from these partitions again, from where the last fetch stopped."""
        ...

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the next offset to read of each partition. Commits for partitions not owned have no effect.

        A partition reported as revoked is still owned until the next fetch, unless it was lost. An offset lower than
        the committed one has no effect.
        """
        ...

    async def leave(self) -> None:
        """Leave the group at once, so that other members take over without waiting. Idempotent."""
        ...


class EventBus(Protocol):
    """Publish, consume as a group, tap, inspect and administer topics.

    Every method raises `BusUnavailable` during an outage.
    """

    async def open(self) -> None:
        """Connect and warm up. Idempotent."""
        ...

    async def close(self) -> None:
        """Flush pending messages and release all resources. Idempotent."""
        ...

    async def ping(self) -> None:
        """Return when the bus answers."""
        ...

    async def publish(self, message: Message) -> None:
        """Publish and await the acknowledgement. Raises `PublishUnknown` if none arrives in time."""
        ...

    async def join(self, group: str, topics: Iterable[str]) -> Membership:
        """Join a group on topics, reading from the committed offsets, else from the earliest records.

        A member without partitions is on standby: its fetches are empty until partitions are assigned to it.
        """
        ...

    def tap(
        self, topics: Iterable[str], start: Start, *, limit: int = 10_000
    ) -> AbstractAsyncContextManager[AsyncIterator[Record]]:
        """Read topics without a group. The tap misses no record published after the context was entered.

        At most `limit` records are buffered for a slow reader. The tap reads on when the buffer has room.
        """
        ...

    def scan(self, topic: str) -> AsyncIterator[Record]:
        """Read the current records of a topic, from the first to the last, and end."""
        ...

    async def topics(self) -> list[TopicState]:
        """Return the bounds of every partition of every topic."""
        ...

    async def lag(self, group: str) -> list[Lag]:
        """Return the lag of a group: a row for each partition that it has committed or joined."""
        ...

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Create the topics that do not exist yet; return the names of the created ones."""
        ...

    async def grow_topics(self, names: Iterable[str], partitions: int) -> list[str]:
        """Raise the partition counts of topics to a number; return the names of those that had fewer.

        Keys move to other partitions, so drain the topics first. Raises `InvalidInput` for a topic that does not
        exist, and for more partitions than this kind of bus supports.
        """
        ...

    async def delete_topics(self, names: Iterable[str]) -> list[str]:
        """Delete topics; return the names of those that existed."""
        ...

    async def trim(self, now: datetime) -> int:
        """Drop records past their topic's retention, except those that a group has not committed.

        Returns the number of dropped records. A bus that expires records by itself returns 0.
        """
        ...
