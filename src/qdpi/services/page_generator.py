"""The page generator: answers each request of a journey exactly once, in order.

It reads the journey's state, has the program decide and write, commits the outcome, and derives the rest from it.
Where an outcome exists already, it does not call the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import structlog

from qdpi.bus.middleware.retry import GiveUp
from qdpi.bus.port import Record
from qdpi.bus.publisher import Publisher
from qdpi.canon.edition import Edition
from qdpi.canon.editions import Editions, find_locus
from qdpi.errors import (
    InvalidInput,
    MalformedEvent,
    ModelBusy,
    ModelFailed,
    NoBook,
    RunStopped,
    Unavailable,
    UnknownPage,
)
from qdpi.events import PageDone, PageRequest, Phase, decode, fault_of
from qdpi.ids import page_id
from qdpi.journey import JourneyState
from qdpi.language.port import LanguageModel
from qdpi.observability.metrics import Metrics
from qdpi.outcome import Outcome
from qdpi.page_schema import Page, PageStatus, Reading
from qdpi.policy import MAX_BRANCH_DEPTH
from qdpi.program import STOPPED, QDPIProgram
from qdpi.program.brief import Brief, ReaderPage
from qdpi.program.draft import Draft, RunInput
from qdpi.program.result import CompletedRun, conclude, fail
from qdpi.retry import Backoff, retry_while_unavailable
from qdpi.search.analysis import EXTRACTOR_VERSION
from qdpi.services.deltas import DeltaStream
from qdpi.services.enricher import ASK_USER
from qdpi.services.projector import derive, project, publish
from qdpi.services.stops import Stops
from qdpi.services.workers import ServiceWorker, consume
from qdpi.store.ports import Answered, Committed, Moved, PageStore
from qdpi.symbols import Profile, Source, encode_symbol, profile_of
from qdpi.system import System
from qdpi.topology import PAGE_GENERATOR

_ENDING: Final = (InvalidInput, ModelFailed, NoBook, RunStopped, UnknownPage)
"""Errors that end a run as failed."""

T = TypeVar("T")

READER_PAGES: Final = 12
"""How many of the newest saved pages, and of the journey's own, a run may draw on."""
log = structlog.get_logger()


