"""The properties of librdkafka, Kafka's C client, made from the settings.

Each property is described in https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from qdpi.errors import InvalidSetting
from qdpi.settings import KafkaGroups, KafkaSecurity, Settings

Properties = dict[str, Any]

REQUEST_TIMEOUT: Final = 5.0
"""Seconds before a request to the brokers times out."""
PUBLISH_TIMEOUT: Final = 12.0
"""Seconds without acknowledgement after which a publish is unknown: longer than a broker failover."""
LARGEST_REQUEST: Final = 24 << 20
"""The largest request in bytes: a dead letter of 16 MiB and its overhead."""
_QUEUED_KIB: Final = 16 << 10
_SOCKET_TIMEOUT_MS: Final = 10_000
_METADATA_MS: Final = 5_000


def client(settings: Settings) -> Properties:
    """Return the common properties of all clients.

    Raises `InvalidSetting` for a missing file and for SASL without a user.
    """
    return {
        "bootstrap.servers": settings.kafka_brokers,
        "client.id": "qdpi",
        "log_level": 2,  # errors arrive through callbacks, which log them
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
        "socket.timeout.ms": _SOCKET_TIMEOUT_MS,
        "socket.nagle.disable": True,
        "socket.keepalive.enable": True,
        "topic.metadata.refresh.interval.ms": _METADATA_MS,
        **_security(settings),
    }


def _security(settings: Settings) -> Properties:
    protocol = settings.kafka_security
    properties: Properties = {"security.protocol": protocol.value}
    if protocol in (KafkaSecurity.SSL, KafkaSecurity.SASL_SSL):
        properties |= _tls(settings)
    if protocol in (KafkaSecurity.SASL_PLAINTEXT, KafkaSecurity.SASL_SSL):
        properties |= _sasl(settings)
    return properties


def _tls(settings: Settings) -> Properties:
    files = {
        "ssl.ca.location": _existing("KAFKA_CA", settings.kafka_ca),
        "ssl.certificate.location": _existing("KAFKA_CERTIFICATE", settings.kafka_certificate),
        "ssl.key.location": _existing("KAFKA_KEY", settings.kafka_key),
    }
    return {name: str(path) for name, path in files.items() if path is not None}


def _existing(variable: str, path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        raise InvalidSetting(f"{variable} is {str(path)!r}, which is not a file.", next_step="Name a PEM file.")
    return path


def _sasl(settings: Settings) -> Properties:
    if not settings.kafka_username or settings.kafka_password is None:
        raise InvalidSetting(
            f"KAFKA_SECURITY is {settings.kafka_security}, but no user and password are given.",
            next_step="Set KAFKA_USERNAME and KAFKA_PASSWORD.",
        )
    return {
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_username,
        "sasl.password": settings.kafka_password,
    }


def producer(settings: Settings) -> Properties:
    """Return the properties of the producer: idempotent, in order, with the Java client's partitioner."""
    return client(settings) | {
        "enable.idempotence": True,
        "acks": "all",
        # One request at a time. A broker that restarts without the producer's state accepts any batch as the first
        # one. It then answers a retried earlier batch as a duplicate, which the client treats as success, and an
        # acknowledged record is lost.
        "max.in.flight": 1,
        "partitioner": "murmur2_random",
        "linger.ms": 0,
        "message.max.bytes": LARGEST_REQUEST,
        "message.timeout.ms": round(PUBLISH_TIMEOUT * 1_000),
        "topic.metadata.propagation.max.ms": 2_000,
        "queue.buffering.max.messages": 10_000,
        "queue.buffering.max.kbytes": 64 << 10,
    }


def reader(settings: Settings) -> Properties:
    """Return the properties of a consumer outside any group: taps, scans, lag."""
    return client(settings) | {
        # the client requires a name; nothing is subscribed or committed under it
        "group.id": f"{settings.kafka_prefix}qdpi-reader",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "fetch.error.backoff.ms": 100,
        "queued.max.messages.kbytes": _QUEUED_KIB,
        "queued.min.messages": 10_000,
    }


def member(settings: Settings, group: str) -> Properties:
    """Return the properties of a group member; `group` is the prefixed name."""
    return reader(settings) | {
        "group.id": group,
        "group.protocol": settings.kafka_groups.value,
        "max.poll.interval.ms": session_ms(settings),
        **(_classic(settings) if settings.kafka_groups is KafkaGroups.CLASSIC else {}),
    }


def _classic(settings: Settings) -> Properties:
    session = session_ms(settings)
    return {
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": session,
        # the other members learn of a dead one at their next heartbeat, so heartbeats are frequent
        "heartbeat.interval.ms": min(session // 6, 500),
    }


def session_ms(settings: Settings) -> int:
    """Return the session timeout in milliseconds, for a member's process and for its event loop."""
    return round(settings.kafka_session_timeout * 1_000)
