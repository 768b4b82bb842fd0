"""The stream of deltas: merging, offsets within an attempt, and harmless losses."""

import asyncio

import pytest
from tests.support import factories
from tests.support.gateway import until

from qdpi.errors import BusUnavailable, StoreUnavailable
from qdpi.events import PageDelta, Phase
from qdpi.observability.metrics import Metrics
from qdpi.services.deltas import DeltaStream


class Bus:
    """A bus that records deltas; a test may block it or make it fail."""

    def __init__(self) -> None:
        self.deltas: list[PageDelta] = []
        self.open = asyncio.Event()
        self.open.set()
        self.first = asyncio.Event()
        self.error: Exception | None = None

    async def publish(self, delta: PageDelta, about: object = None) -> None:
        self.first.set()
        await self.open.wait()
        if self.error:
            raise self.error
        self.deltas.append(delta)


class Attempts:
    def __init__(self, number: int = 0) -> None:
        self.number = number

    async def begin_attempt(self, session_id: str, request_id: str) -> int:
        self.number += 1
        return self.number


def stream(
    bus: Bus, metrics: Metrics | None = None, attempts: Attempts | None = None, *, pace: float = 0.001
) -> DeltaStream:
    return DeltaStream(
        factories.request(),
        attempts or Attempts(),  # type: ignore[arg-type]
        bus,  # type: ignore[arg-type]
        now=lambda: factories.at(2),
        metrics=metrics or Metrics(),
        pace=pace,
    )


def published_on(bus: Bus) -> list[tuple[int, str, int, str]]:
    return [(delta.attempt, delta.phase.value, delta.offset, delta.text) for delta in bus.deltas]


async def test_deltas_join_pending_pieces(bus_held: Bus) -> None:
    """Pending pieces are published as one delta, and its offset is the length of the text before it."""
    async with stream(bus_held) as deltas:
        await deltas.begin()
        await deltas.phase(Phase.WRITING)
        await bus_held.first.wait()
        for piece in ("The ", "lamp ", "was ", "lit."):
            await deltas.text(piece)
        bus_held.open.set()
    assert published_on(bus_held) == [(1, "writing", 0, ""), (1, "writing", 0, "The lamp was lit.")]


async def test_deltas_are_paced() -> None:
    """Pieces within the pace are published as one delta, and the end of the stream does not wait for the pace."""
    bus = Bus()
    async with asyncio.timeout(60), stream(bus, pace=3_600.0) as deltas:
        await deltas.begin()
        await deltas.phase(Phase.WRITING)
        await bus.first.wait()
        for piece in ("The ", "lamp"):
            await deltas.text(piece)
            await asyncio.sleep(0)
        assert published_on(bus) == [(1, "writing", 0, "")]
    assert published_on(bus) == [(1, "writing", 0, ""), (1, "writing", 0, "The lamp")]


async def test_deltas_omit_a_phase_that_is_over(bus_held: Bus) -> None:
    async with stream(bus_held) as deltas:
        await deltas.begin()
        await deltas.phase(Phase.PLANNING)
        await bus_held.first.wait()
        await deltas.phase(Phase.WRITING)
        await deltas.text("The lamp")
        await deltas.phase(Phase.CHECKING)
        await deltas.phase(Phase.BINDING)
        bus_held.open.set()
    assert published_on(bus_held) == [(1, "planning", 0, ""), (1, "writing", 0, "The lamp"), (1, "binding", 8, "")]


async def test_deltas_of_a_new_attempt_start_at_offset_zero() -> None:
    """A new attempt starts at offset zero."""
    bus = Bus()
    async with stream(bus) as deltas:
        for text in ("The lamp", "A door"):
            await deltas.begin()
            await deltas.phase(Phase.WRITING)
            await deltas.text(text)
            await deltas.text(", and more")
    texts = {attempt: "".join(text for a, _, _, text in published_on(bus) if a == attempt) for attempt in (1, 2)}
    assert texts == {1: "The lamp, and more", 2: "A door, and more"}
    assert next(delta.offset for delta in bus.deltas if delta.attempt == 2) == 0


async def test_attempt_numbers_continue_across_processes() -> None:
    """Attempt numbers continue those of another process."""
    bus = Bus()
    async with stream(bus, attempts=Attempts(4)) as deltas:
        assert await deltas.begin() == 5


async def test_claim_ahead_claims_once() -> None:
    """Repeated calls of `claim_ahead` claim one attempt."""
    attempts = Attempts()
    async with stream(Bus(), attempts=attempts) as deltas:
        deltas.claim_ahead()
        deltas.claim_ahead()
        await asyncio.sleep(0)
        assert attempts.number == 1
        assert [await deltas.begin(), await deltas.begin()] == [1, 2]


