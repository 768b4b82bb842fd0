"""The key-ordered worker: lanes, the contiguous watermark, and work in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bus.scripted import HERE, PATIENCE, THERE, Gates, ScriptedBus, ScriptedMembership, record, worker_of

from qdpi.bus.port import Record
from qdpi.bus.worker import Watermark, Worker
from qdpi.errors import MembershipOver


@pytest.fixture
def bus() -> ScriptedBus:
    return ScriptedBus()


@pytest.fixture
def member(bus: ScriptedBus) -> ScriptedMembership:
    return bus.membership


@pytest.fixture
def gates() -> Gates:
    return Gates()


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """Run a worker for a block; it must end after `stop`."""
    task = asyncio.create_task(worker.run())
    try:
        yield task
        worker.stop()
        async with asyncio.timeout(PATIENCE):
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def failing(worker: Worker) -> None:
    async with asyncio.timeout(PATIENCE):
        await worker.run()


# Lanes


async def test_key_is_handled_in_order(bus, member, gates):
    """Records of one key are handled one at a time, in order."""
    records = [record(n) for n in range(4)]
    member.give(*records)
    async with working(worker_of(bus, gates)) as _:
        for count, each in enumerate(records, start=1):
            await gates.until(lambda count=count: len(gates.begun) == count)
            await member.calls(2)
            assert gates.begun == records[:count]
            gates.let(each)
        await gates.until(lambda: gates.ended == records)


async def test_slow_key_does_not_delay_others(bus, member, gates):
    slow, others = record(0, b"slow"), [record(n, b"%d" % (n % 3)) for n in range(1, 30)]
    member.give(slow, *others)
    gates.let(*others)
    async with working(worker_of(bus, gates)):
        await gates.until(lambda: len(gates.ended) == len(others))
        assert gates.begun[0] == slow
        assert slow not in gates.ended
        for key in (b"0", b"1", b"2"):
            assert [r.offset for r in gates.ended if r.key == key] == [r.offset for r in others if r.key == key]
        gates.let(slow)


async def test_key_has_one_lane_across_topics(bus, member, gates):
    press, ask = record(0, b"reader", HERE), record(0, b"reader", THERE)
    member.give(press, ask)
    async with working(worker_of(bus, gates)):
        await gates.until(lambda: gates.begun == [press])
        await member.calls(2)
        assert gates.begun == [press]
        gates.let_all()
        await gates.until(lambda: gates.ended == [press, ask])


async def test_keyless_records_keep_partition_order(bus, member, gates):
    here, there = [record(n, None) for n in range(2)], [record(n, None, THERE) for n in range(2)]
    member.give(*here, *there)
    async with working(worker_of(bus, gates)):
        await gates.until(lambda: gates.begun == [here[0], there[0]])
        gates.let(there[0])
        await gates.until(lambda: there[1] in gates.begun)
        assert here[1] not in gates.begun
        gates.let_all()


async def test_lanes_and_in_flight_are_counted(bus, member, gates):
    worker = worker_of(bus, gates)
    member.give(record(0, b"a"), record(1, b"a"), record(2, b"b"))
    async with working(worker):
        await gates.until(lambda: len(gates.begun) == 2)
        assert (worker.lanes, worker.in_flight) == (2, 3)
        gates.let_all()
        await member.until(lambda: worker.in_flight == 0)
        assert worker.lanes == 0


# Commits


async def test_gap_holds_back_the_commit(bus, member, gates):
    """A finished record above an unfinished one is not committed."""
    records = [record(n, b"%d" % n) for n in range(3)]
    member.give(*records)
    async with working(worker_of(bus, gates)):
        gates.let(*records[1:])
        await gates.until(lambda: len(gates.ended) == 2)
        await member.calls(3)
        assert member.committed == {}
        gates.let(records[0])
        await member.until(lambda: member.committed == {HERE: 3})


async def test_partitions_are_committed_separately(bus, member, gates):
    """Each partition is committed up to its own first unfinished record."""
    here, there = [record(n, b"h%d" % n) for n in range(7, 10)], [record(n, b"t%d" % n, THERE) for n in range(3)]
    member.give(*here, *there)
    async with working(worker_of(bus, gates)):
        gates.let(here[0], here[2], *there)
        await member.until(lambda: member.committed == {HERE: 8, THERE: 3})
        gates.let(here[1])
        await member.until(lambda: member.committed == {HERE: 10, THERE: 3})


@given(
    offsets=st.lists(st.integers(0, 1_000), unique=True, min_size=1, max_size=12).map(sorted),
    chance=st.randoms(use_true_random=False),
)
def test_watermark_is_contiguous(offsets, chance):
    """The watermark is the offset after the highest one up to which all are finished."""
    watermark, finished = Watermark(), set[int]()
    for offset in offsets:
        watermark.begin(offset)
    for offset in chance.sample(offsets, len(offsets)):
        before = watermark.committable
        finished.add(offset)
        moved = watermark.finish(offset)
        done = [o for n, o in enumerate(offsets) if finished.issuperset(offsets[: n + 1])]
        assert watermark.committable == (done[-1] + 1 if done else None)
        assert moved is (watermark.committable != before)


async def test_commit_waits_for_settle(bus, member, gates):
    """Offsets are committed after `settle` has made the handlers' other writes durable."""
    settled = asyncio.Event()
    asked = list[int]()

    async def settle() -> None:
        asked.append(len(gates.ended))
        await settled.wait()

    member.give(record(0))
    gates.let_all()
    async with working(worker_of(bus, gates, settle=settle)):
        await gates.until(lambda: len(gates.ended) == 1)
        await member.until(lambda: bool(asked))
        assert (asked, member.committed) == ([1], {})
        settled.set()
        await member.until(lambda: member.committed == {HERE: 1})


