"""The page generator: answers each request of a journey exactly once, in order.

It reads the journey's state, has the program decide and write, commits the outcome, and derives the rest from it.
Where an outcome exists already, it does not call the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog

from qdpi.bus.middleware.retry import GiveUp
from qdpi.bus.port import Record
from qdpi.bus.publisher import Publisher
from qdpi.errors import MalformedEvent, Unavailable
from qdpi.events import PageDone, PageRequest, decode
from qdpi.language.port import LanguageModel
from qdpi.observability.metrics import Metrics
from qdpi.outcome import Outcome
from qdpi.program import STOPPED, QDPIProgram
from qdpi.retry import Backoff, retry_while_unavailable
from qdpi.services.deltas import DeltaStream
from qdpi.services.projector import derive, project, publish
from qdpi.services.run import Runner, build_program, build_runner
from qdpi.services.stops import Stops
from qdpi.services.workers import ServiceWorker, consume
from qdpi.store.ports import Answered, Committed, Moved, PageStore
from qdpi.system import System
from qdpi.topology import PAGE_GENERATOR

T = TypeVar("T")

log = structlog.get_logger()


class PageGenerator:
    """Answers requests.

    `pace` is the least time between two deltas of a run, in seconds; `shown` returns a journey's name in logs.
    """

    def __init__(
        self,
        store: PageStore,
        publisher: Publisher,
        runner: Runner,
        *,
        now: Callable[[], datetime],
        metrics: Metrics,
        backoff: Backoff,
        pace: float,
        shown: Callable[[str], str],
    ) -> None:
        self._store, self._publisher, self._runner = store, publisher, runner
        self._now, self._metrics, self._backoff = now, metrics, backoff
        self._pace, self._shown = pace, shown

    async def __call__(self, record: Record) -> None:
        """Handle a record of `gibsey.generate.page.request`."""
        request = decode(PageRequest, record.value)
        with structlog.contextvars.bound_contextvars(
            journey=self._shown(request.session_id), press_id=request.press_id, request_id=request.request_id
        ):
            await self.answer(request)

    def refuse_or(self, dead_letter: GiveUp) -> GiveUp:
        """Return what ends a record that cannot be handled: a failed outcome where its request can be read."""

        async def give_up(record: Record, error: Exception, attempts: int) -> None:
            try:
                request = decode(PageRequest, record.value)
            except MalformedEvent:
                await dead_letter(record, error, attempts)
            else:
                await self.answer(request, refused=error, attempts=attempts)

        return give_up

    async def answer(self, request: PageRequest, *, refused: Exception | None = None, attempts: int = 0) -> None:
        """Commit the outcome of a request, or find the one committed before, and derive everything from it.

        With `refused` the outcome is that failure, after `attempts` attempts, without another run.
        """
        known, last = await asyncio.gather(
            self._store.outcome(request.session_id, request.request_id), self._store.last_outcome(request.session_id)
        )
        if known is not None:
            self._metrics.adopted.inc()
            await self._retry(lambda: derive(known, self._store, self._publisher))
            return
        async with self._deltas(request) as deltas:
            ending = partial(self._runner.run, request, progress=deltas, refused=refused, attempts=attempts)
            outcome = await self._conclude(request, last, ending)
            # Publish the last deltas while the projections are written, and before the outcome is published.
            await deltas.end()
            await self._retry(lambda: project(outcome, self._store))
        await self._retry(lambda: publish(outcome, self._publisher))

    def _deltas(self, request: PageRequest) -> DeltaStream:
        return DeltaStream(request, self._store, self._publisher, now=self._now, metrics=self._metrics, pace=self._pace)

    async def _conclude(
        self, request: PageRequest, last: Outcome | None, end: Callable[[Outcome | None], Awaitable[Outcome]]
    ) -> Outcome:
        # If the journey has moved on meanwhile, read its state again and decide everything again.
        while True:
            outcome = await end(last)
            head = outcome.seq - 1
            answer = await self._commit(outcome, head)
            if isinstance(answer, Committed):
                self._count(request, outcome)
                return outcome
            if isinstance(answer, Answered):
                self._metrics.adopted.inc()
                return answer.outcome
            log.info("page_generator.journey_moved", seq=head, head=answer.head)
            last = await self._store.last_outcome(request.session_id)

    async def _commit(self, outcome: Outcome, head: int) -> Committed | Answered | Moved:
        session_id, request_id = outcome.session_id, outcome.request_id
        return await self._retry(lambda: self._store.commit_outcome(session_id, request_id, head, outcome))

    async def _retry(self, work: Callable[[], Awaitable[T]]) -> T:
        return await retry_while_unavailable(work, self._backoff, on_wait=self._log_wait)

    def _log_wait(self, error: Unavailable, tries: int) -> None:
        log.warning("page_generator.dependency_unavailable", tries=tries, cause=error.detail)

    def _count(self, request: PageRequest, outcome: Outcome) -> None:
        event, metrics = outcome.event, self._metrics
        trajectory = event.trajectory.value if isinstance(event, PageDone) else ""
        metrics.outcomes.labels(event.topic.rpartition(".")[2], trajectory).inc()
        metrics.press_seconds.observe(max(0.0, (outcome.at - request.ts).total_seconds()))
        for call in outcome.receipt.calls:
            result = STOPPED if call.finish_reason == STOPPED else "ok"
            metrics.model_calls.labels(call.model, call.phase, result).inc()
            metrics.tokens.labels(call.model, "prompt").inc(call.prompt_tokens or 0)
            metrics.tokens.labels(call.model, "completion").inc(call.completion_tokens or 0)
        for phase, milliseconds in outcome.receipt.milliseconds.items():
            metrics.phase_seconds.labels(phase).observe(milliseconds / 1000)
        log.info(
            "run.ended", outcome=event.topic, seq=event.seq, trajectory=trajectory, attempts=outcome.receipt.attempts
        )


def build(system: System, model: LanguageModel, program: QDPIProgram | None = None) -> ServiceWorker:
    """Return the page generator's worker, which reads every stop before it takes work.

    `program` writes the pages where it is given, else the one that the settings name, over `model`.
    """
    settings = system.settings
    stops = Stops(system.bus, system.backoff)
    runner = build_runner(system, program or build_program(settings, model), stops)
    service = PageGenerator(
        system.store,
        system.publisher,
        runner,
        now=system.now,
        metrics=system.metrics,
        backoff=system.backoff,
        pace=settings.delta_pace,
        shown=system.journey_label,
    )
    worker = consume(system, PAGE_GENERATOR, service, service.refuse_or)
    work, *others = worker.loops

    async def after_stops() -> None:
        await stops.caught_up.wait()
        await work()

    def stop() -> None:
        worker.stop()
        # While the bus is unavailable the work still waits for the stops: let it begin, and end at once.
        stops.caught_up.set()

    async def warm() -> None:
        # Otherwise the first ask in words would load the vectors on the event loop, for half a second.
        await asyncio.to_thread(system.embedder.embed, [""])

    return worker._replace(loops=(after_stops, stops.run, warm, *others), stop=stop)
