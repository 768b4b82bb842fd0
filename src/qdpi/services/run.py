"""A run: from a request and its journey so far to its outcome. It reads, calls the model, and stores nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from qdpi.canon.edition import Edition
from qdpi.canon.editions import Editions, find_locus
from qdpi.errors import InvalidInput, ModelBusy, ModelFailed, NoBook, RunStopped, UnknownPage
from qdpi.events import PageRequest, Phase, fault_of
from qdpi.ids import page_id
from qdpi.journey import JourneyState
from qdpi.language.port import LanguageModel
from qdpi.observability.metrics import Metrics
from qdpi.outcome import Outcome
from qdpi.page_schema import Page, PageStatus, Reading
from qdpi.program import OnPrompt, QDPIProgram
from qdpi.program.brief import Brief, ReaderPage
from qdpi.program.draft import Draft, RunInput, RunProgress
from qdpi.program.result import CompletedRun, conclude, fail
from qdpi.program.saved import read_program
from qdpi.retry import Backoff
from qdpi.search.analysis import EXTRACTOR_VERSION
from qdpi.services.enricher import ASK_USER
from qdpi.settings import Settings
from qdpi.store.ports import RunReads
from qdpi.symbols import Profile, Source, encode_symbol, profile_of
from qdpi.system import System

_ENDING: Final = (InvalidInput, ModelFailed, NoBook, RunStopped, UnknownPage)
"""Errors that end a run as failed."""

READER_PAGES: Final = 12
"""How many of the newest saved pages, and of the journey's own, a run may draw on."""
log = structlog.get_logger()


class StopSignal(Protocol):
    """Where a run learns that its reader stops it."""

    async def stopped(self, session_id: str, press_id: str) -> None:
        """Return once a press is stopped."""


class AttemptProgress(RunProgress, Protocol):
    """The progress of a run, with its attempts and what it waits for."""

    def claim_ahead(self) -> None:
        """Start to claim the next attempt's number, so that `begin` need not wait for it."""

    async def waiting(self, until: datetime) -> None:
        """Report that the run waits for its model's server."""


