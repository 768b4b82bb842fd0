"""Clients of the Kafka bus on one cluster, under a prefix of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from confluent_kafka.admin import AdminClient
from tests.contract.bus.rig import PATIENCE

from qdpi.bus.kafka import KafkaBus
from qdpi.bus.kafka.consumer_thread import Heartbeat
from qdpi.bus.port import EventBus
from qdpi.settings import Settings, load_settings


class HangableHeartbeat(Heartbeat):
    """The heartbeat of a loop that can be made to hang, as seen by its members' threads.

    It comes to itself with the first fetch after it may.
    """

    def __init__(self, *of: Any) -> None:
        super().__init__(*of)
        self.hangs = self.may_recover = False

    def is_alive(self) -> bool:
        return super().is_alive() and not self.hangs

    def beat(self) -> None:
        super().beat()
        self.hangs = self.hangs and not self.may_recover


class RigBus(KafkaBus):
    """A client whose event loop can be made to hang."""

    def __init__(self, settings: Settings) -> None:
        self.heartbeats: list[HangableHeartbeat] = []
        super().__init__(settings, heartbeat=self._make)

    def _make(self, *of: Any) -> Heartbeat:
        self.heartbeats.append(HangableHeartbeat(*of))
        return self.heartbeats[-1]


async def open_bus(environment: str) -> RigBus:
    """Open a client; its one argument is the environment of its settings, as JSON."""
    bus = RigBus(load_settings(json.loads(environment)))
    await bus.open()
    return bus


class KafkaRig:
    """Clients in one process, each with its own threads, like separate processes."""

    def __init__(self, environment: Mapping[str, str], **more: str) -> None:
        self.environment = {**environment, "KAFKA_PREFIX": f"test-{uuid4().hex[:8]}.", **more}
        self._clients: list[RigBus] = []

    async def client(self) -> RigBus:
        self._clients.append(await open_bus(json.dumps(self.environment)))
        return self._clients[-1]

    async def cut_off(self, bus: EventBus) -> None:
        """Make the client's loop hang, as seen by its threads, until its groups have removed its members."""
        assert isinstance(bus, RigBus)
        ids = [(member, await member_id(member)) for member in bus._members if not member.has_left]
        for heartbeat in bus.heartbeats:
            heartbeat.hangs, heartbeat.may_recover = True, False
        async with asyncio.timeout(PATIENCE):
            for member, name in ids:
                while name in await self.members(member._group):  # noqa: ASYNC110  (brokers send no notification)
                    await asyncio.sleep(0.05)
        for heartbeat in bus.heartbeats:
            heartbeat.may_recover = True

    async def members(self, group: str) -> set[str]:
        """The ids of a group's members, as the brokers know them."""
        name = self.environment["KAFKA_PREFIX"] + group
        admin = AdminClient({"bootstrap.servers": self.environment["KAFKA_BROKERS"]})
        result = await asyncio.wrap_future(admin.describe_consumer_groups([name])[name])
        return {member.member_id for member in result.members}

    def child(self) -> tuple[str, str]:
        return f"{__name__}:open_bus", json.dumps(self.environment)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        cleaner = await open_bus(json.dumps(self.environment))
        await cleaner.delete_topics({state.partition.topic for state in await cleaner.topics()})
        await cleaner.close()


async def member_id(member: Any) -> str:
    """Return the id that the brokers gave a member, read on the thread that owns the consumer."""
    result: str = await member._thread.call(member._assignment._consumer.memberid)
    return result
