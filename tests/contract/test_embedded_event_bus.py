"""The embedded bus: the contract suite, and tests of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest
from tests.contract.bus.embedded import EmbeddedRig, open_bus
from tests.contract.bus.rig import (
    PATIENCE,
    after,
    fetch,
    fetch_revocation,
    make_topic,
    numbered,
    publish,
    scan,
    take,
    values,
)
from tests.contract.event_bus_suite import EventBusSuite

from qdpi.bus.embedded import EmbeddedBus
from qdpi.bus.embedded.groups import GroupLock, is_at
from qdpi.bus.port import Delivery, EventBus, Membership, Partition, Record, Start
from qdpi.errors import BusUnavailable, InvalidInput, PublishUnknown
from qdpi.events import TOPICS, DeadLetter, PageDelta, PageDone, PageEvent, Press
from qdpi.sqlite import Database

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[EmbeddedRig]:
    rig = EmbeddedRig(tmp_path)
    yield rig
    await rig.close()


class TestEmbeddedEventBus(EventBusSuite):
    """The behaviour suite on SQLite."""


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def bus(tmp_path: Path, clock: Clock) -> AsyncIterator[EmbeddedBus]:
    bus = EmbeddedBus(tmp_path, now=clock)
    await bus.open()
    yield bus
    await bus.close()


def offsets(records: list[Record]) -> list[int]:
    return [record.offset for record in records]


async def bounds(bus: EventBus, topic: str) -> tuple[int, int]:
    (state,) = [state for state in await bus.topics() if state.partition.topic == topic]
    return state.first, state.next


class TestLog:
    async def test_core_topics_exist_after_open(self, bus: EmbeddedBus) -> None:
        assert {state.partition for state in await bus.topics()} == {Partition(name, 0) for name in TOPICS}

    async def test_file_is_created_concurrently(self, tmp_path: Path) -> None:
        clients = await asyncio.gather(*(open_bus(str(tmp_path / "new")) for _ in range(4)))
        await asyncio.gather(*(publish(client, Press.topic, numbered(10)) for client in clients))
        assert offsets(await scan(clients[0], Press.topic)) == list(range(40))
        for client in clients:
            await client.close()

    async def test_record_time_comes_from_the_clock(self, bus: EmbeddedBus, clock: Clock) -> None:
        clock.now += timedelta(microseconds=123_457)
        await publish(bus, Press.topic, [b"value"])
        (record,) = await scan(bus, Press.topic)
        assert record.taken_at == clock.now

    @pytest.mark.parametrize("topic", TOPICS)
    async def test_durable_publish_waits_for_the_disk(self, bus: EmbeddedBus, topic: str) -> None:
        writes = spy_on_writes(bus)
        await publish(bus, topic, [b"value"])
        assert writes == [TOPICS[topic].durable]

    async def test_commit_does_not_wait_for_the_disk(self, bus: EmbeddedBus) -> None:
        await publish(bus, Press.topic, [b"value"])
        member = await bus.join("group", [Press.topic])
        records = await fetch(member, 1)
        writes = spy_on_writes(bus)
        await member.commit(after(records))
        assert writes == [False]

    async def test_publish_with_a_failed_commit_is_unknown(self, bus: EmbeddedBus) -> None:
        database = bus._database

        async def write_and_fail(work: Callable[[Connection], Any], *, durable: bool = True) -> Any:
            await Database.write(database, work, durable=durable)
            raise BusUnavailable("The disk failed.")

        database.write = write_and_fail  # type: ignore[method-assign]
        with pytest.raises(PublishUnknown, match="The disk failed"):
            await publish(bus, Press.topic, [b"value"])

    async def test_close_finishes_accepted_publishes(self, bus: EmbeddedBus) -> None:
        waiting = [asyncio.create_task(publish(bus, Press.topic, [value])) for value in numbered(20)]
        await asyncio.sleep(0)
        await bus.close()
        await asyncio.gather(*waiting)
        await bus.open()
        assert sorted(values(await scan(bus, Press.topic)), key=str) == sorted(numbered(20), key=str)

    async def test_directory_error_is_an_outage(self, tmp_path: Path, clock: Clock) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(BusUnavailable, match="cannot be created"):
            await EmbeddedBus(tmp_path / "file", now=clock).open()

    async def test_tap_reads_a_topic_created_later(self, bus: EmbeddedBus) -> None:
        async with bus.tap(["gibsey.page.S02"], Start.LATEST) as tap:
            await publish(bus, "gibsey.page.S02", [b"first"])
            assert values(await take(tap, 1)) == [b"first"]

    async def test_member_continues_with_a_recreated_topic(self, bus: EmbeddedBus) -> None:
        topic = "gibsey.page.S02"
        member = await bus.join("group", [topic])
        await publish(bus, topic, numbered(3))
        await member.commit(after(await fetch(member, 3)))
        await bus.delete_topics([topic])
        await publish(bus, topic, [b"new"])
        (record,) = await fetch(member, 1)
        assert (record.offset, record.value) == (3, b"new")
        assert [lag.records for lag in await bus.lag("group")] == [1]

    async def test_delete_idle_keeps_topics_with_records(self, bus: EmbeddedBus) -> None:
        empty, full = await make_topic(bus), await make_topic(bus)
        await publish(bus, full, [b"kept"])
        assert await bus.delete_idle([empty, full, "test.nowhere"]) == [empty]
        assert values(await scan(bus, full)) == [b"kept"]
        assert empty not in {state.partition.topic for state in await bus.topics()}

    @pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "x" * 250, "ü"])
    async def test_invalid_name_is_refused(self, bus: EmbeddedBus, name: str) -> None:
        with pytest.raises(InvalidInput, match="cannot be the name of a group"):
            await bus.join(name, [Press.topic])
        with pytest.raises(InvalidInput, match="cannot be the name of a topic"):
            await bus.create_topics([TOPICS[Press.topic]._replace(name=name)])


def spy_on_writes(bus: EmbeddedBus) -> list[bool]:
    """Return a list to which every write of the bus appends whether it was durable."""
    database = bus._database
    durables: list[bool] = []

    async def write(work: Callable[[Connection], Any], *, durable: bool = True) -> Any:
        durables.append(durable)
        return await Database.write(database, work, durable=durable)

    database.write = write  # type: ignore[method-assign]
    return durables


class TestGroups:
    async def test_one_active_member_within_a_process(self, bus: EmbeddedBus) -> None:
        """One member of a group reads at a time, also within one process."""
        holder, second = [await bus.join("group", [Press.topic]) for _ in range(2)]
        other = await bus.join("other", [Press.topic])
        await publish(bus, Press.topic, numbered(3))
        assert values(await fetch(holder, 3)) == numbered(3)
        assert await second.fetch(10, 0.05) == ((), ())
        assert values(await fetch(other, 3)) == numbered(3)
        await holder.leave()
        assert values(await fetch(second, 3)) == numbered(3)

    async def test_one_active_member_across_topics(self, bus: EmbeddedBus) -> None:
        presses = await bus.join("group", [Press.topic])
        pages = await bus.join("group", [PageDone.topic])
        await publish(bus, Press.topic, [b"press"])
        await publish(bus, PageDone.topic, [b"page"])
        assert values(await fetch(presses, 1)) == [b"press"]
        assert await pages.fetch(10, 0.05) == ((), ())
        await presses.leave()
        assert values(await fetch(pages, 1)) == [b"page"]

    async def test_zombie_receives_its_revocation_once(self, rig: EmbeddedRig, bus: EmbeddedBus) -> None:
        await publish(bus, Press.topic, [b"press"])
        zombie = await bus.join("group", [Press.topic, PageDone.topic])
        await fetch(zombie, 1)
        await rig.cut_off(bus)
        successor = await (await rig.client()).join("group", [Press.topic])
        await fetch(successor, 1)
        delivery = await fetch_revocation(zombie)
        assert set(delivery.revoked) == {Partition(Press.topic, 0), Partition(PageDone.topic, 0)}
        assert await zombie.fetch(10, 0.05) == ((), ())

    async def test_cancelled_fetch_loses_nothing(self, bus: EmbeddedBus) -> None:
        member = await bus.join("group", [Press.topic])
        found: list[Record] = []
        for value in numbered(30):
            fetching = asyncio.create_task(member.fetch(10, 60.0))
            await publish(bus, Press.topic, [value])
            fetching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                found += (await fetching).records
        await publish(bus, Press.topic, [b"last"])
        found += await fetch(member, 31 - len(found))
        assert values(found) == [*numbered(30), b"last"]

    async def test_leave_ends_fetches(self, bus: EmbeddedBus) -> None:
        """Leaving ends a waiting fetch, and a later fetch is refused."""
        member = await bus.join("group", [Press.topic])
        waiting = asyncio.create_task(member.fetch(10, 3_600.0))
        await asyncio.sleep(0)
        await member.leave()
        assert await waiting == ((), ())
        with pytest.raises(BusUnavailable, match="has left group"):
            await member.fetch(10, 0.0)

    async def test_lock_error_is_an_outage(self, bus: EmbeddedBus, tmp_path: Path) -> None:
        member = await bus.join("group", [Press.topic])
        (tmp_path / "groups").rmdir()
        (tmp_path / "groups").touch()
        with pytest.raises(BusUnavailable, match="cannot be locked"):
            await member.fetch(10, 1.0)
        (tmp_path / "groups").unlink()
        (tmp_path / "groups").mkdir()
        await publish(bus, Press.topic, [b"value"])
        assert values(await fetch(member, 1)) == [b"value"]

    async def test_resume_wakes_a_waiting_fetch(self, bus: EmbeddedBus) -> None:
        member = await bus.join("group", [Press.topic])
        await member.fetch(10, 0.05)
        bus._database.data_version = never  # type: ignore[method-assign]
        await member.pause([Partition(Press.topic, 0)])
        await publish(bus, Press.topic, [b"value"])
        waiting = await a_waiting_fetch(bus, member)
        await member.resume([Partition(Press.topic, 0)])
        assert values((await waiting).records) == [b"value"]

    async def test_own_records_are_known_without_polling(self, bus: EmbeddedBus) -> None:
        bus._database.data_version = never  # type: ignore[method-assign]
        waiting = await a_waiting_fetch(bus, await bus.join("group", [Press.topic]))
        await publish(bus, Press.topic, [b"value"])
        assert values((await waiting).records) == [b"value"]

    async def test_outage_reaches_a_waiting_fetch_and_passes(self, bus: EmbeddedBus) -> None:
        member = await bus.join("group", [Press.topic])
        ask = bus._database.data_version
        bus._database.data_version = unavailable  # type: ignore[method-assign]
        with pytest.raises(BusUnavailable, match="The disk failed"):
            await asyncio.wait_for(member.fetch(10, 3_600.0), PATIENCE)
        bus._database.data_version = ask  # type: ignore[method-assign]
        await publish(bus, Press.topic, [b"value"])
        assert values(await fetch(member, 1)) == [b"value"]

    @pytest.mark.parametrize("limit", [0, -1])
    async def test_limit_below_one_is_refused(self, bus: EmbeddedBus, limit: int) -> None:
        member = await bus.join("group", [Press.topic])
        with pytest.raises(InvalidInput, match="reads nothing"):
            await member.fetch(limit, 1.0)
        with pytest.raises(InvalidInput, match="reads nothing"):
            async with bus.tap([Press.topic], Start.EARLIEST, limit=limit):
                pass

    async def test_no_polling_without_waiting_readers(self, bus: EmbeddedBus) -> None:
        member = await bus.join("group", [Press.topic])
        await member.fetch(10, 0.001)
        watch = [task for task in asyncio.all_tasks() if task.get_name() == "bus-notifier"]
        await asyncio.wait_for(asyncio.gather(*watch), 60.0)
        await publish(bus, Press.topic, [b"value"])
        assert "bus-notifier" not in {task.get_name() for task in asyncio.all_tasks()}


async def a_waiting_fetch(bus: EmbeddedBus, member: Membership) -> asyncio.Task[Delivery]:
    """Return a fetch that waits for records."""
    fetching = asyncio.create_task(asyncio.wait_for(member.fetch(10, 3_600.0), PATIENCE))
    while not bus._notifier._waiters:  # noqa: ASYNC110  (the bus does not report waiting readers)
        await asyncio.sleep(0)
    return fetching


async def never() -> int:
    """Never return the version of the file."""
    await asyncio.Event().wait()
    raise AssertionError


async def unavailable() -> int:
    raise BusUnavailable("The disk failed.")


class TestGroupLock:
    def test_lock_on_a_removed_file_does_not_count(self, tmp_path: Path) -> None:
        path = tmp_path / "group.lock"
        with path.open("w") as removed:
            path.unlink()
            assert not is_at(removed.fileno(), path)
            with path.open("w") as there:
                assert not is_at(removed.fileno(), path)
                assert is_at(there.fileno(), path)

    def test_lock_is_exclusive_until_released(self, tmp_path: Path) -> None:
        one, two = (GroupLock(tmp_path / "group.lock") for _ in range(2))
        assert one.acquire()
        assert not one.acquire()
        assert not two.acquire()
        one.release()
        one.release()
        assert two.acquire()
        two.release()


class TestFairness:
    async def test_busy_topic_does_not_starve_another(self, bus: EmbeddedBus) -> None:
        await publish(bus, PageDelta.topic, numbered(100))
        await publish(bus, Press.topic, [b"press"])
        member = await bus.join("group", [PageDelta.topic, Press.topic])
        assert b"press" in values((await member.fetch(10, 1.0)).records)

    async def test_topics_take_turns_beyond_the_limit(self, bus: EmbeddedBus) -> None:
        topics = [Press.topic, PageDone.topic, PageDelta.topic]
        for topic in topics:
            await publish(bus, topic, numbered(5))
        member = await bus.join("group", topics)
        found = [record for _ in range(6) for record in (await member.fetch(1, 1.0)).records]
        assert sorted((record.topic, record.offset) for record in found) == sorted(
            (topic, offset) for topic in topics for offset in (0, 1)
        )

    async def test_fetch_size_is_bounded_in_bytes(self, bus: EmbeddedBus) -> None:
        topics = [DeadLetter.topic, await make_topic(bus, max_bytes=3 << 20)]
        for topic in topics:
            await publish(bus, topic, [bytes(3 << 20)] * 4)
        member = await bus.join("group", topics)
        sizes = [len((await member.fetch(100, 1.0)).records) for _ in range(3)]
        assert sizes == [3, 3, 2]


class TestTrimming:
    async def test_trim_drops_expired_records_and_keeps_offsets(self, bus: EmbeddedBus, clock: Clock) -> None:
        topic = await make_topic(bus)
        await publish(bus, topic, numbered(2))
        clock.now += timedelta(minutes=50)
        await publish(bus, topic, numbered(2, start=2))
        assert await bus.trim(START + timedelta(minutes=61)) == 2
        assert offsets(await scan(bus, topic)) == [2, 3]
        assert await bounds(bus, topic) == (2, 4)
        assert await bus.trim(clock.now + timedelta(minutes=61)) == 2
        assert await bounds(bus, topic) == (4, 4)
        await publish(bus, topic, [b"next"])
        assert offsets(await scan(bus, topic)) == [4]

    async def test_slowest_group_holds_back_trim(self, bus: EmbeddedBus, clock: Clock) -> None:
        topic = await make_topic(bus)
        await publish(bus, topic, numbered(5))
        later = clock.now + timedelta(days=1)
        members = [await bus.join(group, [topic]) for group in ("slow", "fast")]
        for member, done in zip(members, (2, 4), strict=True):
            await member.commit(after((await fetch(member, 5))[:done]))
        assert await bus.trim(later) == 2
        assert offsets(await scan(bus, topic)) == [2, 3, 4]

    async def test_joined_group_holds_back_trim(self, bus: EmbeddedBus) -> None:
        topic = await make_topic(bus)
        await bus.join("group", [topic])
        await publish(bus, topic, numbered(3))
        assert await bus.trim(START + timedelta(days=365)) == 0
        assert await bounds(bus, topic) == (0, 3)

    async def test_compaction_keeps_the_newest_per_key(self, bus: EmbeddedBus) -> None:
        for key in (b"a", b"b", None, b"a", None, b"c", b"a"):
            await publish(bus, PageEvent.topic, [b"value"], key)
        assert await bus.trim(START) == 2
        kept = await scan(bus, PageEvent.topic)
        assert [(record.offset, record.key) for record in kept] == [
            (1, b"b"),
            (2, None),
            (4, None),
            (5, b"c"),
            (6, b"a"),
        ]
        assert await bus.trim(START) == 0

    async def test_compaction_keeps_uncommitted_records(self, bus: EmbeddedBus) -> None:
        await publish(bus, PageEvent.topic, numbered(5))
        member = await bus.join("group", [PageEvent.topic])
        records = await fetch(member, 5)
        await member.commit(after(records[:2]))
        assert await bus.trim(START) == 2
        assert offsets(await scan(bus, PageEvent.topic)) == [2, 3, 4]

    async def test_trim_drops_any_number_of_records(self, bus: EmbeddedBus) -> None:
        topic = await make_topic(bus)
        await asyncio.gather(*(publish(bus, topic, [b"value"]) for _ in range(1_300)))
        assert await bus.trim(START + timedelta(days=1)) == 1_300
        assert await bounds(bus, topic) == (1_300, 1_300)

    async def test_tap_skips_trimmed_records(self, bus: EmbeddedBus, clock: Clock) -> None:
        topic = await make_topic(bus)
        await publish(bus, topic, numbered(3))
        async with bus.tap([topic], Start.EARLIEST) as tap:
            await bus.trim(clock.now + timedelta(days=1))
            await publish(bus, topic, [b"next"])
            (record,) = await take(tap, 1)
        assert (record.offset, record.value) == (3, b"next")
