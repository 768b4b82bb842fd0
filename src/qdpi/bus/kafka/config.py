"""Settings as the properties of Kafka's C client.

https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md says what each property means.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from qdpi.errors import InvalidSetting
from qdpi.settings import KafkaGroups, KafkaSecurity, Settings

Properties = dict[str, Any]

REQUEST_TIMEOUT: Final = 5.0
"""The longest that one question to the brokers may take, in seconds."""
PUBLISH_TIMEOUT: Final = 12.0
"""After how many seconds without acknowledgement a publish is unknown: longer than a broker's failover."""
LARGEST_REQUEST: Final = 24 << 20
"""The largest record we send, with what surrounds it: above a dead letter's 16 MiB."""
_QUEUED_KIB: Final = 16 << 10
_SOCKET_TIMEOUT_MS: Final = 10_000
_METADATA_MS: Final = 5_000


def client(settings: Settings) -> Properties:
    """Return what all clients have in common. Raises `InvalidSetting` for an absent file and SASL without a user."""
    return {
        "bootstrap.servers": settings.kafka_brokers,
        "client.id": "qdpi",
        "log_level": 2,  # errors reach us through callbacks, as log lines of our own
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
        "ssl.ca.location": _there("KAFKA_CA", settings.kafka_ca),
        "ssl.certificate.location": _there("KAFKA_CERTIFICATE", settings.kafka_certificate),
        "ssl.key.location": _there("KAFKA_KEY", settings.kafka_key),
    }
    return {name: str(path) for name, path in files.items() if path is not None}


def _there(variable: str, path: Path | None) -> Path | None:
    if path is not None and not path.is_file():
        raise InvalidSetting(f"{variable} is {str(path)!r}, where there is no file.", next_step="Name a PEM file.")
    return path


def _sasl(settings: Settings) -> Properties:
    if not settings.kafka_username or settings.kafka_password is None:
        raise InvalidSetting(
            f"KAFKA_SECURITY is {settings.kafka_security} and no user and password are given.",
            next_step="Set KAFKA_USERNAME and KAFKA_PASSWORD.",
        )
    return {
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_username,
        "sasl.password": settings.kafka_password,
    }


def producer(settings: Settings) -> Properties:
    """Return the properties of the one producer: idempotent, in order, with Java's partitions for keys."""
    return client(settings) | {
        "enable.idempotence": True,
        "acks": "all",
        # One request at a time: a broker that comes back without a producer's state takes whichever batch comes
        # first for its first, and answers an earlier one that is tried again as a duplicate, which the client
        # takes for success: an acknowledged record that is nowhere.
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
    """Return the properties of a consumer that is of no group: taps, scans, lag."""
    return client(settings) | {
        # the client insists on a name; nothing is subscribed or committed under it
        "group.id": f"{settings.kafka_prefix}qdpi-reader",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "fetch.error.backoff.ms": 100,
        "queued.max.messages.kbytes": _QUEUED_KIB,
        "queued.min.messages": 10_000,
    }


def member(settings: Settings, group: str) -> Properties:
    """Return the properties of a member of a group, by its whole name."""
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
        # a survivor learns of a death at its next heartbeat, so these come often
        "heartbeat.interval.ms": min(session // 6, 500),
    }


def session_ms(settings: Settings) -> int:
    """Return after how many silent milliseconds a member counts as dead: its process, or its event loop."""
    return round(settings.kafka_session_timeout * 1_000)
