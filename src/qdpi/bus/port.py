"""The event bus as the rest of the package sees it.

At-least-once delivery, order per key, groups with committed offsets. Adapters move bytes; lanes, retries
and watermarks are the worker's (`qdpi.bus.worker`), the same for every adapter.
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
    """What is published: a topic, a key, bytes, and headers."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int


class Record(NamedTuple):
    """What is delivered: a message with its place in the log and the time the bus took it."""

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
    """What a fetch brings: records in order, and the partitions that this member no longer owns.

    Work in flight on a revoked partition is fenced. What was finished of it before may be committed until
    the next fetch, which lets go of the partition, or until a bound in time. A partition that was lost (its
    member counted as dead, or its topic was made anew) is revoked too; commits of it have no effect.
    """

    records: Sequence[Record] = ()
    revoked: Collection[Partition] = ()


class Start(Enum):
    """Where a tap begins."""

    EARLIEST = "earliest"
    LATEST = "latest"


class TopicState(NamedTuple):
    """A partition's bounds: the first offset kept and the next one to be written."""

    partition: Partition
    first: int
    next: int


class Lag(NamedTuple):
    """How far a group is behind on a partition: in records, and since when (None when it is not)."""

    partition: Partition
    records: int
    since: datetime | None


class Membership(Protocol):
    """A member of a consumer group: it owns partitions until they are revoked or it leaves.

    Every method raises `BusUnavailable` while the bus is away. `fetch` raises `MembershipOver` where this member
    can do no more, and then all its partitions are lost.
    """

    async def fetch(self, limit: int, timeout: float) -> Delivery:
        """Wait up to `timeout` seconds for records of partitions that are not paused; at most `limit`.

        Must be called again within seconds even while all is paused: it is also the sign of life. One call at
        a time; what a cancelled one would have brought comes with the next.
        """
        ...

    async def pause(self, partitions: Collection[Partition]) -> None:
        """Fetch nothing more from these partitions until they are resumed."""
        ...

    async def resume(self, partitions: Collection[Partition]) -> None:
        """Fetch from these partitions again, from where the last fetch stopped."""
        ...

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Store the next offset to read of each partition. Of a partition not owned any more: no effect.

        A partition that a fetch told was revoked is still owned until the next fetch, unless it was lost. An
        offset lower than one this member has committed has no effect.
        """
        ...

    async def leave(self) -> None:
        """Give up membership at once, so that others take over without waiting. Idempotent."""
        ...


class EventBus(Protocol):
    """Publishing, consuming as a group, tapping, inspecting, administering.

    Every method raises `BusUnavailable` while the bus is away.
    """

    async def open(self) -> None:
        """Connect and warm up. Idempotent."""
        ...

    async def close(self) -> None:
        """Flush and let go of everything. Idempotent."""
        ...

    async def ping(self) -> None:
        """Return when the bus answers."""
        ...

    async def publish(self, message: Message) -> None:
        """Publish and await the acknowledgement. Raises `PublishUnknown` where none came in time."""
        ...

    async def join(self, group: str, topics: Iterable[str]) -> Membership:
        """Join a group on topics, from the committed offsets, or the earliest records where there are none.

        A member that owns nothing yet stands by: its fetches are empty until partitions fall to it.
        """
        ...

    def tap(
        self, topics: Iterable[str], start: Start, *, limit: int = 10_000
    ) -> AbstractAsyncContextManager[AsyncIterator[Record]]:
        """Read topics without a group. What is published after the context was entered is not missed.

        At most `limit` records wait for a slow reader; the tap reads on when there is room.
        """
        ...

    def scan(self, topic: str) -> AsyncIterator[Record]:
        """Read what a topic holds now, from its first record to its last, and end."""
        ...

    async def topics(self) -> list[TopicState]:
        """Return the bounds of every partition of every topic."""
        ...

    async def lag(self, group: str) -> list[Lag]:
        """Return how far a group is behind, a row for each partition that it has committed or must read."""
        ...

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Create the topics that are not there; return the names of those it made."""
        ...

    async def grow_topics(self, names: Iterable[str], partitions: int) -> list[str]:
        """Raise topics' partition counts to a number; return the names of those that had fewer.

        Keys move to other partitions, so drain the topics first. Raises `InvalidInput` for a topic that is not
        there, and for more partitions than this kind of bus has.
        """
        ...

    async def delete_topics(self, names: Iterable[str]) -> list[str]:
        """Delete topics; return the names of those that were there."""
        ...

    async def trim(self, now: datetime) -> int:
        """Drop what has outlived its topic's retention, never what a group has not committed.

        Returns how many records went; a bus that does this by itself returns 0.
        """
        ...