class Runner:
    """Makes the outcome of a request.

    `slots` bounds the model calls in flight over all journeys; `retries` is how often a failed model call is tried
    again; `wait` is how long a press waits for a busy model's server in all, in seconds; `redact` hides secrets in the
    text of an error.
    """

    def __init__(
        self,
        reads: RunReads,
        editions: Editions,
        program: QDPIProgram,
        stops: StopSignal,
        *,
        now: Callable[[], datetime],
        metrics: Metrics,
        backoff: Backoff,
        slots: asyncio.Semaphore,
        retries: int,
        wait: float,
        redact: Callable[[str], str],
    ) -> None:
        self._reads, self._editions, self._program, self._stops = reads, editions, program, stops
        self._now, self._metrics, self._backoff = now, metrics, backoff
        self._slots, self._retries, self._wait, self._redact = slots, retries, wait, redact

    async def run(
        self,
        request: PageRequest,
        last: Outcome | None,
        progress: AttemptProgress,
        *,
        refused: Exception | None = None,
        attempts: int = 0,
    ) -> Outcome:
        """Return a request's outcome, the next after `last`: a page, or why there is none.

        With `refused` it is that failure, after `attempts` attempts, and nothing is written.
        """
        state, draft = last.state if last else JourneyState(), Draft(attempts=attempts, program=self._program.saved)
        if fault := fault_of(refused, self._redact) if refused else request.error:
            return fail(request, state, fault, self._at(request, last), draft, self._program.limits.version)
        try:
            written = await self._write(request, state, draft, progress)
            return conclude(request, state, written, self._at(request, last))
        except _ENDING as ending:
            fault = fault_of(ending, self._redact)
            return fail(request, state, fault, self._at(request, last), draft, self._program.limits.version)

    async def _write(
        self, request: PageRequest, state: JourneyState, draft: Draft, progress: AttemptProgress
    ) -> CompletedRun:
        progress.claim_ahead()
        run = await self._prepared(request, state)
        began = asyncio.get_running_loop().time()
        brief = self._program.prepare(run)
        draft.milliseconds["prepare"] = round((asyncio.get_running_loop().time() - began) * 1000, 3)
        self._metrics.readings.labels("kept" if brief.kept else "computed").inc()
        status = await self._draft(request, run, brief, draft, progress)
        if draft.validation is None:  # a page that was stopped is measured when it is finished
            await self._program.learn(run)
        began = asyncio.get_running_loop().time()
        page = self._program.finish(run, brief, draft)
        draft.milliseconds["bind"] = round((asyncio.get_running_loop().time() - began) * 1000, 3)
        return CompletedRun(run, brief, draft, page, status, self._program.model.name, self._program.model.file)

    async def _prepared(self, request: PageRequest, state: JourneyState) -> RunInput:
        edition = await self._edition(request)
        wanted = request.page_id or state.position or edition.ring.first
        pressed = await find_locus(edition, self._reads, wanted, request.session_id)
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
            reader_pages=await find_reader_pages(self._reads, request.session_id, state.seq, profile_of(symbol)),
            path=await self._path(request.session_id, pressed),
        )

    async def _path(self, session_id: str, pressed: Page) -> list[Page]:
        if not self._program.reads_path:
            return []
        return await find_path(self._reads, session_id, pressed, self._program.limits.max_branch_depth)

    async def _edition(self, request: PageRequest) -> Edition:
        if request.canon_revision is None:
            return await self._editions.current()
        return await self._editions.edition(request.canon_revision)

    async def _kept_reading(self, page: Page) -> Reading | None:
        if page.is_canon:
            return None
        key = (page.page_id, page.revision)
        row = (await self._reads.readings([key], EXTRACTOR_VERSION)).get(key)
        return Reading.from_dict(row.reading) if row else None

    async def _draft(
        self, request: PageRequest, run: RunInput, brief: Brief, draft: Draft, progress: AttemptProgress
    ) -> PageStatus:
        """Fill the draft until it is complete or its reader stops it. Raises `ModelFailed` or `RunStopped`."""
        writing = asyncio.ensure_future(self._attempts(run, brief, draft, progress))
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

    async def _attempts(self, run: RunInput, brief: Brief, draft: Draft, progress: AttemptProgress) -> None:
        clock = asyncio.get_running_loop().time
        failures, patience_ends = 0, 0.0
        while True:
            try:
                async with self._slots:
                    await self._program.draft(run, brief, draft, progress)
                await progress.phase(Phase.BINDING)
            except ModelBusy as busy:
                self._note_failure(draft, busy)
                patience_ends = patience_ends or clock() + self._wait
                left = patience_ends - clock()
                if left <= 0:
                    raise
                await self._wait_for_model(min(left, busy.retry_after), progress)
            except ModelFailed as error:
                self._note_failure(draft, error)
                failures += 1
                if not error.passing or failures > self._retries:
                    raise
                await self._backoff.wait(failures)
            else:
                return

    async def _wait_for_model(self, seconds: float, progress: AttemptProgress) -> None:
        await progress.waiting(self._now() + timedelta(seconds=seconds))
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


def build_program(
    settings: Settings, model: LanguageModel, edition: Edition | None = None, on_prompt: OnPrompt | None = None
) -> QDPIProgram:
    """Return the program that the settings name, over a model. Raises `InvalidSetting`."""
    program = QDPIProgram(edition, model, timeout=settings.model_timeout, on_prompt=on_prompt)
    return program.take(read_program(settings.program)) if settings.program else program


def build_runner(system: System, program: QDPIProgram, stops: StopSignal, *, reads: RunReads | None = None) -> Runner:
    """Return the runner of a system, which reads its store unless `reads` are given."""
    settings = system.settings
    return Runner(
        reads or system.store,
        system.editions,
        program,
        stops,
        now=system.now,
        metrics=system.metrics,
        backoff=system.backoff,
        slots=asyncio.Semaphore(settings.concurrency),
        retries=settings.model_retries,
        wait=settings.model_wait,
        redact=settings.redact,
    )


async def find_path(store: RunReads, session_id: str, page: Page, most: int) -> list[Page]:
    """Return the reader's written pages between the ring and a page, the oldest first; none for a page of the canon.

    At most `most` pages. A page that is no longer there ends the way: what is before it is not known.
    """
    path: list[Page] = []
    for _ in range(most):
        if page.placement is None or page.placement.depth <= 1:
            break
        before = await store.page(page.placement.locus)
        if before is None or before.is_canon or not before.is_open_to(session_id):
            break
        path.insert(0, before)
        page = before
    return path


async def find_reader_pages(store: RunReads, session_id: str, head: int, profile: Profile) -> list[ReaderPage]:
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
