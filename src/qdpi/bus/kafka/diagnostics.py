"""How a Kafka cluster is for our topics and groups: brokers, copies, retention, and the session timeout."""

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
_UNKNOWN: Final = "Kafka does not say how it is"
Values = Mapping[str, str]


async def diagnose(
    admin: AdminClient, names: Names, settings: Settings, due: Mapping[str, Values], absent: Collection[int]
) -> list[HealthCheck]:
    """Return what is to be said of a cluster. Raises `BusUnavailable`.

    `due` are the properties that each topic was to be made with, `absent` the errors that say it is not there.
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
    told = {resource.name: await answer_of(answer, _UNKNOWN) for resource, answer in answers.items()}
    return {name: {entry: value.value for entry, value in entries.items()} for name, entries in told.items()}


def copies(topics: Mapping[str, Any], brokers: int, wanted: int | None) -> Iterator[HealthCheck]:
    """Give remarks on the copies of topics' partitions: that they are in sync, and enough."""
    partitions = [(topic, partition) for topic, told in topics.items() for partition in told.partitions]
    behind = sorted({topic for topic, partition in partitions if len(partition.isr) < len(partition.replicas)})
    if behind:
        step = "Bring back the brokers that are away; nothing is lost meanwhile."
        yield HealthCheck(Health.WARN, f"Copies are behind or away for {', '.join(behind)}.", step)
    fewest = min((len(partition.replicas) for _, partition in partitions), default=0)
    if wanted is not None and partitions and fewest < wanted:
        step = "Raise it with Kafka's kafka-reassign-partitions."
        yield HealthCheck(Health.WARN, f"Some topics have {fewest} copies and KAFKA_REPLICATION is {wanted}.", step)
    elif fewest == 1 and brokers > 1:
        step = "Set KAFKA_REPLICATION before the topics are made, or raise it with kafka-reassign-partitions."
        yield HealthCheck(
            Health.WARN, f"Topics have one copy on {brokers} brokers: one that is lost takes presses along.", step
        )
    elif partitions:
        yield HealthCheck(Health.OK, f"Every partition has {fewest} {'copy' if fewest == 1 else 'copies'}.")


def properties(stored: Mapping[str, Values], due: Mapping[str, Values]) -> Iterator[HealthCheck]:
    """Give a remark on each topic that is kept otherwise than it was to be made."""
    others = {
        topic: [f"{name} is {values.get(name)}, due is {value}" for name, value in due[topic].items()
                if values.get(name) != value]
        for topic, values in stored.items()
    }  # fmt: skip
    for topic, told in others.items():
        if told:
            yield HealthCheck(Health.WARN, f"{topic}: {'; '.join(told)}.", "Change it with Kafka's kafka-configs.")
    if stored and not any(others.values()):
        yield HealthCheck(Health.OK, f"{len(stored)} topics are kept as they ought to be.")


def session_timeout(settings: Settings, broker: Values) -> Iterator[HealthCheck]:
    """Give a remark on whether the brokers take our session timeout, where they say."""
    shortest = broker.get(_SHORTEST_SESSION)
    if shortest is None or settings.kafka_groups is not KafkaGroups.CLASSIC:
        return
    wanted = round(settings.kafka_session_timeout * 1_000)
    if wanted < int(shortest):
        step = f"Set KAFKA_SESSION_TIMEOUT to {int(shortest) / 1_000:g} or more, or lower {_SHORTEST_SESSION} there."
        yield HealthCheck(
            Health.FAIL, f"KAFKA_SESSION_TIMEOUT is {wanted} ms and the brokers take {shortest} or more.", step
        )
    else:
        yield HealthCheck(Health.OK, f"A worker that dies is replaced after {wanted / 1_000:g} s.")
