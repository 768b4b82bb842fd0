"""Checks of a Kafka cluster: brokers, replicas, properties of our topics, and the session timeout."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType, TopicDescription

from qdpi.bus.kafka.codec import Names
from qdpi.bus.kafka.config import REQUEST_TIMEOUT
from qdpi.bus.kafka.errors import answer_of, error_of, unavailable
from qdpi.events import TOPICS
from qdpi.health import Health, HealthCheck
from qdpi.settings import KafkaGroups, Settings

_SHORTEST_SESSION: Final = "group.min.session.timeout.ms"
_UNKNOWN: Final = "Kafka could not be examined"
Values = Mapping[str, str]


async def diagnose(
    admin: AdminClient, names: Names, settings: Settings, due: Mapping[str, Values], absent: Collection[int]
) -> list[HealthCheck]:
    """Return the health checks of a cluster. Raises `BusUnavailable`.

    `due` holds the properties that each topic should have, `absent` the error codes for a topic that does not exist.
    """
    wired = {names.wire(topic): topic for topic in TOPICS}
    try:
        cluster = await answer_of(admin.describe_cluster(request_timeout=REQUEST_TIMEOUT), _UNKNOWN)
        brokers = [str(node.id) for node in cluster.nodes]
        topics = {wired[name]: topic for name, topic in (await _described(admin, list(wired), absent)).items()}
        stored = await _configured(admin, ResourceType.TOPIC, [names.wire(topic) for topic in topics])
        (broker,) = (await _configured(admin, ResourceType.BROKER, brokers[:1])).values()
    except KafkaException as exception:
        raise unavailable(error_of(exception), _UNKNOWN) from exception
    return [
        HealthCheck(Health.OK, f"Kafka has {len(brokers)} broker{'s' * (len(brokers) != 1)}."),
        *copies(topics, len(brokers), settings.kafka_replication),
        *properties({wired[name]: values for name, values in stored.items()}, due),
        *session_timeout(settings, broker),
    ]


async def _described(admin: AdminClient, wired: list[str], absent: Collection[int]) -> dict[str, TopicDescription]:
    described: dict[str, TopicDescription] = {}
    for name, answer in admin.describe_topics(TopicCollection(wired), request_timeout=REQUEST_TIMEOUT).items():
        try:
            described[name] = await answer_of(answer, _UNKNOWN)
        except KafkaException as exception:
            if error_of(exception).code() not in absent:
                raise
    return described


async def _configured(admin: AdminClient, kind: ResourceType, named: list[str]) -> dict[str, Values]:
    if not named:
        return {}
    answers = admin.describe_configs([ConfigResource(kind, name) for name in named], request_timeout=REQUEST_TIMEOUT)
    configured = {resource.name: await answer_of(answer, _UNKNOWN) for resource, answer in answers.items()}
    return {name: {entry: value.value for entry, value in entries.items()} for name, entries in configured.items()}


def copies(topics: Mapping[str, Any], brokers: int, wanted: int | None) -> Iterator[HealthCheck]:
    """Yield checks of the replicas of partitions: whether they are in sync, and whether they are enough."""
    partitions = [(topic, partition) for topic, described in topics.items() for partition in described.partitions]
    behind = sorted({topic for topic, partition in partitions if len(partition.isr) < len(partition.replicas)})
    if behind:
        step = "Restart the brokers that are down. No data is lost meanwhile."
        yield HealthCheck(Health.WARN, f"Replicas are offline or out of sync for {', '.join(behind)}.", step)
    fewest = min((len(partition.replicas) for _, partition in partitions), default=0)
    if wanted is not None and partitions and fewest < wanted:
        step = "Raise it with Kafka's kafka-reassign-partitions."
        yield HealthCheck(Health.WARN, f"Some topics have {fewest} replicas, but KAFKA_REPLICATION is {wanted}.", step)
    elif fewest == 1 and brokers > 1:
        step = "Set KAFKA_REPLICATION before creating the topics, or raise it with kafka-reassign-partitions."
        risk = f"Topics have one replica on {brokers} brokers: losing a broker loses presses."
        yield HealthCheck(Health.WARN, risk, step)
    elif partitions:
        yield HealthCheck(Health.OK, f"Every partition has {fewest} replica{'s' * (fewest != 1)}.")


def properties(stored: Mapping[str, Values], due: Mapping[str, Values]) -> Iterator[HealthCheck]:
    """Yield a check for each topic whose properties differ from the due ones."""
    others = {
        topic: [f"{name} is {values.get(name)} and should be {value}" for name, value in due[topic].items()
                if values.get(name) != value]
        for topic, values in stored.items()
    }  # fmt: skip
    for topic, differences in others.items():
        if differences:
            yield HealthCheck(
                Health.WARN, f"{topic}: {'; '.join(differences)}.", "Change it with Kafka's kafka-configs."
            )
    if stored and not any(others.values()):
        yield HealthCheck(Health.OK, f"{len(stored)} topics are configured as they should be.")


def session_timeout(settings: Settings, broker: Values) -> Iterator[HealthCheck]:
    """Yield a check whether the brokers accept our session timeout, if they report their minimum."""
    shortest = broker.get(_SHORTEST_SESSION)
    if shortest is None or settings.kafka_groups is not KafkaGroups.CLASSIC:
        return
    wanted = round(settings.kafka_session_timeout * 1_000)
    if wanted < int(shortest):
        step = f"Set KAFKA_SESSION_TIMEOUT to {int(shortest) / 1_000:g} or more, or lower {_SHORTEST_SESSION}."
        yield HealthCheck(
            Health.FAIL, f"KAFKA_SESSION_TIMEOUT is {wanted} ms, but the brokers accept {shortest} or more.", step
        )
    else:
        yield HealthCheck(Health.OK, f"A dead worker is replaced after {wanted / 1_000:g} s.")
