"""Publishing to Kafka: the process's producer on its thread, and the topics that it publishes to."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread
from typing import Final, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from qdpi.bus.kafka.codec import Names
from qdpi.bus.kafka.config import REQUEST_TIMEOUT, Properties
from qdpi.bus.kafka.errors import Reachability, error_of, is_fatal, needs_operator, rejected_record, unavailable
from qdpi.bus.kafka.topics import TopicAdmin
from qdpi.bus.port import Message
from qdpi.bus.validation import check_name, no_topic, page_topic, refuse_large
from qdpi.errors import BusUnavailable, PublishUnknown
from qdpi.events import TOPICS

_POLL: Final = 0.1
_CACHED_TOPICS: Final = 10_000
"""The number of topics whose size limits are cached: there may be one topic per page."""
_MISSING: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)

log = structlog.get_logger()


class TopicMissing(Exception):
    """A topic does not exist, or no longer does."""


class _Answer(NamedTuple):
    future: asyncio.Future[None]
    topic: str
    error: KafkaError | None


class ProducerThread:
    """An idempotent producer: messages with the same key arrive once and in order during its lifetime.

    After a fatal error of the client, the producer is replaced.
    """

    def __init__(self, properties: Properties, probe_topic: str) -> None:
        self.reachability = Reachability(probe_topic)
        self._properties = properties | {"error_cb": self._record_error}
        self._probe_topic = probe_topic
        self._loop = asyncio.get_running_loop()
        self._answers: list[_Answer] = []
        self._producer = Producer(self._properties)
        self._is_broken = self._closing = False
        self._ended: asyncio.Future[None] = self._loop.create_future()
        Thread(target=self._run, name="kafka-producer", daemon=True).start()

    async def send(self, topic: str, message: Message) -> None:
        """Send a message and await the acknowledgement; `topic` is the prefixed name.

        Raises `TopicMissing`, `InvalidInput` if no broker will ever accept the message, `BusUnavailable` if it was
        not sent, or `PublishUnknown`.
        """
        if self.reachability.outage:
            raise self.reachability.outage
        future: asyncio.Future[None] = self._loop.create_future()
        self._produce(topic, message, lambda error, _: self._answers.append(_Answer(future, message.topic, error)))
        await future

    async def ping(self) -> None:
        """Return when a broker answers. Raises `BusUnavailable`."""
        await self.has_topic(self._probe_topic)

    async def has_topic(self, topic: str) -> bool:
        """Fetch a topic's metadata; return whether it exists. Raises `BusUnavailable`, also if access is denied."""
        if self.reachability.outage:
            raise self.reachability.outage
        try:
            metadata = await asyncio.to_thread(self._producer.list_topics, topic, REQUEST_TIMEOUT)
        except KafkaException as exception:
            raise self.reachability.outage or unavailable(error_of(exception)) from exception
        error = metadata.topics[topic].error
        if error is not None and error.code() not in _MISSING and not error.retriable():
            raise unavailable(error)
        return error is None

    async def close(self) -> None:
        """Wait a bounded time for pending messages, and end the thread."""
        self._closing = True
        await self._ended

    def _produce(
        self, topic: str, message: Message, on_delivery: Callable[[KafkaError | None, KafkaMessage], None]
    ) -> None:
        try:
            self._producer.produce(
                topic, message.value, message.key, on_delivery=on_delivery, headers=list(message.headers)
            )
        except BufferError as full:
            raise BusUnavailable("The queue of messages to Kafka is full.") from full
        except KafkaException as exception:
            error = error_of(exception)
            if error.code() in _MISSING:
                raise TopicMissing(topic) from exception
            self._is_broken |= is_fatal(error)
            refused = rejected_record(error, message.topic)
            raise refused or unavailable(error, f"{message.topic} was not published to") from exception

    def _record_error(self, error: KafkaError) -> None:
        self.reachability.record_error(error)
        if is_fatal(error):
            log.error("kafka.producer_failed", error=error.str())
            self._is_broken = True

    def _run(self) -> None:
        while not self._closing:
            self._producer.poll(_POLL)
            self._deliver_answers()
            self.reachability.probe(self._producer)
            if self._is_broken:
                self._replace()
        self._producer.flush(REQUEST_TIMEOUT)
        self._producer.purge()
        self._producer.flush(REQUEST_TIMEOUT)
        self._deliver_answers()
        self._call(lambda: _settle([_Answer(self._ended, "", None)]))

    def _replace(self) -> None:
        broken, self._producer = self._producer, Producer(self._properties)
        self._is_broken = False
        broken.purge()
        broken.flush(REQUEST_TIMEOUT)
        self._deliver_answers()

    def _deliver_answers(self) -> None:
        answers, self._answers = self._answers, []
        if answers:
            self._call(lambda: _settle(answers))

    def _call(self, work: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(work)


def _settle(answers: list[_Answer]) -> None:
    for future, topic, error in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(_publish_error(topic, error))


def _publish_error(topic: str, error: KafkaError) -> Exception:
    if error.code() in _MISSING:
        return TopicMissing()
    if needs_operator(error):
        return unavailable(error, f"{topic} was not published to")
    unknown = PublishUnknown(f"Kafka did not acknowledge a record: {error.str().rstrip('.')}.")
    return rejected_record(error, topic) or unknown


class TopicPublisher:
    """Publishes to existing topics, and creates the missing page topics. Caches the size limits of topics."""

    def __init__(self, producer: ProducerThread, topics: TopicAdmin, names: Names) -> None:
        self._producer, self._topics, self._names = producer, topics, names
        self._limits: OrderedDict[str, int] = OrderedDict()

    async def publish(self, message: Message) -> None:
        """Publish and await the acknowledgement (see `EventBus`)."""
        refuse_large(message, await self._max_bytes(message.topic))
        wired = self._names.wire(message.topic)
        try:
            await self._producer.send(wired, message)
        except TopicMissing:
            self.forget([message.topic])
            await self._max_bytes(message.topic)
            await self._send_again(wired, message)

    def forget(self, topics: Iterable[str]) -> None:
        """Forget topics: they were deleted, or recreated with other properties."""
        for topic in topics:
            self._limits.pop(topic, None)

    async def _send_again(self, wired: str, message: Message) -> None:
        try:
            await self._producer.send(wired, message)
        except TopicMissing:
            raise BusUnavailable(f"The topic {message.topic} was deleted again while publishing.") from None

    async def _max_bytes(self, topic: str) -> int:
        """Return the size limit of a topic's values, after making sure that the topic exists."""
        if topic not in self._limits:
            self._limits[topic] = await self._find_max_bytes(topic)
            if len(self._limits) > _CACHED_TOPICS:
                self._limits.popitem(last=False)
        return self._limits[topic]

    async def _find_max_bytes(self, topic: str) -> int:
        check_name("topic", topic)
        page_spec = page_topic(topic)
        if not await self._producer.has_topic(self._names.wire(topic)):
            if page_spec is None:
                raise _absent(topic)
            await self._topics.create([page_spec])
            await self._producer.has_topic(self._names.wire(topic))
        if spec := page_spec or TOPICS.get(topic):
            return spec.max_bytes
        largest = await self._topics.max_value_bytes(topic)
        if largest is None:
            raise _absent(topic)
        return largest


def _absent(topic: str) -> Exception:
    if topic in TOPICS:
        # the cluster is at fault, not the message: the publisher retries until the topic exists
        return BusUnavailable(f"Kafka has no topic {topic}.", next_step="Create it with `qdpi kafka-topics`.")
    return no_topic(topic)