async def test_commits_are_spaced(bus, member, gates):
    """Commits are spaced by the interval, and the last one is made when the worker stops."""
    gates.let_all()
    member.give(record(0))
    async with working(worker_of(bus, gates, commit_interval=1e9)):
        await member.until(lambda: member.committed == {HERE: 1})
        member.give(record(1), record(2))
        await gates.until(lambda: len(gates.ended) == 3)
        await member.calls(5)
        assert member.committed == {HERE: 1}
    assert member.committed == {HERE: 3}


# The bound


async def test_partitions_pause_at_the_bound(bus, member, gates):
    """At the bound, partitions pause and polling goes on, until half of the work is done."""
    worker = worker_of(bus, gates, max_in_flight=4)
    records = [record(n, b"%d" % n) for n in range(10)]
    member.give(*records)
    async with working(worker):
        await member.until(lambda: member.paused == {HERE})
        await member.calls(5)
        assert (gates.begun, worker.in_flight, worker.paused) == (records[:4], 4, 1)
        gates.let(records[0])
        await member.calls(5)
        assert (member.paused, gates.begun) == ({HERE}, records[:4])
        gates.let(records[1])
        await member.until(lambda: not member.paused)
        gates.let_all()
        await member.until(lambda: member.committed == {HERE: 10})
        assert worker.paused == 0


async def test_partitions_pause_at_the_bound_of_bytes(bus, member, gates):
    worker = worker_of(bus, gates, max_bytes=1_000)
    large = [record(n, b"%d" % n, value=b"%d" % n * 600) for n in range(2)]
    small = record(2, b"2", value=b"x")
    member.give(*large)
    async with working(worker):
        await member.until(lambda: member.paused == {HERE})
        member.give(small)
        gates.let(large[0])
        await member.calls(5)
        assert (member.paused, gates.begun) == ({HERE}, large)
        gates.let(large[1])
        await member.until(lambda: not member.paused)
        gates.let_all()
        await member.until(lambda: member.committed == {HERE: 3})


