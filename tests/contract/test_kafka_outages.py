"""Outages of the Kafka bus: brokers that are killed, hang, return or are not up yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.contract.bus.kafka import KafkaRig
from tests.contract.bus.rig import (
    OFTEN,
    PATIENCE,
    after,
    fetch,
    make_topic,
    numbered,
    publish,
    scan,
    until_unavailable,
    values,
)
from tests.support.servers import servers_in

from qdpi.bus.kafka import KafkaBus
from qdpi.bus.port import Membership, Message, Record, Start
from qdpi.cluster import Options, Servers
from qdpi.errors import MembershipOver, PublishUnknown
from qdpi.retry import retry_while_unavailable
from qdpi.settings import load_settings

pytestmark = [pytest.mark.kafka, pytest.mark.long]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A Kafka that these tests kill and pause, one after another; each leaves it running."""
    with servers_in(tmp_path_factory.mktemp("outages"), cassandra=False) as started:
        yield started


@pytest.fixture
async def rig(servers: Servers) -> AsyncIterator[KafkaRig]:
    rig = KafkaRig(servers.environment, KAFKA_PARTITIONS="2", KAFKA_SESSION_TIMEOUT="2")
    yield rig
    await rig.close()


async def fetch_through(member: Membership, last: bytes) -> list[bytes | None]:
    """Fetch through outages until a value arrives, and return the values before it."""
    found: list[bytes | None] = []
    async with asyncio.timeout(PATIENCE):
        while last not in found:
            found += values((await retry_while_unavailable(lambda: member.fetch(100, 1.0), OFTEN)).records)
    return found[: found.index(last)]


async def until_value(tap: AsyncIterator[Record], last: bytes) -> list[bytes | None]:
    """Read a tap until a value arrives, and return the values before it."""
    found: list[bytes | None] = []
    async with asyncio.timeout(PATIENCE):
        async for record in tap:
            if record.value == last:
                break
            found.append(record.value)
    return found


async def test_killed_broker_is_an_outage_until_it_is_back(servers, rig):
    """Every call raises the outage of a killed broker, and everything works again once it is back."""
    bus = await rig.client()
    topic = await make_topic(bus)
    await publish(bus, topic, numbered(3))
    member = await bus.join("group", [topic])
    records = await fetch(member, 3)
    await member.commit(after(records[:1]))
    async with bus.tap([topic], Start.LATEST) as tap:
        await servers.kill("kafka-1")
        for call in (
            lambda: member.fetch(10, 0.1),
            lambda: bus.publish(Message(topic, b"key", b"in doubt")),
            bus.ping,
            bus.topics,
            lambda: bus.lag("group"),
            lambda: scan(bus, topic),
            lambda: bus.join("other", [topic]),
            lambda: make_topic(bus),
            lambda: member.commit(after(records[:2])),
        ):
            await until_unavailable(call)
        await servers.restart("kafka-1")
        await retry_while_unavailable(lambda: bus.publish(Message(topic, b"key", b"back")), OFTEN)
        assert set(await until_value(tap, b"back")) <= {b"in doubt"}
        await publish(bus, topic, [b"last"])
        found = await fetch_through(member, b"last")
        assert found[-1] == b"back"
        assert set(found) <= {b"1", b"2", b"in doubt", b"back"}
        assert values(await scan(bus, topic))[-2:] == [b"back", b"last"]


async def test_hanging_broker_is_an_outage(servers, rig):
    """A hanging broker is an outage, and the records it accepted meanwhile are not lost."""
    bus = await rig.client()
    topic = await make_topic(bus)
    await publish(bus, topic, [b"before"])
    servers.pause("kafka-1")
    try:
        error = await until_unavailable(lambda: bus.publish(Message(topic, b"key", b"in doubt")))
        assert isinstance(error, PublishUnknown)
        await until_unavailable(bus.ping)
    finally:
        servers.resume("kafka-1")
    await retry_while_unavailable(lambda: bus.publish(Message(topic, b"key", b"after")), OFTEN)
    found = values(await retry_while_unavailable(lambda: scan(bus, topic), OFTEN))
    assert (found[0], found[-1]) == (b"before", b"after")


async def test_bus_opens_once_its_broker_is_up(servers, rig):
    await servers.kill("kafka-1")
    bus = KafkaBus(load_settings(rig.environment))
    error = await until_unavailable(bus.open)
    assert "refused" in error.detail
    await servers.restart("kafka-1")
    await retry_while_unavailable(bus.open, OFTEN)
    topic = await make_topic(bus)
    await publish(bus, topic, numbered(2))
    assert values(await scan(bus, topic)) == numbered(2)
    await bus.close()


async def test_brokers_without_kip_848_end_the_membership(tmp_path):
    """A KIP-848 member on brokers that support classic groups only gets an error naming the setting."""
    classic = Options(kafka={"group.coordinator.rebalance.protocols": "classic"})
    with servers_in(tmp_path / "servers", cassandra=False, options=classic) as servers:
        rig = KafkaRig(servers.environment, KAFKA_GROUPS="consumer")
        bus = await rig.client()
        member = await bus.join("group", [await make_topic(bus)])
        for _ in range(2):
            with pytest.raises(MembershipOver, match="KAFKA_GROUPS=classic"):
                await fetch(member, 1)
        await member.leave()
        await rig.close()
