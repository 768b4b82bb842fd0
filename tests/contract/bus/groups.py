"""Groups: from where they read, what they have read, and who reads for them."""

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
    """Where a group reads from, and commits."""

    async def test_a_group_starts_at_the_earliest_record(self, bus: EventBus, topic: str, group: str) -> None:
        await publish(bus, topic, numbered(3))
        assert values(await fetch(await bus.join(group, [topic]), 3)) == numbered(3)

    async def test_two_groups_both_read_everything(self, bus: EventBus, topic: str, group: str) -> None:
        await publish(bus, topic, numbered(5))
        for name in (f"{group}-1", f"{group}-2"):
            member = await bus.join(name, [topic])
            records = await fetch(member, 5)
            assert values(records) == numbered(5)
            await member.commit(after(records))

    async def test_a_committed_offset_survives_every_client(
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

    async def test_a_lower_offset_is_no_commit(
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

    async def test_a_fetch_brings_no_more_than_its_limit_and_no_record_twice(
        self, bus: EventBus, topic: str, group: str
    ) -> None:
        await publish(bus, topic, [*numbered(10), b"last"])
        member = await bus.join(group, [topic])
        found: list[Record] = []
        while b"last" not in values(found):
            records = (await member.fetch(3, PATIENCE)).records
            assert 0 < len(records) <= 3
            found += records
        assert values(found) == [*numbered(10), b"last"]

    async def test_a_fetch_without_records_is_empty(self, bus: EventBus, topic: str, group: str) -> None:
        delivery = await (await bus.join(group, [topic])).fetch(10, 0.01)
        assert (list(delivery.records), list(delivery.revoked)) == ([], [])

    async def test_a_waiting_fetch_gets_what_any_client_publishes(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        member = await bus.join(group, [topic])
        for publisher in (bus, await another_client()):
            waiting = asyncio.create_task(fetch(member, 1))
            await publish(publisher, topic, [b"news"])
            assert values(await waiting) == [b"news"]

    async def test_pausing_a_partition_holds_it_back_and_resuming_loses_and_reorders_nothing(
        self, bus: EventBus, topic: str, other_topic: str, group: str
    ) -> None:
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
    """Joining, leaving, standing by, dying, and coming back too late."""

    async def test_what_a_member_that_left_had_not_committed_comes_to_the_next(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        await publish(bus, topic, numbered(5))
        member = await bus.join(group, [topic])
        await member.commit(after((await fetch(member, 5))[:2]))
        await member.leave()
        successor = await (await another_client()).join(group, [topic])
        assert values(await fetch(successor, 3)) == numbered(3, start=2)

    async def test_a_member_that_died_in_its_handler_is_followed_by_one_that_gets_its_records(
        self, rig: BusRig, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        await publish(bus, topic, numbered(5))
        victim = await another_client()
        member = await victim.join(group, [topic])
        await member.commit(after((await fetch(member, 5))[:2]))
        await rig.cut_off(victim)
        successor = await bus.join(group, [topic])
        assert values(await fetch(successor, 3)) == numbered(3, start=2)

    async def test_a_member_that_stands_by_takes_over_when_the_holder_leaves(
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

    async def test_a_member_that_stands_by_takes_over_when_the_holder_dies(
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

    async def test_a_zombie_commits_without_effect(
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

    async def test_a_zombie_is_told_what_it_lost_and_may_take_over_again(
        self, rig: BusRig, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
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

    async def test_a_pause_ends_with_the_loss_of_its_partition(
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

    async def test_leaving_twice_is_leaving_once_and_ends_the_right_to_commit(
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

    async def test_members_that_come_and_go_lose_nothing_and_keep_the_order_of_keys(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
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
    """Fetch, note in the order of first sight, and commit, until there are `total` notes."""
    while len(seen) < total:
        records = (await member.fetch(7, 0.05)).records
        for record in records:
            seen.setdefault((record.key, record.value))
        await member.commit(after(records))
