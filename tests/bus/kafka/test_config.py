"""Settings become properties of Kafka's client; invalid ones are refused with a hint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qdpi.bus.kafka import KafkaBus, config
from qdpi.bus.port import EventBus
from qdpi.errors import InvalidSetting
from qdpi.settings import Settings, load_settings

BROKERS = {"KAFKA_BROKERS": "one:9092,two:9092"}


def settings(**variables: str) -> Settings:
    return load_settings(BROKERS | variables)


def test_plaintext_by_default():
    properties = config.client(settings())
    assert properties["bootstrap.servers"] == "one:9092,two:9092"
    assert properties["security.protocol"] == "PLAINTEXT"
    assert not [name for name in properties if name.startswith(("ssl.", "sasl."))]


@pytest.fixture
def pem(tmp_path: Path) -> str:
    (tmp_path / "some.pem").touch()
    return str(tmp_path / "some.pem")


def test_tls_uses_its_three_files(pem):
    properties = config.client(settings(KAFKA_SECURITY="SSL", KAFKA_CA=pem, KAFKA_CERTIFICATE=pem, KAFKA_KEY=pem))
    assert properties["security.protocol"] == "SSL"
    assert {name: value for name, value in properties.items() if name.startswith(("ssl.", "sasl."))} == {
        "ssl.ca.location": pem,
        "ssl.certificate.location": pem,
        "ssl.key.location": pem,
    }


@pytest.mark.parametrize("security", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_uses_mechanism_and_user(security, pem):
    properties = config.client(
        settings(KAFKA_SECURITY=security, KAFKA_USERNAME="reader", KAFKA_PASSWORD="secret", KAFKA_CA=pem)
    )
    assert properties["security.protocol"] == security
    assert (properties["sasl.mechanism"], properties["sasl.username"], properties["sasl.password"]) == (
        "SCRAM-SHA-512",
        "reader",
        "secret",
    )
    assert ("ssl.ca.location" in properties) == (security == "SASL_SSL")


@pytest.mark.parametrize("given", [{}, {"KAFKA_USERNAME": "reader"}, {"KAFKA_PASSWORD": "secret"}])
def test_sasl_without_a_user_is_refused(given):
    """The constructor refuses SASL without a user, before anything is opened."""
    with pytest.raises(InvalidSetting, match="no user and password") as refused:
        KafkaBus(settings(KAFKA_SECURITY="SASL_SSL", **given))
    assert "KAFKA_USERNAME" in refused.value.next_step
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("variable", ["KAFKA_CA", "KAFKA_CERTIFICATE", "KAFKA_KEY"])
def test_missing_file_is_refused_by_name(tmp_path: Path, variable):
    absent = {variable: str(tmp_path / "absent.pem")}
    with pytest.raises(InvalidSetting, match=rf"{variable} .*absent\.pem"):
        KafkaBus(settings(KAFKA_SECURITY="SSL", **absent))


async def test_setting_refused_by_the_client_is_reported(pem):
    """A setting that the client refuses is reported before anything is sent."""
    bus = KafkaBus(settings(KAFKA_SECURITY="SSL", KAFKA_CA=pem))
    with pytest.raises(InvalidSetting, match="Kafka's client refuses"):
        await bus.open()


def test_classic_member_timeouts():
    """A classic member has the configured session timeout, and at least three heartbeats fit in it."""
    properties = config.member(settings(KAFKA_SESSION_TIMEOUT="6"), "group")
    assert properties["group.protocol"] == "classic"
    assert properties["partition.assignment.strategy"] == "cooperative-sticky"
    assert properties["session.timeout.ms"] == properties["max.poll.interval.ms"] == 6_000
    assert properties["heartbeat.interval.ms"] <= 6_000 / 3


def test_kip_848_member_has_no_classic_properties():
    """The brokers, not the member, set session timeout, heartbeat interval and assignment strategy under KIP-848."""
    properties = config.member(settings(KAFKA_GROUPS="consumer", KAFKA_SESSION_TIMEOUT="6"), "group")
    assert properties["group.protocol"] == "consumer"
    assert properties["max.poll.interval.ms"] == 6_000
    assert properties.keys().isdisjoint(
        {"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"}
    )


def test_no_auto_commit_and_acks_all():
    """Nothing is committed automatically, and all in-sync replicas must acknowledge a record."""
    assert config.member(settings(), "group")["enable.auto.commit"] is False
    producer = config.producer(settings())
    assert (producer["enable.idempotence"], producer["acks"]) == (True, "all")
    assert producer["max.in.flight"] == 1, "what is acknowledged is there, also after a broker forgot its producers"
    assert producer["partitioner"] == "murmur2_random"


@pytest.mark.process
def test_client_is_imported_only_with_brokers():
    program = (
        "import sys; from pathlib import Path; from qdpi.bootstrap import build_bus; from qdpi.system import utc_now;"
        "from qdpi.settings import load_settings;"
        "bus = build_bus(load_settings({'QDPI_DATA_DIR': 'here'}), utc_now);"
        "sys.exit('confluent_kafka' in sys.modules or type(bus).__name__ != 'EmbeddedBus')"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_brokers_in_settings_select_the_kafka_bus():
    from qdpi.bootstrap import build_bus
    from qdpi.system import utc_now

    bus: EventBus = build_bus(settings(), utc_now)
    assert isinstance(bus, KafkaBus)
