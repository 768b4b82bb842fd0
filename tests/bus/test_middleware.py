"""Middleware: bounded retries for failures, unlimited ones during outages, and dead letters."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from tests.bus.scripted import AT_ONCE, HERE, ScriptedBus, record

from qdpi.bus.middleware.count import count
from qdpi.bus.middleware.dead_letter import LONGEST_VALUE, dead_letter, letter_of, send_letter
from qdpi.bus.middleware.limit import limit
from qdpi.bus.middleware.retry import or_else, retry
from qdpi.bus.middleware.trace import trace
from qdpi.bus.port import Partition, Record
from qdpi.errors import BusUnavailable, InvalidInput, MalformedEvent, ModelFailed, StoreUnavailable
from qdpi.events import TOPICS, DeadLetter, Press, decode, fault_of
from qdpi.observability.metrics import Metrics
from qdpi.observability.tracing import current_traceparent
from qdpi.retry import Backoff, retry_while_unavailable

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Failing:
    """A handler that raises the given errors, call by call, and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, record: Record) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


class Ending:
    """A `GiveUp` that raises the given errors, call by call, and then records its calls."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0
        self.ended: list[tuple[Record, Exception, int]] = []

    async def __call__(self, record: Record, error: Exception, attempts: int) -> None:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        self.ended.append((record, error, attempts))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def retried(metrics: Metrics, cause: str) -> float:
    return metrics.registry.get_sample_value("qdpi_retries_total", {"group": "readers", "cause": cause}) or 0.0


def wrapped(handler: Failing, ending: Ending, metrics: Metrics) -> Callable[[Record], Awaitable[None]]:
    return retry(handler, ending, group="readers", backoff=AT_ONCE, metrics=metrics, attempts=4)


# Retries


async def test_success_is_tried_once(metrics):
    handler, ending = Failing(), Ending()
    await wrapped(handler, ending, metrics)(record(0))
    assert (handler.calls, ending.ended) == (1, [])


@pytest.mark.parametrize("failures", [1, 2, 3])
async def test_failure_is_retried_until_success(metrics, failures):
    handler, ending = Failing(*[RuntimeError("broken")] * failures), Ending()
    await wrapped(handler, ending, metrics)(record(0))
    assert (handler.calls, ending.ended) == (failures + 1, [])
    assert retried(metrics, "RuntimeError") == failures


async def test_poison_is_given_up_after_bounded_attempts(metrics):
    """A poison record is given up after a bounded number of attempts, with its last error."""
    errors = [ModelFailed(f"try {n}") for n in range(10)]
    handler, ending = Failing(*errors), Ending()
    await wrapped(handler, ending, metrics)(record(7))
    assert handler.calls == 4
    assert ending.ended == [(record(7), errors[3], 4)]


@pytest.mark.parametrize("error", [InvalidInput("bad"), MalformedEvent("bad")])
async def test_bad_input_is_tried_once(metrics, error):
    handler, ending = Failing(error, error), Ending()
    await wrapped(handler, ending, metrics)(record(0))
    assert (handler.calls, ending.ended) == (1, [(record(0), error, 1)])


async def test_outage_costs_no_attempt(metrics):
    """Retries during an outage are unlimited and do not count as attempts."""
    unavailable = [StoreUnavailable("unavailable"), BusUnavailable("unavailable")] * 50
    handler, ending = Failing(*unavailable, RuntimeError("broken"), *unavailable, RuntimeError("broken")), Ending()
    await wrapped(handler, ending, metrics)(record(0))
    assert (handler.calls, ending.ended) == (203, [])
    assert (retried(metrics, "store_unavailable"), retried(metrics, "bus_unavailable")) == (100, 100)


async def test_giving_up_is_retried_during_an_outage(metrics):
    handler = Failing(InvalidInput("bad"))
    ending = Ending(*[BusUnavailable("unavailable")] * 9)
    await wrapped(handler, ending, metrics)(record(0))
    assert (handler.calls, ending.tries, len(ending.ended)) == (1, 10, 1)


async def test_failed_give_up_reaches_the_worker(metrics):
    handler, ending = Failing(InvalidInput("bad")), Ending(RuntimeError("no dead letter could be made"))
    with pytest.raises(RuntimeError, match="no dead letter"):
        await wrapped(handler, ending, metrics)(record(0))


async def test_failed_give_up_falls_back(metrics):
    first, last = Ending(RuntimeError("broken")), Ending()
    await or_else(first, last)(record(0), InvalidInput("bad"), 4)
    assert (first.ended, [attempts for *_, attempts in last.ended]) == ([], [4])


@pytest.mark.parametrize("error", [BusUnavailable("unavailable"), StoreUnavailable("unavailable")])
async def test_give_up_during_an_outage_does_not_fall_back(metrics, error):
    first, last = Ending(error), Ending()
    with pytest.raises(type(error)):
        await or_else(first, last)(record(0), InvalidInput("bad"), 4)
    assert last.tries == 0


async def test_cancelled_handler_is_not_retried(metrics):
    running, calls = asyncio.Event(), list[Record]()

    async def handler(each: Record) -> None:
        calls.append(each)
        running.set()
        await asyncio.Event().wait()

    ending = Ending()
    handle = retry(handler, ending, group="readers", backoff=AT_ONCE, metrics=metrics)
    task = asyncio.ensure_future(handle(record(0)))
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (len(calls), ending.tries) == (1, 0)


# Backoff


def test_backoff_delays_grow_to_a_bound():
    """Delays grow to a bound, and are drawn from the upper half of their range."""
    longest = Backoff(first=0.05, factor=2, most=5, chance=lambda: 1.0)
    shortest = Backoff(first=0.05, factor=2, most=5, chance=lambda: 0.0)
    assert [longest.delay(n) for n in (1, 2, 3, 4)] == [0.05, 0.1, 0.2, 0.4]
    assert [longest.delay(n) for n in (8, 100, 10_000)] == [5.0, 5.0, 5.0]
    assert all(shortest.delay(n) == longest.delay(n) / 2 for n in range(1, 20))


async def test_retry_while_unavailable_reports_waits():
    """`on_wait` is called for every wait, and other errors are raised."""
    waits = list[tuple[str, int]]()
    answers: list[Exception | str] = [BusUnavailable("one"), StoreUnavailable("two"), "here"]

    async def attempt() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert (
        await retry_while_unavailable(
            attempt, AT_ONCE, on_wait=lambda error, tries: waits.append((error.detail, tries))
        )
        == "here"
    )
    assert waits == [("one", 1), ("two", 2)]
    answers = [BusUnavailable("unavailable"), ValueError("broken")]
    with pytest.raises(ValueError, match="broken"):
        await retry_while_unavailable(attempt, AT_ONCE)


# Dead letters

PRESS = b'{"event_id":"press-1","session_id":"reader","symbol_code":300}'


def original(value: bytes | None, key: bytes | None = b"reader") -> Record:
    headers = (("x-event-id", b"press-1"), ("x-odd", b"\xff\x00"), ("x-odd", b""))
    return Record(HERE, 41, key, value, headers, NOW)


def letter(value: bytes | None, **options: bytes | None) -> DeadLetter:
    return letter_of(original(value, **options), fault_of(MalformedEvent("bad"), str), 3, group="readers", at=NOW)


def test_dead_letter_contents():
    """A dead letter holds the original bytes, the error, the record's offset and the attempts."""
    made = letter(PRESS)
    assert made.original() == (b"reader", PRESS, original(PRESS).headers)
    assert (made.group, made.source_topic, made.source_partition, made.source_offset) == ("readers", "here", 0, 41)
    assert (made.attempts, made.ts, made.error.code, made.error.detail) == (3, NOW, "malformed_event", "bad")
    assert (made.session_id, made.press_id) == ("reader", "press-1")
    assert decode(DeadLetter, made.encode()) == made


