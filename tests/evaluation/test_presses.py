"""Pressing through a gateway, as a reader's program does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from tests.support.gateway import ScriptedGenerator, background, served, system_in

from qdpi.canon import own_book
from qdpi.client import Client
from qdpi.errors import InvalidInput
from qdpi.evaluation.answers import Answer
from qdpi.evaluation.evaluate import check_edition
from qdpi.evaluation.presses import FAILURES_IN_A_ROW, WriterFailing, press_all, press_once
from qdpi.evaluation.schedule import ScheduledPress
from qdpi.evaluation.writers import parse_writer
from qdpi.events import Fault

PRESS = ScheduledPress(3, 0x12, "S02-P0004", "Who is there?")
FAULT = Fault(code="model_empty", detail="It said nothing.", next_step="Ask again.")


@asynccontextmanager
async def answering(directory: Path, answer: Callable[[ScriptedGenerator, str, str], object]) -> AsyncIterator[Client]:
    """Give a client of a gateway whose every press is answered by a function of (generator, journey, press)."""
    async with system_in(directory) as system, served(system) as (address, _, _):
        generator, listening = ScriptedGenerator(system), asyncio.Event()

        async def work() -> None:
            while True:
                press = await generator.presses.get()
                await answer(generator, press.session_id, press.event_id)  # type: ignore[misc]

        async with background(generator.receive_presses(listening), work()), Client(f"http://{address}") as client:
            await listening.wait()
            yield client


def seconds() -> Callable[[], float]:
    """Return a clock that goes on by a second whenever it is read."""
    ticks: Iterator[int] = count()
    return lambda: float(next(ticks))


async def test_an_answer_is_the_page_with_its_receipt_and_times(tmp_path: Path):
    """A press is made with its words at its locus; the first text and the page are timed from there."""

    async def write(generator: ScriptedGenerator, journey: str, press: str) -> None:
        await generator.publish_delta(journey, press, "", 0)
        await generator.publish_delta(journey, press, "It was", 0)
        await generator.publish_delta(journey, press, " late.", 6)
        await generator.answer(journey, press, text="It was late.")

    async with answering(tmp_path, write) as client:
        answer = await press_once(client, PRESS, patience=30, clock=seconds())
    assert (answer.number, answer.symbol_code, answer.locus, answer.words) == (3, 0x12, "S02-P0004", "Who is there?")
    assert (answer.text, answer.failed) == ("It was late.", "")
    assert (answer.first_text, answer.seconds) == (1.0, 2.0)
    assert answer.receipt["receipt_id"]
    assert answer.validation["passed"] in {True, False}


async def test_a_failed_run_is_an_answer_without_a_page(tmp_path: Path):
    async with answering(
        tmp_path, lambda generator, journey, press: generator.answer(journey, press, fault=FAULT)
    ) as c:
        answer = await press_once(c, PRESS, patience=30, clock=seconds())
    assert (answer.failed, answer.text, answer.seconds) == ("model_empty: It said nothing.", "", None)


async def test_a_press_that_nobody_answers_fails_after_its_patience(tmp_path: Path):
    async def ignore(generator: ScriptedGenerator, journey: str, press: str) -> None: ...

    async with answering(tmp_path, ignore) as client:
        answer = await press_once(client, PRESS, patience=0.05, clock=seconds())
    assert answer.failed == "There was no outcome within 0.05 s."


async def test_a_writer_that_only_fails_is_given_up(tmp_path: Path):
    """After eight presses in a row without a page no more are made; those answers are handed on."""
    presses = [ScheduledPress(number, 0, "S01-P0001") for number in range(30)]
    taken: list[Answer] = []
    async with answering(
        tmp_path, lambda generator, journey, press: generator.answer(journey, press, fault=FAULT)
    ) as c:
        with pytest.raises(WriterFailing, match="It said nothing"):
            await press_all(c, presses, taken.append, at_once=2, patience=30, clock=seconds())
    assert FAILURES_IN_A_ROW <= len(taken) <= FAILURES_IN_A_ROW + 1


async def test_presses_are_made_so_many_at_a_time(tmp_path: Path):
    """Every press is answered once, and never more at once than was allowed."""
    presses = [ScheduledPress(number, number, "S01-P0001") for number in range(7)]
    taken: list[Answer] = []
    most = 0

    async def write(generator: ScriptedGenerator, journey: str, press: str) -> None:
        nonlocal most
        most = max(most, 1 + generator.presses.qsize())
        await generator.answer(journey, press)

    async with answering(tmp_path, write) as client:
        await press_all(client, presses, taken.append, at_once=3, patience=30, clock=seconds())
    assert sorted(answer.number for answer in taken) == list(range(7))
    assert 0 < most <= 3


async def test_a_gateway_with_another_book_is_refused(tmp_path: Path):
    """A gateway elsewhere must serve the edition: with the whole book it has learnt from the judge's half."""
    writer = parse_writer("url=http://127.0.0.1:1 as=there", {})
    async with answering(tmp_path, lambda generator, journey, press: generator.answer(journey, press)) as client:
        ring = (await client.canon()).ring
        served_pages = [await client.page(page.page_id) for page in ring]
        book = own_book()
        pages = tuple(
            replace(book.pages[0], page_id=page.page_id, section=page.section, page_num=number, text=page.text)
            for number, page in enumerate(served_pages, start=1)
        )
        loci = [page.page_id for page in pages[::5]]
        await check_edition(client, writer, replace(book, pages=pages), loci)
        changed = tuple(replace(page, text=f"Not {page.text}") for page in pages)
        for other in (book.pages, pages[:-1], changed):
            with pytest.raises(InvalidInput, match="another book than the edition"):
                await check_edition(client, writer, replace(book, pages=other), [other[0].page_id, other[4].page_id])
