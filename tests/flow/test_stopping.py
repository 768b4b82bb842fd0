"""Stops of a run: before it begins, in mid-text, while it waits, after its end, and from another journey."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.flow.conftest import Working
from tests.support.replies import DEGENERATE, Held, page_for, writer
from tests.support.scripted import Reply

from qdpi.errors import ModelUnreachable
from qdpi.events import DeadLetter, PageDone, PageFailed, Stop
from qdpi.ids import sha256
from qdpi.outcome import Outcome
from qdpi.page_schema import PageStatus
from qdpi.retry import Backoff

LOCUS = "S05-P0014"


def stopped_without_text(outcome: Outcome) -> bool:
    return isinstance(outcome.event, PageFailed) and outcome.event.error.code == "stopped"


async def test_stop_before_the_run_begins(tmp_path: Path, working: Working) -> None:
    """A run stopped before it begins fails as stopped, in order and without a model call."""
    held = Held()
    replies = iter([held])
    model = writer(lambda prompt: next(replies, page_for)(prompt))
    async with asyncio.timeout(60), working(tmp_path, model) as flow:
        first, second, third = [flow.press_event("s", "london-fox:XC") for _ in range(3)]
        await flow.send(first)
        await held.begun.wait()
        await flow.send(second)
        await flow.stop("s", second.event_id)
        await flow.send(third)
        await flow.stop("s", first.event_id)  # ends the first once the stop of the second is known: they come in order
        outcomes = [await flow.outcome_of("s", press.event_id) for press in (first, second, third)]
        assert not flow.published.all(DeadLetter)
    assert [outcome.seq for outcome in outcomes] == [1, 2, 3]
    assert [stopped_without_text(outcome) for outcome in outcomes] == [False, True, False]
    assert len(model.prompts) == 2


async def test_stop_before_its_press(tmp_path: Path, working: Working) -> None:
    """A stop that is published before its press stops the run."""
    model = writer()
    async with asyncio.timeout(60), working(tmp_path, model, workers=()) as flow:
        press = flow.press_event("s", "london-fox:XC", LOCUS)
        await flow.stop("s", press.event_id)
        await flow.send(press)
    async with asyncio.timeout(60), working(tmp_path, model) as flow:
        assert stopped_without_text(await flow.outcome_of("s", press.event_id))
    assert model.prompts == []


async def test_stop_in_mid_text_keeps_the_text(tmp_path: Path, working: Working) -> None:
    """A run stopped in mid-text keeps the text so far and is marked as stopped."""
    held = Held()
    async with asyncio.timeout(60), working(tmp_path, writer(held)) as flow:
        press = flow.press_event("s", "london-fox:XC", LOCUS)
        await flow.send(press)
        await held.begun.wait()
        await flow.stop("s", press.event_id)
        outcome = await flow.outcome_of("s", press.event_id)
    done, page = outcome.event, outcome.page
    assert isinstance(done, PageDone)
    assert page is not None
    assert done.text == page.text == held.text
    assert done.status is page.status is PageStatus.STOPPED
    assert done.edges.next_within == "S05-P0015"
    assert done.validation.passed is False
    (call,) = outcome.receipt.calls
    assert (call.finish_reason, call.output_hash) == ("stopped", sha256(held.text))


async def test_stop_while_the_model_is_silent(tmp_path: Path, working: Working) -> None:
    """A run stopped while it waits for its model fails as stopped."""
    tried = asyncio.Event()

    def reply(prompt: str) -> Reply:
        tried.set()
        return ModelUnreachable("It does not answer.")

    slow = Backoff(first=3_600, most=3_600)
    async with asyncio.timeout(60), working(tmp_path, writer(reply), backoff=slow) as flow:
        press = flow.press_event("s", "london-fox:XC", LOCUS)
        await flow.send(press)
        await tried.wait()
        await flow.stop("s", press.event_id)
        outcome = await flow.outcome_of("s", press.event_id)
    assert stopped_without_text(outcome)


async def test_stop_before_the_rework_keeps_the_first_draft(tmp_path: Path, working: Working) -> None:
    """A run stopped before the first word of its rework keeps the first draft."""
    reworking, never = asyncio.Event(), asyncio.Event()

    def reply(prompt: str) -> Reply:
        if not model.prompts[1:]:
            return DEGENERATE
        reworking.set()
        return waiting()

    async def waiting() -> AsyncIterator[str]:
        await never.wait()
        yield "never"

    model = writer(reply)
    async with asyncio.timeout(60), working(tmp_path, model) as flow:
        press = flow.press_event("s", "london-fox:XC", LOCUS)
        await flow.send(press)
        await reworking.wait()
        await flow.stop("s", press.event_id)
        outcome = await flow.outcome_of("s", press.event_id)
    assert isinstance(outcome.event, PageDone)
    assert outcome.event.text == DEGENERATE.strip()
    assert outcome.event.status is PageStatus.STOPPED
    assert not outcome.event.validation.passed
    assert not outcome.event.validation.reworked


async def test_stop_after_the_end_has_no_effect(tmp_path: Path, working: Working) -> None:
    """A stop after the end has no effect."""
    async with asyncio.timeout(60), working(tmp_path, writer()) as flow:
        before = await flow.press("s", "london-fox:XC", LOCUS)
        await flow.stop("s", before.event.press_id)
        await flow.published.until(Stop)
        after = await flow.press("s", "london-fox:XC")
        assert await flow.system.store.outcome("s", before.request_id) == before
    assert isinstance(after.event, PageDone)


@pytest.mark.parametrize("session", ["another", "S"])
async def test_stop_of_another_journey_has_no_effect(session: str, tmp_path: Path, working: Working) -> None:
    """A stop from another journey is ignored."""
    held = Held()
    async with asyncio.timeout(60), working(tmp_path, writer(held)) as flow:
        press = flow.press_event("s", "london-fox:XC", LOCUS)
        await flow.send(press)
        await held.begun.wait()
        await flow.stop(session, press.event_id)
        await flow.published.until(Stop)
        held.let_go.set()
        outcome = await flow.outcome_of("s", press.event_id)
    assert isinstance(outcome.event, PageDone)
    assert outcome.event.status is PageStatus.COMPLETE