async def test_claim_ahead_is_cancelled_with_the_stream() -> None:
    class Waiting(Attempts):
        ended = False

        async def begin_attempt(self, session_id: str, request_id: str) -> int:
            try:
                await asyncio.Event().wait()
            finally:
                self.ended = True
            return 1

    attempts = Waiting()
    async with asyncio.timeout(60), stream(Bus(), attempts=attempts) as deltas:
        deltas.claim_ahead()
        await asyncio.sleep(0)
    assert attempts.ended


async def test_deltas_cancelled_twice_leave_no_task() -> None:
    """A run that is cancelled twice leaves no task behind."""
    let_go = asyncio.Event()

    class Slow(Attempts):
        async def begin_attempt(self, session_id: str, request_id: str) -> int:
            try:
                await asyncio.Event().wait()
            finally:
                await let_go.wait()
            return 1

    async def run() -> None:
        async with stream(Bus(), attempts=Slow()) as deltas:
            deltas.claim_ahead()
            await asyncio.Event().wait()

    running = asyncio.create_task(run())
    for _ in range(3):
        await asyncio.sleep(0)
    for _ in range(2):
        running.cancel()
        for _ in range(3):
            await asyncio.sleep(0)
    let_go.set()
    await asyncio.gather(running, return_exceptions=True)
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def test_claim_ahead_failure_is_raised_by_begin() -> None:
    class Away(Attempts):
        async def begin_attempt(self, session_id: str, request_id: str) -> int:
            raise StoreUnavailable("It does not answer.")

    async with stream(Bus(), attempts=Away()) as deltas:
        deltas.claim_ahead()
        with pytest.raises(StoreUnavailable):
            await deltas.begin()


async def test_deltas_end_publishes_pending_pieces() -> None:
    bus = Bus()
    async with asyncio.timeout(60), stream(bus, pace=3_600.0) as deltas:
        await deltas.begin()
        await deltas.phase(Phase.WRITING)
        await bus.first.wait()
        await deltas.text("The lamp")
        await deltas.end()
        await until(lambda: len(bus.deltas) == 2)
        await deltas.end()
    assert published_on(bus) == [(1, "writing", 0, ""), (1, "writing", 0, "The lamp")]


async def test_deltas_have_ids_and_times() -> None:
    """Every delta has its own id and a time not before its cause."""
    bus = Bus()
    async with stream(bus) as deltas:
        await deltas.begin()
        for phase in Phase:
            await deltas.phase(phase)
            await deltas.text(phase.value)
    request = factories.request()
    assert len({delta.event_id for delta in bus.deltas}) == len(bus.deltas)
    assert {(delta.ts, delta.cause_id, delta.press_id) for delta in bus.deltas} == {
        (factories.at(2), request.event_id, request.press_id)
    }


async def test_deltas_are_lost_during_a_bus_outage() -> None:
    """During an outage of the bus deltas are lost, and the run continues."""
    bus, metrics = Bus(), Metrics()
    bus.error = BusUnavailable("It does not answer.")
    async with stream(bus, metrics) as deltas:
        await deltas.begin()
        await deltas.text("The lamp")
    assert metrics.lost_deltas._value.get() == 1


async def test_deltas_raise_unexpected_errors() -> None:
    bus = Bus()
    bus.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        async with stream(bus) as deltas:
            await deltas.text("The lamp")


async def test_deltas_of_a_failed_run_are_dropped(bus_held: Bus) -> None:
    """The pending pieces of a failed run are dropped."""

    async def failing() -> None:
        async with stream(bus_held) as deltas:
            await deltas.text("The lamp")
            await bus_held.first.wait()
            raise KeyError

    with pytest.raises(KeyError):
        await failing()
    assert bus_held.deltas == []


@pytest.fixture
def bus_held() -> Bus:
    bus = Bus()
    bus.open.clear()
    return bus


async def test_offsets_count_code_points() -> None:
    """An emoji, which has two UTF-16 units and four bytes, counts as one; a letter and its accent as two."""
    bus, pieces = Bus(), ["🦊 and ", "🦊🦊", "e", "\u0301", "."]
    async with stream(bus) as deltas:
        await deltas.begin()
        for count, piece in enumerate(pieces, start=1):
            await deltas.text(piece)
            await until(lambda: sum(len(delta.text) for delta in bus.deltas) == len("".join(pieces[:count])))  # noqa: B023
    assert [delta.offset for delta in bus.deltas] == [0, 6, 8, 9, 10]