async def test_new_partition_above_the_bound_pauses(bus, member, gates):
    """Above the bound, a new partition delivers one record and is paused too."""
    worker = worker_of(bus, gates, max_in_flight=2)
    member.give(*(record(n, b"%d" % n) for n in range(2)))
    async with working(worker):
        await member.until(lambda: member.paused == {HERE})
        member.give(*(record(n, b"t%d" % n, THERE) for n in range(5)))
        await member.until(lambda: member.paused == {HERE, THERE})
        await member.calls(3)
        assert worker.in_flight == 3
        gates.let_all()
        await member.until(lambda: member.committed == {HERE: 2, THERE: 5})


# Revocation


async def test_revocation_cancels_and_drops(bus, member, gates):
    """A revocation cancels the running handler, drops the waiting records and commits none of them."""
    worker = worker_of(bus, gates)
    running, waiting, kept = record(0, b"a"), record(1, b"a"), record(0, b"b", THERE)
    member.give(running, waiting, kept)
    async with working(worker):
        await gates.until(lambda: len(gates.begun) == 2)
        member.revoke(HERE)
        await member.until(lambda: gates.cancelled == [running])
        gates.let_all()
        await member.until(lambda: member.committed == {THERE: 1})
        assert (gates.begun, worker.in_flight) == ([running, kept], 0)


async def test_no_commit_above_a_gap_after_revocation(bus, member, gates):
    """Finished records above an unfinished one are not committed at a revocation either."""
    finished, unfinished = record(1, b"a"), record(0, b"b")
    member.give(unfinished, finished)
    async with working(worker_of(bus, gates)):
        gates.let(finished)
        await gates.until(lambda: gates.ended == [finished])
        member.revoke(HERE)
        await member.until(lambda: gates.cancelled == [unfinished])
        await member.calls(3)
    assert member.committed == {}


async def test_finished_records_are_committed_at_revocation(bus, member, gates):
    """Finished records of a revoked partition are committed before the next fetch, and never after it."""
    gates.let_all()
    member.give(record(0, b"a", THERE))
    async with working(worker_of(bus, gates, commit_interval=1e9)):
        await member.until(lambda: member.committed == {THERE: 1})
        member.give(record(0, b"a", HERE), record(1, b"b", HERE), record(2, b"c", HERE))
        await gates.until(lambda: len(gates.ended) == 4)
        member.revoke(HERE)
        await member.until(lambda: HERE in member.committed)
        await member.calls(3)
    assert member.committed == {THERE: 1, HERE: 3}


async def test_revocation_commit_waits_for_handlers_and_settle(bus, member):
    """A revoked partition is committed only after its cancelled handlers have ended and `settle` has returned."""
    cancelled, may_end = asyncio.Event(), asyncio.Event()
    result: list[str] = []

    async def handler(each):
        if each.key == b"slow":
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
                await may_end.wait()
                result.append("ended")

    async def settle():
        result.append("settled")

    member.give(record(0, b"a", THERE))
    async with working(worker_of(bus, handler, settle=settle, commit_interval=1e9)):
        await member.until(lambda: member.committed == {THERE: 1})
        result.clear()
        member.give(record(0, b"a"), record(1, b"slow"))
        await member.calls(3)
        member.revoke(HERE)
        await asyncio.wait_for(cancelled.wait(), PATIENCE)
        assert HERE not in member.committed
        may_end.set()
        await member.until(lambda: member.committed == {THERE: 1, HERE: 1})
    assert result == ["ended", "settled"]


async def test_outage_at_revocation_does_not_block(bus, member, gates):
    """An outage during the commit of a revoked partition does not delay the other partitions."""
    gates.let_all()
    member.give(record(0, b"a", THERE))
    async with working(worker_of(bus, gates, commit_interval=1e9)):
        await member.until(lambda: member.committed == {THERE: 1})
        member.give(record(0, b"a", HERE))
        await gates.until(lambda: len(gates.ended) == 2)
        member.unavailable = {"commit"}
        member.revoke(HERE)
        await member.until(lambda: member.refused == 1)
        member.give(record(7, b"a", THERE))
        await gates.until(lambda: len(gates.ended) == 3)
        assert member.refused == 1
        member.unavailable = set()
    assert HERE not in member.committed


