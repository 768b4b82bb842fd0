"""The consumer thread: when it polls, and how it reports errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event

import pytest
from confluent_kafka import KafkaError, KafkaException
from tests.bus.scripted import PATIENCE

from qdpi.bus.kafka.codec import Names
from qdpi.bus.kafka.consumer_thread import ConsumerThread, Heartbeat, Poller
from qdpi.bus.kafka.errors import Reachability
from qdpi.bus.port import Partition
from qdpi.errors import BusUnavailable, MembershipOver


class ScriptedConsumer:
    """A consumer whose polls call a function of the test."""

    def __init__(self, poll: Callable[[], None]) -> None:
        self.polls = 0
        self.closed = False
        self._poll = poll

    def poll(self, timeout: float) -> None:
        self.polls += 1
        self._poll()

    def close(self) -> None:
        self.closed = True


class Everything:
    """A subscription to all partitions that counts calls of `revocations_delivered`."""

    def __init__(self) -> None:
        self.caught = 0

    def owns(self, partition: Partition) -> bool:
        return True

    def is_fetchable(self, partition: Partition) -> bool:
        return True

    def prepare(self, *, requested: bool) -> bool:
        return requested

    def revocations_delivered(self) -> None:
        self.caught += 1


class Still(Heartbeat):
    """The heartbeat of a loop that hangs."""

    def is_alive(self) -> bool:
        return False


def consuming(consumer, heartbeat: type[Heartbeat] = Heartbeat) -> ConsumerThread:
    heart = heartbeat(asyncio.get_running_loop(), 60.0)
    return ConsumerThread(Poller(consumer, Everything(), Names(""), Reachability(""), heart), heart, name="a consumer")


async def test_client_error_is_raised_once():
    """An error of the client is raised by one fetch, and polling goes on."""
    errors = [KafkaException(KafkaError(KafkaError._STATE, "Not now"))]

    def poll() -> None:
        if errors:
            raise errors.pop()

    consumer = ScriptedConsumer(poll)
    bridge = consuming(consumer)
    with pytest.raises(BusUnavailable, match="Not now"):
        await asyncio.wait_for(bridge.fetch(1, 60.0), PATIENCE)
    assert await bridge.fetch(1, 0.0) == ((), ())
    await bridge.close()
    assert consumer.closed


@pytest.mark.parametrize(
    "error",
    [
        KafkaError(KafkaError._FATAL, "Fatal error: Broker: API version not supported"),
        KafkaError(KafkaError.UNSUPPORTED_VERSION, "API version not supported", fatal=True),
    ],
)
async def test_fatal_client_error_ends_the_membership(error: KafkaError):
    def poll() -> None:
        raise KafkaException(error)

    consumer = ScriptedConsumer(poll)
    bridge = consuming(consumer)
    for _ in range(2):
        with pytest.raises(MembershipOver, match="KAFKA_GROUPS=classic"):
            await asyncio.wait_for(bridge.fetch(1, 60.0), PATIENCE)
    with pytest.raises(MembershipOver):
        await bridge.call(lambda: None)
    await bridge.close()
    assert consumer.closed


async def test_dead_thread_raises_its_error():
    def poll() -> None:
        raise ZeroDivisionError("a bug of ours")

    bridge = consuming(ScriptedConsumer(poll))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="a bug of ours"):
            await asyncio.wait_for(bridge.fetch(1, 60.0), PATIENCE)


async def test_hanging_loop_is_not_polled_for():
    """The thread stops polling while the event loop hangs, and still runs calls."""
    consumer = ScriptedConsumer(lambda: None)
    bridge = consuming(consumer, Still)
    fetching = asyncio.create_task(bridge.fetch(1, 60.0))
    assert await bridge.call(lambda: "obeyed") == "obeyed"
    assert await bridge.call(lambda: consumer.polls) == 0
    await bridge.close()
    assert await fetching == ((), ())


async def test_call_after_close_is_refused():
    bridge = consuming(ScriptedConsumer(lambda: None))
    await bridge.close()
    await bridge.close()
    with pytest.raises(BusUnavailable, match="was closed"):
        await bridge.call(lambda: None)


async def test_error_of_a_call_reaches_its_caller():
    bridge = consuming(ScriptedConsumer(lambda: None))
    with pytest.raises(ZeroDivisionError):
        await bridge.call(lambda: 1 / 0)
    await bridge.close()


async def test_revocations_delivered_at_the_next_fetch():
    """The subscription learns that revocations were delivered at the fetch after the one that reported them."""
    subscription, heart = Everything(), Heartbeat(asyncio.get_running_loop(), 60.0)
    poller = Poller(ScriptedConsumer(lambda: None), subscription, Names(""), Reachability(""), heart)  # type: ignore[arg-type]
    bridge = ConsumerThread(poller, heart, name="a consumer")
    await bridge.call(lambda: poller.revoke([Partition("topic", 1)], 0.0))
    assert (await bridge.fetch(1, 0.0)).revoked == (Partition("topic", 1),)
    assert subscription.caught == 0
    await bridge.fetch(1, 0.0)
    assert subscription.caught == 1
    await bridge.close()


@pytest.mark.slow
async def test_timed_out_call_never_runs():
    """A call whose caller gave up before it started never runs."""
    gate, done = Event(), list[str]()
    bridge = consuming(ScriptedConsumer(lambda: None))
    waits = [bridge.call(gate.wait), bridge.call(lambda: done.append("given up"))]
    for result in await asyncio.gather(*waits, return_exceptions=True):
        assert isinstance(result, BusUnavailable)
    gate.set()
    await bridge.call(lambda: done.append("waited for"))
    assert done == ["waited for"]
    await bridge.close()