def test_dead_letter_press_id():
    """The press of a dead letter is the one that its record names, else the record's event."""
    assert letter(b'{"event_id":"request","press_id":"press"}').press_id == "press"
    assert letter(b'{"event_id":"press"}').press_id == "press"


@pytest.mark.parametrize(
    "value",
    [None, b"", b"\xff\xfe", b'{"session_id":', b"[" * 100_000, b'"text"', b"7", b"[1]", rb'{"session_id":"\ud800"}',
     b'{"session_id":7,"event_id":{"a":1}}', b'{"event_id":"\x00"}'],
    ids=range(11),
)  # fmt: skip
def test_dead_letter_returns_any_bytes(value):
    made = letter(value, key=None)
    assert decode(DeadLetter, made.encode()).original() == (None, value, original(value).headers)
    assert (made.session_id, made.press_id) == (None, None)


def test_dead_letter_of_a_long_record_is_cut():
    """A record that is too long for a dead letter is cut, and the letter has the number of missing bytes."""
    long = b"x" * (LONGEST_VALUE + 7)
    made = letter(long)
    assert made.cut_bytes == 7
    assert made.original()[1] == long[:-7]
    assert len(made.encode()) < TOPICS[DeadLetter.topic].max_bytes
    assert letter(long[:-7]).cut_bytes == 0


def test_dead_letter_ids_are_cut():
    made = letter(json.dumps({"event_id": "x" * 10_000, "session_id": "y" * 10_000}).encode())
    assert made.press_id is not None
    assert made.session_id is not None
    assert (len(made.press_id), len(made.session_id)) == (128, 128)