async def test_revoked_record_behind_another_topic_is_dropped(bus, member, gates):
    running, dropped = record(0, b"reader", THERE), record(0, b"reader", HERE)
    member.give(running, dropped)
    async with working(worker_of(bus, gates)):
        await gates.until(lambda: gates.begun == [running])
        member.revoke(HERE)
        await member.until(lambda: not member.revoked)
        await member.calls(3)
        gates.let_all()
        await member.until(lambda: member.committed == {THERE: 1})
    assert gates.ended == [running]


async def test_reassigned_partition_starts_at_its_new_offset(bus, member, gates):
    """A partition that is assigned again is handled and committed from the offset delivered then."""
    first = [record(n, b"a") for n in range(5, 8)]
    member.give(*first)
    async with working(worker_of(bus, gates)):
        await gates.until(lambda: gates.begun == first[:1])
        member.revoke(HERE)
        await member.until(lambda: gates.cancelled == first[:1])
        member.give(record(3, b"a"), record(4, b"a"))
        gates.let_all()
        await member.until(lambda: member.committed == {HERE: 5})
        assert [r.offset for r in gates.ended] == [3, 4]


async def test_revocation_at_the_bound_makes_room(bus, member, gates):
    worker = worker_of(bus, gates, max_in_flight=2)
    member.give(record(0, b"a"), record(1, b"b"))
    async with working(worker):
        await member.until(lambda: member.paused == {HERE})
        member.revoke(HERE)
        await member.until(lambda: worker.in_flight == worker.paused == 0)
        gates.let_all()
        member.give(record(0, b"c", THERE))
        await member.until(lambda: member.committed == {THERE: 1})


async def test_reassigned_partition_at_the_bound_is_paused(bus, member, gates):
    worker = worker_of(bus, gates, max_in_flight=4)
    member.give(record(0, b"h"), *(record(n, b"t%d" % n, THERE) for n in range(3)))
    async with working(worker):
        await member.until(lambda: member.paused == {HERE, THERE})
        member.revoke(HERE)
        await member.until(lambda: worker.in_flight == 3)
        member.give(*(record(n, b"h") for n in range(3)))
        await member.until(lambda: member.paused == {HERE, THERE})
        await member.calls(5)
        assert worker.in_flight == 4
        gates.let_all()
        await member.until(lambda: member.committed == {HERE: 3, THERE: 3})


async def test_next_record_waits_for_the_cancelled_handler(bus, member):
    revoked, kept = record(0, b"reader", HERE), record(0, b"reader", THERE)
    running, cancelled, tidied, seen = asyncio.Event(), asyncio.Event(), asyncio.Event(), list[str]()

    async def handler(each: Record) -> None:
        seen.append(f"begins {each.topic}")
        if each == revoked:
            try:
                running.set()
                await asyncio.Event().wait()
            finally:
                cancelled.set()
                await tidied.wait()
                seen.append(f"tidied {each.topic}")

    member.give(revoked, kept)
    async with working(worker_of(bus, handler)), asyncio.timeout(PATIENCE):
        await running.wait()
        member.revoke(HERE)
        await cancelled.wait()
        tidied.set()
        await member.until(lambda: member.committed == {THERE: 1})
    assert seen == ["begins here", "tidied here", "begins there"]


async def ends_anyway() -> None:
    """Swallow the cancellation."""


async def breaks() -> None:
    raise RuntimeError("The connection was cut by the cancellation.")


