"""The worker on the real buses: order, commits, the bound, takeovers and dead letters."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.bus.scripted import AT_ONCE, PATIENCE, Gates
from tests.contract.bus.embedded import EmbeddedRig, wall_clock
from tests.contract.bus.kafka import KafkaRig
from tests.contract.bus.rig import BusRig, make_topic, publish, scan

from qdpi.bus.middleware.dead_letter import dead_letter
from qdpi.bus.middleware.retry import retry
from qdpi.bus.port import EventBus, Record
from qdpi.bus.worker import Handler, Worker
from qdpi.events import TOPICS, DeadLetter, Press, decode
from qdpi.observability.metrics import Metrics


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
async def rig(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[BusRig]:
    rig = EmbeddedRig(tmp_path) if request.param == "embedded" else kafka_rig(request)
    yield rig
    await rig.close()


def kafka_rig(request: pytest.FixtureRequest) -> KafkaRig:
    environment = request.getfixturevalue("kafka_environment")
    return KafkaRig(environment, KAFKA_SESSION_TIMEOUT="1", KAFKA_PARTITIONS="1")


@pytest.fixture
async def bus(rig: BusRig) -> EventBus:
    bus = await rig.client()
    await bus.create_topics([TOPICS[DeadLetter.topic]])
    return bus


@pytest.fixture
async def topic(bus: EventBus) -> str:
    return await make_topic(bus)


def worker_on(bus: EventBus, topic: str, handler: Handler, max_in_flight: int = 1_000) -> Worker:
    return Worker(
        bus, "readers", [topic], handler, backoff=AT_ONCE, max_in_flight=max_in_flight, fetch_timeout=0.05,
        commit_interval=0.0,
    )  # fmt: skip


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """Run a worker for a block; if it is still running then, it is cancelled, as in a crash."""
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def stopped(worker: Worker, task: asyncio.Task[None]) -> None:
    worker.stop()
    async with asyncio.timeout(PATIENCE):
        await task


async def behind(bus: EventBus) -> int:
    return sum(lag.records for lag in await bus.lag("readers"))


async def test_keys_are_handled_in_order_and_once(bus, topic):
    handled: defaultdict[bytes | None, list[int]] = defaultdict(list)
    running = set[bytes | None]()
    done = asyncio.Event()

    async def handler(record: Record) -> None:
        assert record.key not in running
        running.add(record.key)
        number = int(record.value or b"")
        for _ in range(number * 7 % 5):  # the later one of a key is often the quicker one
            await asyncio.sleep(0)
        handled[record.key].append(number)
        running.remove(record.key)
        if sum(map(len, handled.values())) == 300:
            done.set()

    for number in range(300):
        await publish(bus, topic, [b"%d" % number], key=b"%d" % (number % 23))
    worker = worker_on(bus, topic, handler)
    async with working(worker) as task:
        await asyncio.wait_for(done.wait(), PATIENCE)
        await stopped(worker, task)
    assert dict(handled) == {b"%d" % key: list(range(key, 300, 23)) for key in range(23)}
    assert await behind(bus) == 0


async def test_crash_redelivers_from_the_first_unfinished_record(bus, rig, topic):
    """After a crash, records from the first unfinished one on are redelivered, and none below it."""
    gates = Gates()
    for number in range(5):
        await publish(bus, topic, [b"%d" % number], key=b"%d" % number)
    worker = worker_on(bus, topic, gates)
    async with working(worker):
        await gates.until(lambda: len(gates.begun) == 5)
        for each in gates.begun:
            if each.value != b"2":
                gates.let(each)
        await gates.until(lambda: len(gates.ended) == 4)
        async with asyncio.timeout(PATIENCE):
            while await behind(bus) != 3:
                pass
    again = Gates()
    again.let_all()
    successor = worker_on(await rig.client(), topic, again)
    async with working(successor) as task:
        await again.until(lambda: len(again.ended) == 3)
        await stopped(successor, task)
    assert [record.value for record in again.ended] == [b"2", b"3", b"4"]
    assert await behind(bus) == 0


async def test_stop_redelivers_nothing(bus, rig, topic):
    gates = Gates()
    await publish(bus, topic, [b"0", b"1", b"2"])
    worker = worker_on(bus, topic, gates)
    async with working(worker) as task:
        await gates.until(lambda: len(gates.begun) == 1)
        worker.stop()
        gates.let_all()
        await asyncio.wait_for(task, PATIENCE)
    await publish(bus, topic, [b"3"])
    again = Gates()
    again.let_all()
    async with working(worker_on(await rig.client(), topic, again)):
        await again.until(lambda: bool(again.ended))
    assert [record.value for record in gates.ended] == [b"0", b"1", b"2"]
    assert [record.value for record in again.ended] == [b"3"]


async def test_in_flight_stays_within_the_bound(bus, topic):
    """The records in flight stay within the bound, and all are handled in the end."""
    most, done = 0, asyncio.Event()
    count = 0

    async def handler(record: Record) -> None:
        nonlocal most, count
        most = max(most, worker.in_flight)
        await asyncio.sleep(0)
        count += 1
        if count == 60:
            done.set()

    for number in range(60):
        await publish(bus, topic, [b"%d" % number], key=b"%d" % number)
    worker = worker_on(bus, topic, handler, max_in_flight=4)
    async with working(worker) as task:
        await asyncio.wait_for(done.wait(), PATIENCE)
        await stopped(worker, task)
    assert 1 < most <= 4
    assert await behind(bus) == 0


async def test_takeover_fences_the_zombie(bus, rig, topic):
    """A takeover cancels the zombie's running handler, and its commit has no effect."""
    zombies, successors = Gates(), Gates()
    await publish(bus, topic, [b"done"], key=b"a")
    await publish(bus, topic, [b"running"], key=b"b")
    async with working(worker_on(bus, topic, zombies)):
        await zombies.until(lambda: len(zombies.begun) == 2)
        await rig.cut_off(bus)
        other = await rig.client()
        async with working(worker_on(other, topic, successors)):
            await successors.until(lambda: len(successors.begun) == 2)
            zombies.let(zombies.begun[0])
            await zombies.until(lambda: len(zombies.ended) + len(zombies.cancelled) == 2)
            assert zombies.begun[1] in zombies.cancelled
            assert await behind(other) == 2
            successors.let_all()
            async with asyncio.timeout(PATIENCE):
                while await behind(other):
                    pass
    assert [record.value for record in successors.ended] == [b"done", b"running"]


