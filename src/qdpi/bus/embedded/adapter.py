"""The event bus port on a SQLite file that any process of the machine may open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from qdpi.bus.embedded import groups, log
from qdpi.bus.embedded.groups import EmbeddedMembership, GroupLock
from qdpi.bus.embedded.log import SCHEMA, SCHEMA_VERSION, Append
from qdpi.bus.embedded.notifier import Notifier
from qdpi.bus.embedded.tap import BATCH, Cursor, Tap, read_next
from qdpi.bus.port import Lag, Membership, Message, Record, Start, TopicState
from qdpi.bus.validation import check_limit, check_name, no_topic, page_topic, refuse_large
from qdpi.errors import BusUnavailable, InvalidInput, PublishUnknown
from qdpi.events import TOPICS, TopicSpec
from qdpi.sqlite import Database


class EmbeddedBus:
    """The event bus in `<directory>/bus.db` (see `EventBus`): one partition per topic, one active member per group.

    A publish to a durable topic returns once the message is on disk. Other messages reach the disk later, with the
    next durable commit at the latest. `now` returns the time at which the bus accepts a message.
    """

    def __init__(self, directory: Path, *, now: Callable[[], datetime]) -> None:
        self._database = Database(directory / "bus.db", SCHEMA, version=SCHEMA_VERSION, unavailable=BusUnavailable)
        self._locks = directory / "groups"
        self._now = now
        self._notifier = Notifier(self._database)
        self._members: list[EmbeddedMembership] = []
        self._taps: list[Tap] = []

    async def open(self) -> None:
        """Open the file, and create missing core topics and the directory of the locks."""
        await self._database.open()
        await asyncio.to_thread(_make_directory, self._locks)
        await self._database.write(partial(log.put_all, specs=TOPICS.values()), durable=False)

    async def close(self) -> None:
        """Leave all groups, end all taps, and finish pending publishes."""
        for member in self._members:
            await member.leave()
        self._members.clear()
        for tap in self._taps:
            tap.close()
        await self._notifier.close()
        await self._database.close()

    async def ping(self) -> None:
        """Return when the file can be read, and written to if writing had failed."""
        await self._database.ping()

    async def publish(self, message: Message) -> None:
        """Write a message. Raises `InvalidInput` for a topic that does not exist and for a value too large.

        Publishing creates missing page topics.
        """
        terms = await self._terms(message.topic)
        refuse_large(message, terms.max_bytes)
        offset = await self._append(message, durable=terms.durable)
        self._notifier.advance({message.topic: offset + 1})

    async def join(self, group: str, topics: Iterable[str]) -> Membership:
        """Join a group. The member takes it over in a fetch, once no other member holds it."""
        check_name("group", group)
        named = tuple(topics)
        await self._database.write(partial(groups.register, group=group, topics=named), durable=False)
        lock = GroupLock(self._locks / f"{group}.lock")
        member = EmbeddedMembership(group, named, self._database, self._notifier, lock)
        self._members = [*(m for m in self._members if not m.has_left), member]
        return member

    @asynccontextmanager
    async def tap(
        self, topics: Iterable[str], start: Start, *, limit: int = 10_000
    ) -> AsyncIterator[AsyncIterator[Record]]:
        """Read topics, existing or future, from a position of the tap's own."""
        named = tuple(topics)
        positions: Mapping[str, int] = dict.fromkeys(named, 0)
        if start is Start.LATEST:
            positions = await self._database.read(partial(log.ends, topics=named))
        tap = Tap(self._database, self._notifier, Cursor(positions), check_limit(limit))
        self._taps.append(tap)
        try:
            yield tap
        finally:
            tap.close()
            self._taps.remove(tap)

    async def scan(self, topic: str) -> AsyncIterator[Record]:
        """Read the current records of a topic; none if it does not exist."""
        end = (await self._database.read(partial(log.ends, topics=(topic,))))[topic]
        cursor = Cursor({topic: 0})
        while cursor.positions()[topic] < end:
            for record in await read_next(self._database, cursor, BATCH):
                if record.offset < end:
                    yield record

    async def topics(self) -> list[TopicState]:
        """Return the bounds of every topic, by name."""
        return await self._database.read(log.bounds)

    async def lag(self, group: str) -> list[Lag]:
        """Return the lag of a group: a row for each topic it has joined, by name."""
        return await self._database.read(partial(groups.lag, group=group))

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Create the missing topics. The offsets of a deleted topic continue."""
        wanted = tuple(specs)
        for spec in wanted:
            check_name("topic", spec.name)
        return await self._database.write(partial(log.create_all, specs=wanted))

    async def grow_topics(self, names: Iterable[str], partitions: int) -> list[str]:
        """Refuse more than one partition: a topic of this bus has one."""
        if partitions > 1:
            raise InvalidInput(
                f"The embedded bus has one partition per topic, not {partitions}.",
                next_step="Set KAFKA_BROKERS to use Kafka, which supports more.",
            )
        for name in names:
            await self._terms(name)
        return []

    async def delete_topics(self, names: Iterable[str]) -> list[str]:
        """Delete topics and their records."""
        return await self._database.write(partial(log.delete_all, names=tuple(names)))

    async def delete_idle(self, names: Iterable[str]) -> list[str]:
        """Delete the empty ones among some topics; a record published meanwhile is not lost."""
        return await self._database.write(partial(log.delete_idle, names=tuple(names)))

    async def trim(self, now: datetime) -> int:
        """Drop records that every group has committed: expired ones, and outdated ones of compacted topics."""
        dropped = 0
        for topic, retention, compact in await self._database.read(log.live_topics):
            dropped += await self._drop_expired(topic, now - retention)
            if compact:
                dropped += await self._compact(topic)
        return dropped

    async def _terms(self, topic: str) -> log.Terms:
        if spec := TOPICS.get(topic) or page_topic(topic):
            return log.Terms(spec.durable, spec.max_bytes)
        terms = await self._database.read(partial(log.terms, topic=topic))
        if terms is None:
            raise no_topic(topic)
        return terms

    async def _append(self, message: Message, *, durable: bool) -> int:
        append = Append(message, self._now())
        try:
            offset = await self._database.write(append, durable=durable)
        except BusUnavailable as error:
            if append.written:
                raise PublishUnknown(f"A record of {message.topic} may be lost. {error.detail}") from error
            raise
        if offset is None:
            raise no_topic(message.topic)
        return offset

    async def _drop_expired(self, topic: str, before: datetime) -> int:
        dropped = 0
        work = partial(log.drop_expired, topic=topic, before=before)
        while chunk := await self._database.write(work, durable=False):
            dropped += chunk
        return dropped

    async def _compact(self, topic: str) -> int:
        dropped = 0
        while offsets := await self._database.read(partial(log.outdated, topic=topic)):
            for start in range(0, len(offsets), log.TRIM_CHUNK):
                chunk = offsets[start : start + log.TRIM_CHUNK]
                work = partial(log.drop, topic=topic, offsets=chunk)
                dropped += await self._database.write(work, durable=False)
        return dropped


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BusUnavailable(
            f"{path} cannot be created: {error.strerror}.",
            next_step="Set QDPI_DATA_DIR to a directory that this user may write to.",
        ) from error
