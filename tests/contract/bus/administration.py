"""Topic administration: topics, bounds, lag and trimming."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from tests.contract.bus.rig import Client, after, fetch, numbered, publish, scan, values

from qdpi.bus.port import EventBus
from qdpi.events import Press, TopicSpec


class AdministrationSuite:
    """Topics, lag, trimming."""

    async def test_topics_are_created_once(self, bus: EventBus, another_client: Client) -> None:
        specs = [TopicSpec(f"test.{uuid4()}", Press, "session_id", 60) for _ in range(2)]
        names = [spec.name for spec in specs]
        assert await bus.create_topics(specs[:1]) == names[:1]
        assert await (await another_client()).create_topics(specs) == names[1:]
        assert await bus.create_topics(specs) == []
        assert set(names) <= {state.partition.topic for state in await bus.topics()}

    async def test_deletion_returns_existing_topics(self, bus: EventBus, topic: str) -> None:
        assert await bus.delete_topics([topic, "test.nowhere"]) == [topic]
        assert await bus.delete_topics([topic]) == []
        assert topic not in {state.partition.topic for state in await bus.topics()}

    async def test_recreated_topic_is_empty(self, bus: EventBus, topic: str, group: str) -> None:
        await publish(bus, topic, numbered(3))
        await bus.delete_topics([topic])
        await bus.create_topics([TopicSpec(topic, Press, "session_id", 60)])
        assert await scan(bus, topic) == []
        await publish(bus, topic, [b"new"])
        assert values(await fetch(await bus.join(group, [topic]), 1)) == [b"new"]

    async def test_bounds_count_records(self, bus: EventBus, topic: str) -> None:
        await publish(bus, topic, numbered(7))
        states = [state for state in await bus.topics() if state.partition.topic == topic]
        assert sum(state.next - state.first for state in states) == 7
        assert len({state.partition for state in states}) == len(states)

    async def test_lag_counts_uncommitted_records(self, bus: EventBus, topic: str, group: str) -> None:
        """Lag is the number of uncommitted records and the time of the oldest."""
        await publish(bus, topic, numbered(5))
        member = await bus.join(group, [topic])
        records = await fetch(member, 5)
        await member.commit(after(records[:2]))
        (behind,) = [lag for lag in await bus.lag(group) if lag.records]
        assert (behind.partition, behind.records) == (records[0].partition, 3)
        assert behind.since == records[2].taken_at
        await member.commit(after(records))
        settled = await bus.lag(group)
        assert records[0].partition in {lag.partition for lag in settled}
        assert {(lag.records, lag.since) for lag in settled} == {(0, None)}

    async def test_trim_keeps_uncommitted_records(
        self, bus: EventBus, another_client: Client, topic: str, group: str
    ) -> None:
        await publish(bus, topic, numbered(5))
        member = await bus.join(group, [topic])
        records = await fetch(member, 5)
        await member.commit(after(records[:2]))
        await member.leave()
        await bus.trim(records[-1].taken_at + timedelta(days=365))
        successor = await (await another_client()).join(group, [topic])
        assert values(await fetch(successor, 3)) == numbered(3, start=2)