@pytest.mark.parametrize("end", [ends_anyway, breaks])
async def test_fenced_handler_has_no_effect(bus, member, end: Callable[[], Awaitable[None]]):
    """However a fenced handler ends, it commits nothing and does not stop the worker."""
    begun = list[Record]()
    running = asyncio.Event()

    async def handler(each: Record) -> None:
        begun.append(each)
        if len(begun) == 1:
            try:
                running.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await end()

    worker = worker_of(bus, handler)
    member.give(record(4, b"a"), record(5, b"a"))
    async with working(worker):
        await asyncio.wait_for(running.wait(), PATIENCE)
        member.revoke(HERE)
        await member.until(lambda: worker.in_flight == 0)
        await member.calls(2)
        assert member.committed == {}
        member.give(record(4, b"a"))
        await member.until(lambda: member.committed == {HERE: 5})
    assert [r.offset for r in begun] == [4, 4]


# Stops and failures


async def test_stop_finishes_started_records(bus, member, gates):
    """A stop finishes and commits the started records, and leaves the others to the next member."""
    worker = worker_of(bus, gates)
    begun, *waiting = (record(n, b"a") for n in range(3))
    other = record(3, b"b")
    member.give(begun, *waiting, other)
    async with working(worker) as task:
        await gates.until(lambda: gates.begun == [begun, other])
        worker.stop()
        await member.calls(2)
        assert not task.done()
        gates.let_all()
        await asyncio.wait_for(asyncio.shield(task), PATIENCE)
        assert gates.ended == [begun, other]
        assert (member.committed, member.has_left, worker.in_flight) == ({HERE: 1}, True, 0)


async def test_stopping_worker_polls_without_admitting(bus, member, gates):
    """A stopping worker accepts no more records and goes on polling."""
    worker = worker_of(bus, gates)
    taken = record(0, b"a")
    member.give(taken)
    async with working(worker):
        await gates.until(lambda: gates.begun == [taken])
        worker.stop()
        member.give(record(1, b"b"), record(0, b"c", THERE), record(1, b"c", THERE))
        await member.until(lambda: member.paused == {HERE, THERE})
        await member.calls(3)
        gates.let_all()
    assert gates.begun == [taken]
    assert member.committed == {HERE: 1}


async def test_revocation_during_a_stop_fences(bus, member, gates):
    worker = worker_of(bus, gates)
    member.give(record(0, b"a"))
    async with working(worker):
        await gates.until(lambda: len(gates.begun) == 1)
        worker.stop()
        member.revoke(HERE)
    assert len(gates.cancelled) == 1
    assert (member.committed, member.has_left) == ({}, True)


async def test_failing_handler_stops_the_worker(bus, member, gates):
    """A failing handler stops the worker with its error and cancels the other lanes."""

    async def handler(each: Record) -> None:
        if each.key == b"bad":
            await gates.until(lambda: len(gates.begun) == 1)
            raise RuntimeError("This handler is broken.")
        await gates(each)

    member.give(record(0, b"bad"), record(1, b"bad"), record(2, b"good"))
    with pytest.raises(RuntimeError, match="broken"):
        await failing(worker_of(bus, handler))
    assert [r.offset for r in gates.cancelled] == [2]
    assert (member.committed, member.has_left) == ({}, True)


async def test_failure_during_a_stop_is_raised(bus, member, gates):
    async def handler(each: Record) -> None:
        await gates(each)
        raise RuntimeError("This handler is broken.")

    worker = worker_of(bus, handler)
    member.give(record(0))
    task = asyncio.create_task(failing(worker))
    await gates.until(lambda: len(gates.begun) == 1)
    worker.stop()
    gates.let_all()
    with pytest.raises(RuntimeError, match="broken"):
        await task
    assert member.committed == {}


