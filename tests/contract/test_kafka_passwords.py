"""A listener with passwords: right and wrong ones."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.contract.bus.rig import fetch, make_topic, publish, until_unavailable, values

from qdpi.bus.kafka import KafkaBus
from qdpi.cluster import Servers
from qdpi.settings import load_settings

pytestmark = pytest.mark.kafka


async def test_wrong_password_is_reported(shared_kafka: Servers):
    """A wrong password is reported, and the right one is accepted."""
    guarded = shared_kafka.environment | {
        "KAFKA_PREFIX": f"guarded-{uuid4().hex[:8]}-",
        "KAFKA_BROKERS": shared_kafka.guarded_kafka,
        "KAFKA_SECURITY": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_USERNAME": "reader",
    }
    refused = KafkaBus(load_settings(guarded | {"KAFKA_PASSWORD": "wrong"}))
    error = await until_unavailable(refused.open)
    assert "uthentication failed" in error.detail
    assert "KAFKA_PASSWORD" in error.next_step
    assert "wrong" not in str(error)
    await refused.close()
    bus = KafkaBus(load_settings(guarded | {"KAFKA_PASSWORD": "right"}))
    await bus.open()
    topic = await make_topic(bus)
    await publish(bus, topic, [b"in"])
    assert values(await fetch(await bus.join("group", [topic]), 1)) == [b"in"]
    await bus.close()