class PageGenerator:
    """Answers requests.

    `slots` bounds the model calls in flight over all journeys; `retries` is how often a failed model call is tried
    again; `wait` is how long a press waits for a busy model's server in all, in seconds; `pace` is the least time
    between two deltas of a run, in seconds; `shown` returns a journey's name in logs; `redact` hides secrets in the
    text of an error.
    """

    def __init__(
        self,
        store: PageStore,
        editions: Editions,
        publisher: Publisher,
        program: QDPIProgram,
        stops: Stops,
        *,
        now: Callable[[], datetime],
        metrics: Metrics,
        backoff: Backoff,
        slots: asyncio.Semaphore,
        retries: int,
        wait: float,
        pace: float,
        shown: Callable[[str], str],
        redact: Callable[[str], str],
    ) -> None:
        self._store, self._editions, self._publisher, self._program = store, editions, publisher, program
        self._stops, self._now, self._metrics, self._backoff = stops, now, metrics, backoff
        self._slots, self._retries, self._wait, self._pace, self._shown, self._redact = (
            slots,
            retries,
            wait,
            pace,
            shown,
            redact,
        )

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
            ending = partial(self._run, request, deltas=deltas, refused=refused, attempts=attempts)
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

    async def _run(
        self,
        request: PageRequest,
        last: Outcome | None,
        *,
        deltas: DeltaStream,
        refused: Exception | None,
        attempts: int,
    ) -> Outcome:
        state, draft = last.state if last else JourneyState(), Draft(attempts=attempts)
        if fault := fault_of(refused, self._redact) if refused else request.error:
            return fail(request, state, fault, self._at(request, last), draft)
        try:
            written = await self._write(request, state, draft, deltas)
            return conclude(request, state, written, self._at(request, last))
        except _ENDING as ending:
            return fail(request, state, fault_of(ending, self._redact), self._at(request, last), draft)

    async def _write(
        self, request: PageRequest, state: JourneyState, draft: Draft, deltas: DeltaStream
    ) -> CompletedRun:
        deltas.claim_ahead()
        run = await self._prepared(request, state)
        began = asyncio.get_running_loop().time()
        brief = self._program.prepare(run)
        draft.milliseconds["prepare"] = round((asyncio.get_running_loop().time() - began) * 1000, 3)
        self._metrics.readings.labels("kept" if brief.kept else "computed").inc()
        status = await self._draft(request, run, brief, draft, deltas)
        if draft.validation is None:  # a page that was stopped is measured when it is finished
            await self._program.learn(run)
        began = asyncio.get_running_loop().time()
        page = self._program.finish(run, brief, draft)
        draft.milliseconds["bind"] = round((asyncio.get_running_loop().time() - began) * 1000, 3)
        return CompletedRun(run, brief, draft, page, status, self._program.model.name, self._program.model.file)

    async def _prepared(self, request: PageRequest, state: JourneyState) -> RunInput:
        edition = await self._edition(request)
        wanted = request.page_id or state.position or edition.ring.first
        pressed = await find_locus(edition, self._store, wanted, request.session_id)
        symbol = request.symbol_code
        if symbol is None:
            symbol = encode_symbol(pressed.char_hex, ASK_USER)
        return RunInput(
            page_id=page_id(request.request_id),
            symbol_code=symbol,
            pressed=pressed,
            edition=edition,
            state=state,
            asked=request,
            kept=await self._kept_reading(pressed),
            reader_pages=await find_reader_pages(self._store, request.session_id, state.seq, profile_of(symbol)),
            path=await find_path(self._store, request.session_id, pressed) if self._program.reads_path else (),
        )

    async def _edition(self, request: PageRequest) -> Edition:
        if request.canon_revision is None:
            return await self._editions.current()
        return await self._editions.edition(request.canon_revision)

    async def _kept_reading(self, page: Page) -> Reading | None:
        if page.is_canon:
            return None
        key = (page.page_id, page.revision)
        row = (await self._store.readings([key], EXTRACTOR_VERSION)).get(key)
        return Reading.from_dict(row.reading) if row else None

    async def _draft(
        self, request: PageRequest, run: RunInput, brief: Brief, draft: Draft, deltas: DeltaStream
    ) -> PageStatus:
        """Fill the draft until it is complete or its reader stops it. Raises `ModelFailed` or `RunStopped`."""
        writing = asyncio.ensure_future(self._attempts(run, brief, draft, deltas))
        stopping = asyncio.ensure_future(self._stops.stopped(request.session_id, request.press_id))
        try:
            await asyncio.wait({writing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, stopping):
                task.cancel()
            await asyncio.gather(writing, stopping, return_exceptions=True)
        if not writing.cancelled():
            writing.result()
            return PageStatus.COMPLETE
        if not draft.text.strip():
            raise RunStopped("The run was stopped before it had any text.")
        return PageStatus.STOPPED

    async def _attempts(self, run: RunInput, brief: Brief, draft: Draft, deltas: DeltaStream) -> None:
        clock = asyncio.get_running_loop().time
        failures, patience_ends = 0, 0.0
        while True:
            try:
                async with self._slots:
                    await self._program.draft(run, brief, draft, deltas)
                await deltas.phase(Phase.BINDING)
            except ModelBusy as busy:
                self._note_failure(draft, busy)
                patience_ends = patience_ends or clock() + self._wait
                left = patience_ends - clock()
                if left <= 0:
                    raise
                await self._wait_for_model(min(left, busy.retry_after), deltas)
            except ModelFailed as error:
                self._note_failure(draft, error)
                failures += 1
                if not error.passing or failures > self._retries:
                    raise
                await self._backoff.wait(failures)
            else:
                return

    async def _wait_for_model(self, seconds: float, deltas: DeltaStream) -> None:
        await deltas.waiting(self._now() + timedelta(seconds=seconds))
        await asyncio.sleep(seconds)

    def _note_failure(self, draft: Draft, error: ModelFailed) -> None:
        cause = fault_of(error, self._redact).detail
        self._metrics.model_calls.labels(self._program.model.name, "any", error.code).inc()
        draft.failures.append(cause)
        log.warning("page_generator.model_failed", attempt=len(draft.failures), cause=cause)

    def _at(self, request: PageRequest, last: Outcome | None) -> datetime:
        """Return an outcome's time: later than its cause's and the journey's last one's, even if the clock went back.

        So the times along a journey are in the order of its outcomes.
        """
        earliest = max(last.at + timedelta(microseconds=1), request.ts) if last else request.ts
        return max(self._now(), earliest)

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

    `program` writes the pages where it is given, else a program over `model`.
    """
    settings = system.settings
    stops = Stops(system.bus, system.backoff)
    service = PageGenerator(
        system.store,
        system.editions,
        system.publisher,
        program or QDPIProgram(model=model, timeout=settings.model_timeout),
        stops,
        now=system.now,
        metrics=system.metrics,
        backoff=system.backoff,
        slots=asyncio.Semaphore(settings.concurrency),
        retries=settings.model_retries,
        wait=settings.model_wait,
        pace=settings.delta_pace,
        shown=system.journey_label,
        redact=settings.redact,
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


async def find_path(store: PageStore, session_id: str, page: Page) -> list[Page]:
    """Return the reader's written pages between the ring and a page, the oldest first; none for a page of the canon.

    A page that is no longer there ends the way: what is before it is not known.
    """
    path: list[Page] = []
    for _ in range(MAX_BRANCH_DEPTH):
        if page.placement is None or page.placement.depth <= 1:
            break
        before = await store.page(page.placement.locus)
        if before is None or before.is_canon or not before.is_open_to(session_id):
            break
        path.insert(0, before)
        page = before
    return path


async def find_reader_pages(store: PageStore, session_id: str, head: int, profile: Profile) -> list[ReaderPage]:
    """Return the pages that a profile may draw on, the oldest first; none where it reads none.

    `head` is the journey's seq so far. Another reader's page is never among them, whatever a vault says.
    """
    found: list[ReaderPage] = []
    if Source.VAULT in profile.sources:
        entries = (await store.vault(session_id))[-READER_PAGES:]
        pages = await asyncio.gather(*(store.page(entry.page_id) for entry in entries))
        own = [page for page in pages if page and page.is_open_to(session_id)]
        found += [ReaderPage(Source.VAULT, page) for page in own]
    if Source.JOURNEY in profile.sources:
        outcomes = await store.outcomes(session_id, after=max(0, head - READER_PAGES))
        found += [ReaderPage(Source.JOURNEY, outcome.page) for outcome in outcomes if outcome.page]
    return found
