"""Pressing through a gateway: each press on a journey of its own, with the times that a reader sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from qdpi.client import Client
from qdpi.client.stream import Frame
from qdpi.concurrency import map_concurrently
from qdpi.errors import QdpiError
from qdpi.evaluation.answers import Answer
from qdpi.evaluation.schedule import ScheduledPress
from qdpi.events import PageDelta, PageDone, PageFailed

FAILURES_IN_A_ROW: Final = 8
"""After so many presses in a row without a page the writer is given up."""


class WriterFailing(QdpiError):
    """A writer gave no page for many presses in a row."""

    code = "writer_failing"
    default_next_step = "`qdpi doctor` checks the model. The same command then goes on with the presses that are left."


async def press_all(
    client: Client,
    presses: Sequence[ScheduledPress],
    take: Callable[[Answer], None],
    *,
    at_once: int,
    patience: float,
    clock: Callable[[], float],
) -> None:
    """Make presses, `at_once` at a time, and hand each answer on as it comes.

    A press without an outcome after `patience` seconds counts as failed. Raises `WriterFailing`, and what the gateway
    refuses.
    """
    failing = _Failing()

    async def answer(scheduled: ScheduledPress) -> None:
        given = await press_once(client, scheduled, patience=patience, clock=clock)
        take(given)
        failing.count(given)

    await map_concurrently(answer, presses, at_once)


class _Failing:
    """Counts answers without a page, and raises when too many come in a row."""

    def __init__(self) -> None:
        self._row = 0

    def count(self, answer: Answer) -> None:
        self._row = self._row + 1 if answer.failed else 0
        if self._row >= FAILURES_IN_A_ROW:
            raise WriterFailing(f"The last {self._row} presses gave no page. {answer.failed}")


async def press_once(
    client: Client, scheduled: ScheduledPress, *, patience: float, clock: Callable[[], float]
) -> Answer:
    """Press on a new journey and return the answer."""
    answer = Answer(
        number=scheduled.number, symbol_code=scheduled.symbol_code, locus=scheduled.locus, words=scheduled.words
    )
    session = (await client.session()).session_id
    try:
        async with asyncio.timeout(patience), aclosing(client.stream(session, after=0)) as frames:
            return await _outcome(client, session, frames, answer, clock)
    except TimeoutError:
        return replace(answer, failed=f"There was no outcome within {patience:g} s.")


async def _outcome(
    client: Client, session: str, frames: AsyncGenerator[Frame], answer: Answer, clock: Callable[[], float]
) -> Answer:
    await anext(frames)  # the greeting: from here on nothing is missed
    began, first = clock(), None
    await client.press(session, answer.symbol_code, page_id=answer.locus, user_intent=answer.words or None)
    async for frame in frames:
        if isinstance(frame, PageDelta) and frame.text and first is None:
            first = clock() - began
        elif isinstance(frame, PageFailed):
            return replace(answer, failed=f"{frame.error.code}: {frame.error.detail}")
        elif isinstance(frame, PageDone):
            seconds = clock() - began
            receipt = await client.receipt(frame.page_id, session_id=session)
            return replace(
                answer,
                text=frame.text,
                model=frame.model,
                trajectory=frame.trajectory.value,
                return_to=frame.return_to,
                edges=frame.edges.model_dump(mode="json"),
                validation=frame.validation.model_dump(mode="json"),
                receipt=receipt.model_dump(mode="json"),
                first_text=_rounded(first),
                seconds=_rounded(seconds),
            )
    raise AssertionError("a stream has no end")


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
