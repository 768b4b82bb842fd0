"""What a caller of the Python API may change about the servers; commands take it as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

BRIEF: Final = ("-XX:TieredStopAtLevel=1",)
"""Java's options for servers that live for minutes: it compiles quickly, not well."""


@dataclass(frozen=True, slots=True)
class Options:
    """How servers are started.

    `kafka_guard`: the properties of a second listener of every broker, at `Servers.guarded_kafka`; `protocol` is
    its security protocol, the others are Kafka's without `listener.name.guarded.`, such as
    `sasl.enabled.mechanisms`, `plain.sasl.jaas.config` or `ssl.keystore.certificate.chain`.
    `kafka`: further server.properties. `cassandra`: values put over those of cassandra.yaml, such as
    `{"authenticator": "PasswordAuthenticator"}`. `java`: further options of Java, such as `BRIEF`.
    `patience`: how many seconds a server may take to start.
    """

    kafka_guard: Mapping[str, str] = field(default_factory=dict)
    kafka: Mapping[str, str] = field(default_factory=dict)
    cassandra: Mapping[str, Any] = field(default_factory=dict)
    java: tuple[str, ...] = ()
    patience: float = 180.0