async def test_cancelling_drops_lanes_and_leaves(bus, member, gates):
    task = asyncio.create_task(worker_of(bus, gates).run())
    member.give(record(0, b"a"), record(1, b"b"))
    await gates.until(lambda: len(gates.begun) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(gates.cancelled) == 2
    assert (member.committed, member.has_left) == ({}, True)


# Outages


async def test_outage_at_the_start_is_retried(gates):
    bus = ScriptedBus(refusals=5)
    bus.membership.give(record(0))
    gates.let_all()
    async with working(worker_of(bus, gates)):
        await bus.membership.until(lambda: bus.membership.committed == {HERE: 1})
    assert bus.joined == [("readers", ("here", "there"))]


@pytest.mark.parametrize("call", ["fetch", "commit", "pause", "resume"])
async def test_outage_at_any_call_loses_nothing(bus, member, gates, call):
    """An outage at any call is retried, and no record is lost or handled twice."""
    worker = worker_of(bus, gates, max_in_flight=2)
    records = [record(n, b"%d" % n) for n in range(6)]
    member.unavailable.add(call)
    member.give(*records)
    async with working(worker):
        if call in {"fetch", "commit"}:
            gates.let_all()
        if call == "resume":
            await member.until(lambda: member.paused == {HERE})
            gates.let_all()
        await member.until(lambda: member.refused >= 3)
        member.unavailable.clear()
        gates.let_all()
        await member.until(lambda: member.committed == {HERE: 6})
    assert gates.ended == records


async def test_stop_during_an_outage_at_the_start(gates):
    bus = ScriptedBus(refusals=1_000_000)
    worker = worker_of(bus, gates)
    bus.on_refusal = worker.stop
    await failing(worker)
    assert bus.joined == []


async def test_idle_worker_stops_during_an_outage(bus, member, gates):
    worker = worker_of(bus, gates)
    member.unavailable |= {"fetch", "leave"}
    task = asyncio.create_task(failing(worker))
    await member.until(lambda: member.refused >= 2)
    worker.stop()
    await task
    assert member.has_left


async def test_outage_at_leaving_hides_no_handler_failure(bus, member):
    async def handler(each: Record) -> None:
        raise RuntimeError("This handler is broken.")

    member.unavailable.add("leave")
    member.give(record(0))
    with pytest.raises(RuntimeError, match="broken"):
        await failing(worker_of(bus, handler))


async def test_stop_commits_after_an_outage(bus, member, gates):
    """Records finished before a stop are committed once the bus is back."""
    worker = worker_of(bus, gates)
    member.give(record(0))
    gates.let_all()
    member.unavailable.add("commit")
    async with working(worker):
        await member.until(lambda: member.refused >= 1)
        worker.stop()
        await member.until(lambda: member.refused >= 4)
        assert not member.has_left
        member.unavailable.clear()
    assert member.committed == {HERE: 1}


async def test_bus_error_ends_the_worker(bus, member, gates):
    """An error of the bus other than an outage ends the worker."""

    async def fetch(limit: int, timeout: float):
        raise ValueError("The adapter is broken.")

    member.fetch = fetch
    with pytest.raises(ValueError, match="adapter"):
        await failing(worker_of(bus, gates))
    assert member.has_left


# Lost memberships


async def test_lost_membership_joins_again(bus, member, gates):
    """After `MembershipOver`, the worker drops its records and joins again."""
    worker = worker_of(bus, gates)
    first, other = record(0), record(1, b"other")
    member.give(first, other)
    async with working(worker):
        await gates.until(lambda: gates.begun == [first, other])
        member.over = MembershipOver("The group knows this member no more.")
        await member.until(lambda: len(bus.joined) == 2)
        assert gates.cancelled == [first, other]
        member.give(first, other)
        gates.let_all()
        await member.until(lambda: member.committed == {HERE: 2})
        assert worker.in_flight == 0


async def test_stop_before_joining_again(bus, member, gates):
    worker = worker_of(bus, gates)
    async with working(worker) as task:
        await member.calls(1)
        worker.stop()
        member.over = MembershipOver("The group knows this member no more.")
        await asyncio.wait_for(asyncio.shield(task), PATIENCE)