async def test_poison_becomes_a_dead_letter(bus, topic):
    """A poison record ends as a dead letter, and the next record of its key is handled."""

    async def handler(record: Record) -> None:
        decode(Press, record.value)
        raise RuntimeError("Every press breaks this handler.")

    metrics, handled = Metrics(), Gates()
    handled.let_all()
    give_up = dead_letter(bus, group="readers", now=wall_clock, metrics=metrics, redact=str)
    handle = retry(handler, give_up, group="readers", backoff=AT_ONCE, metrics=metrics, attempts=3)

    async def then_note(record: Record) -> None:
        await handle(record)
        await handled(record)

    press = Press(event_id="press", ts=wall_clock(), session_id="reader", symbol_code=1).encode()
    await publish(bus, topic, [b"\xff not json", press, None], key=b"reader")
    worker = worker_on(bus, topic, then_note)
    async with working(worker) as task:
        await handled.until(lambda: len(handled.ended) == 3)
        await stopped(worker, task)
    letters = [decode(DeadLetter, record.value) for record in await scan(bus, DeadLetter.topic)]
    assert [letter.original()[:2] for letter in letters] == [
        (b"reader", b"\xff not json"),
        (b"reader", press),
        (b"reader", None),
    ]
    assert [letter.attempts for letter in letters] == [1, 3, 1]
    assert [letter.error.code for letter in letters] == ["malformed_event", "internal", "malformed_event"]
    assert [letter.source_offset for letter in letters] == [record.offset for record in await scan(bus, topic)]
    assert await behind(bus) == 0


async def test_failed_worker_is_replaced_at_the_failed_record(bus, rig, topic):
    async def handler(record: Record) -> None:
        if record.value == b"1":
            raise RuntimeError("This process is broken.")

    await publish(bus, topic, [b"0", b"1", b"2"])
    with pytest.raises(RuntimeError, match="broken"):
        await asyncio.wait_for(worker_on(bus, topic, handler).run(), PATIENCE)
    successors = Gates()
    successors.let_all()
    worker = worker_on(await rig.client(), topic, successors)
    async with working(worker) as task:
        await successors.until(lambda: any(record.value == b"2" for record in successors.ended))
        await stopped(worker, task)
    assert [record.value for record in successors.ended][-2:] == [b"1", b"2"]
    assert await behind(bus) == 0
