"""Consumer groups: starting offsets, commits and takeovers."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from tests.contract.bus.rig import (
    PATIENCE,
    BusRig,
    Client,
    after,
    fetch,
    fetch_revocation,
    fetch_until,
    numbered,
    publish,
    values,
)

from qdpi.bus.port import EventBus, Membership, Record


class OffsetsSuite:
    """Starting offsets and commits."""

    async def test_group_starts_at_the_earliest_record(self, bus: EventBus, topic: str, group: str) -> None:
        await publish(bus, topic, numbered(3))
        assert values(await fetch(await bus.join(group, [topic]), 3)) == numbered(3)

    async def test_groups_read_independently(self, bus: EventBus, topic: str, group: str) -> None:
        await publish(bus, topic, numbered(5))
        for name in (f"{group}-1", f"{group}-2"):
            member = await bus.join(name, [topic])
            records = await fetch(member, 5)
            assert values(records) == numbered(5)
            await member.commit(after(records))

    async def test_commit_survives_its_clients(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        first = await another_client()
        await publish(first, topic, numbered(4))
        member = await first.join(group, [topic])
        await member.commit(after((await fetch(member, 4))[:3]))
        await first.close()
        member = await (await another_client()).join(group, [topic])
        await publish(bus, topic, [b"last"])
        assert await fetch_until(member, b"last") == [b"3"]

    async def test_lower_commit_has_no_effect(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        await publish(bus, topic, numbered(4))
        member = await bus.join(group, [topic])
        records = await fetch(member, 4)
        await member.commit(after(records[:3]))
        await member.commit(after(records[:1]))
        await member.leave()
        successor = await (await another_client()).join(group, [topic])
        assert values(await fetch(successor, 1)) == [b"3"]

    async def test_fetch_respects_its_limit(self, bus: EventBus, topic: str, group: str) -> None:
        """A fetch returns no more than its limit, and no record twice."""
        await publish(bus, topic, [*numbered(10), b"last"])
        member = await bus.join(group, [topic])
        found: list[Record] = []
        while b"last" not in values(found):
            records = (await member.fetch(3, PATIENCE)).records
            assert 0 < len(records) <= 3
            found += records
        assert values(found) == [*numbered(10), b"last"]

    async def test_fetch_without_records_is_empty(self, bus: EventBus, topic: str, group: str) -> None:
        delivery = await (await bus.join(group, [topic])).fetch(10, 0.01)
        assert (list(delivery.records), list(delivery.revoked)) == ([], [])

    async def test_waiting_fetch_returns_new_records(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        member = await bus.join(group, [topic])
        for publisher in (bus, await another_client()):
            waiting = asyncio.create_task(fetch(member, 1))
            await publish(publisher, topic, [b"news"])
            assert values(await waiting) == [b"news"]

    async def test_pause_and_resume_keep_order(self, bus: EventBus, topic: str, other_topic: str, group: str) -> None:
        """Pausing holds a partition back; resuming loses and reorders nothing."""
        await publish(bus, topic, numbered(5))
        member = await bus.join(group, [topic, other_topic])
        (first,) = await fetch(member, 1, limit=1)
        await member.pause([first.partition])
        await publish(bus, topic, numbered(5, start=5))
        await publish(bus, other_topic, [b"a", b"b", b"c"])
        assert values(await fetch(member, 3)) == [b"a", b"b", b"c"]
        assert not (await member.fetch(10, 0.01)).records
        await member.resume([first.partition])
        assert values([first, *await fetch(member, 9)]) == numbered(10)


class TakeoverSuite:
    """Joining, leaving, standby, death, and zombies."""

    async def test_leaving_redelivers_uncommitted_records(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        await publish(bus, topic, numbered(5))
        member = await bus.join(group, [topic])
        await member.commit(after((await fetch(member, 5))[:2]))
        await member.leave()
        successor = await (await another_client()).join(group, [topic])
        assert values(await fetch(successor, 3)) == numbered(3, start=2)

    async def test_death_redelivers_uncommitted_records(
        self, rig: BusRig, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        await publish(bus, topic, numbered(5))
        victim = await another_client()
        member = await victim.join(group, [topic])
        await member.commit(after((await fetch(member, 5))[:2]))
        await rig.cut_off(victim)
        successor = await bus.join(group, [topic])
        assert values(await fetch(successor, 3)) == numbered(3, start=2)

    async def test_standby_takes_over_from_a_leaving_member(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        holder = await bus.join(group, [topic])
        await publish(bus, topic, numbered(3))
        await fetch(holder, 3)
        second = await (await another_client()).join(group, [topic])
        waiting = asyncio.create_task(fetch(second, 3))
        await asyncio.sleep(0)
        await holder.leave()
        assert values(await waiting) == numbered(3)

    async def test_standby_takes_over_from_a_dead_member(
        self, rig: BusRig, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        victim = await another_client()
        holder = await victim.join(group, [topic])
        await publish(bus, topic, numbered(3))
        await fetch(holder, 3)
        second = await bus.join(group, [topic])
        waiting = asyncio.create_task(fetch(second, 3))
        await asyncio.sleep(0)
        await rig.cut_off(victim)
        assert values(await waiting) == numbered(3)

    async def test_zombie_commit_has_no_effect(
        self, rig: BusRig, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        await publish(bus, topic, numbered(5))
        zombie_client = await another_client()
        zombie = await zombie_client.join(group, [topic])
        held = await fetch(zombie, 5)
        await rig.cut_off(zombie_client)
        successor = await bus.join(group, [topic])
        again = await fetch(successor, 5)
        await successor.commit(after(again[:2]))
        await zombie.commit(after(held))
        await successor.leave()
        third = await (await another_client()).join(group, [topic])
        assert values(await fetch(third, 3)) == numbered(3, start=2)

    async def test_zombie_receives_its_revocation(
        self, rig: BusRig, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        """A zombie's fetch returns the partitions it lost, and it may take over again."""
        await publish(bus, topic, numbered(2))
        zombie_client = await another_client()
        zombie = await zombie_client.join(group, [topic])
        held = await fetch(zombie, 2)
        await rig.cut_off(zombie_client)
        successor = await bus.join(group, [topic])
        await successor.commit(after((await fetch(successor, 2))[:1]))
        delivery = await fetch_revocation(zombie)
        assert held[0].partition in delivery.revoked
        assert not delivery.records
        await successor.leave()
        assert values(await fetch(zombie, 1)) == [b"1"]

    async def test_pause_ends_with_its_partition(
        self, rig: BusRig, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        await publish(bus, topic, numbered(2))
        zombie_client = await another_client()
        zombie = await zombie_client.join(group, [topic])
        held = await fetch(zombie, 2)
        await zombie.pause([held[0].partition])
        await rig.cut_off(zombie_client)
        successor = await bus.join(group, [topic])
        await fetch(successor, 2)
        await fetch_revocation(zombie)
        await successor.leave()
        assert values(await fetch(zombie, 2)) == numbered(2)

    async def test_leave_is_idempotent_and_ends_commits(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        await publish(bus, topic, numbered(2))
        member = await bus.join(group, [topic])
        held = await fetch(member, 2)
        await member.leave()
        await member.leave()
        await member.commit(after(held))
        successor = await (await another_client()).join(group, [topic])
        assert values(await fetch(successor, 2)) == numbered(2)

    async def test_membership_changes_keep_order(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        """Members that join and leave lose no record and keep the order of keys."""
        keys = [b"key-%d" % n for n in range(4)]
        await asyncio.gather(*(publish(bus, topic, numbered(40), key) for key in keys))
        seen: dict[tuple[bytes | None, bytes | None], None] = {}
        first = await bus.join(group, [topic])
        second = await (await another_client()).join(group, [topic])
        async with asyncio.timeout(PATIENCE):
            helper = asyncio.create_task(consume(second, seen, total=160))
            await consume(first, seen, total=60)
            await first.fetch(7, 0.01)  # taken along and never committed
            await first.leave()
            await helper
        for key in keys:
            order = [int(value or b"") for k, value in seen if k == key]
            assert len(order) == 40
            assert all(earlier < later for earlier, later in pairwise(order))


async def consume(member: Membership, seen: dict[tuple[bytes | None, bytes | None], None], total: int) -> None:
    """Fetch and commit, recording each value at its first delivery, until `total` values are recorded."""
    while len(seen) < total:
        records = (await member.fetch(7, 0.05)).records
        for record in records:
            seen.setdefault((record.key, record.value))
        await member.commit(after(records))