def test_dead_letter_id_is_stable():
    """A record has one dead letter per group, however often it is created."""

    def id_of(at: Record, group: str = "readers", attempts: int = 1) -> str:
        return letter_of(at, fault_of(RuntimeError("any"), str), attempts, group=group, at=NOW).event_id

    assert id_of(record(1)) == id_of(record(1, value=b"other"), attempts=9)
    others = [id_of(record(1), group="others"), id_of(record(2)), id_of(record(1, partition=HERE._replace(number=1)))]
    assert len({id_of(record(1)), *others}) == 4


async def test_give_up_publishes_and_counts(metrics):
    """Giving up publishes the dead letter under the original key and counts it."""
    bus = ScriptedBus()
    give_up = dead_letter(bus, group="readers", now=lambda: NOW, metrics=metrics, redact=str)
    await give_up(original(PRESS), InvalidInput("bad"), 1)
    (message,) = bus.published
    assert (message.topic, message.key) == ("gibsey.dlq", b"reader")
    sent = decode(DeadLetter, message.value)
    assert base64.b64decode(sent.value_base64 or "") == PRESS
    assert dict(message.headers) == {"x-event-id": sent.event_id.encode()}
    assert metrics.registry.get_sample_value("qdpi_dead_letters_total", {"group": "readers"}) == 1


async def test_unpublished_dead_letter_is_not_counted(metrics):
    give_up = dead_letter(ScriptedBus(refusals=1), group="readers", now=lambda: NOW, metrics=metrics, redact=str)
    with pytest.raises(BusUnavailable):
        await give_up(original(PRESS), InvalidInput("bad"), 1)
    assert not metrics.registry.get_sample_value("qdpi_dead_letters_total", {"group": "readers"})


async def test_dead_letter_omits_a_refused_record(metrics):
    """If the topic of dead letters refuses the letter for its size, the letter goes without the record."""
    bus = ScriptedBus(largest=1_000)
    large = original(b"x" * 2_000)
    await dead_letter(bus, group="readers", now=lambda: NOW, metrics=metrics, redact=str)(large, InvalidInput("bad"), 1)
    (message,) = bus.published
    sent = decode(DeadLetter, message.value)
    assert (sent.cut_bytes, sent.original()) == (2_000, (None, b"", ()))
    assert (sent.source_topic, sent.source_offset) == (large.topic, large.offset)
    assert metrics.registry.get_sample_value("qdpi_dead_letters_total", {"group": "readers"}) == 1


async def test_dead_letter_is_not_older_than_its_record(metrics):
    bus = ScriptedBus()
    early = NOW - timedelta(hours=1)
    give_up = dead_letter(bus, group="readers", now=lambda: early, metrics=metrics, redact=str)
    await give_up(original(PRESS), InvalidInput("bad"), 1)
    assert decode(DeadLetter, bus.published[0].value).ts == NOW


async def test_dead_letter_without_a_key():
    bus = ScriptedBus()
    await send_letter(bus, letter(PRESS, key=None), None)
    assert bus.published[0].key is None


# Metrics and traces


async def test_only_handled_records_are_counted(metrics):
    handle = count(Failing(RuntimeError("broken")), group="readers", metrics=metrics)
    with pytest.raises(RuntimeError):
        await handle(record(0))
    await handle(record(0))
    assert metrics.registry.get_sample_value("qdpi_records_handled_total", {"group": "readers"}) == 1


async def test_handler_runs_in_its_trace():
    """A handler runs in its record's trace, and its log lines carry the event's id."""
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    seen = list[tuple[str | None, dict[str, object]]]()

    async def handler(each: Record) -> None:
        seen.append((current_traceparent(), structlog.contextvars.get_contextvars()))

    headers = (("x-event-id", b"press-1"), ("traceparent", f"00-{trace_id}-b7ad6b7169203331-01".encode()))
    handle = trace(handler, group="readers")
    await handle(record(0)._replace(headers=headers))
    await handle(record(0)._replace(headers=headers))
    (first, fields), (second, _) = seen
    assert first is not None
    assert first == second
    assert first.startswith(f"00-{trace_id}-")
    assert not first.endswith("b7ad6b7169203331-01")
    assert fields == {"group": "readers", "topic": "here", "event_id": "press-1"}
    assert current_traceparent() is None
    assert structlog.contextvars.get_contextvars() == {}


async def test_oversized_record_is_refused_unread(metrics):
    """A record larger than its topic accepts is refused before it is parsed, without retries."""
    handler, ending = Failing(), Ending()
    largest = TOPICS[Press.topic].max_bytes
    handle = retry(limit(handler), ending, group="readers", backoff=AT_ONCE, metrics=metrics)
    place = Partition(Press.topic, 0)
    await handle(record(0, partition=place, value=bytes(largest)))
    assert (handler.calls, ending.ended) == (1, [])
    await handle(record(1, partition=place, value=bytes(largest + 1)))
    ((refused, error, attempts),) = ending.ended
    assert (handler.calls, refused.offset, attempts) == (1, 1, 1)
    assert isinstance(error, MalformedEvent)
    assert f"{largest + 1:,} bytes" in error.detail
