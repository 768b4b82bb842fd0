"""The outcomes of a run: a page, or a failure. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from qdpi.events import Fault, PageDone, PageFailed, PageRequest
from qdpi.ids import derived_id
from qdpi.journey import JourneyState, fold
from qdpi.outcome import Outcome
from qdpi.page_schema import ModelFile, Page, PageStatus, Receipt
from qdpi.policy import POLICY_VERSION, locus_terms
from qdpi.program.brief import Brief, record_of
from qdpi.program.draft import Draft, FinishedPage, RunInput
from qdpi.program.saved import PROGRAM_VERSION
from qdpi.search.analysis import EXTRACTOR_VERSION
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES, decode_symbol

LONGEST_FAULT: Final = 16_000
"""The most characters of a fault as JSON; a longer one is cut."""


@dataclass(frozen=True, slots=True)
class CompletedRun:
    """A run that wrote a page: its input, brief and draft, and the page."""

    run: RunInput
    brief: Brief
    draft: Draft
    page: FinishedPage
    status: PageStatus
    model: str
    model_file: ModelFile | None = None


def conclude(request: PageRequest, state: JourneyState, completed: CompletedRun, at: datetime) -> Outcome:
    """Return the outcome of a completed run, the next of its journey."""
    verdict = completed.brief.verdict
    receipt = _receipt(request, completed.draft, verdict.version).model_copy(
        update={
            "canon_revision": completed.run.edition.revision.revision,
            "model": completed.model,
            "model_file": completed.model_file,
            "profile": completed.brief.profile.code,
            "plan": record_of(completed.draft.plan, completed.brief),
            "policy": verdict,
            "locus_reading": "kept" if completed.brief.kept else "computed",
            "sources": tuple(source.use for source in completed.brief.sources),
            "validation": completed.page.validation,
        }
    )
    event = _done(request, state.seq + 1, completed, receipt, at)
    return Outcome(
        event=event,
        page=_page(event, completed),
        reading=completed.page.reading,
        receipt=receipt,
        state=fold(state, event),
        request=request,
    )


def fail(
    request: PageRequest,
    state: JourneyState,
    error: Fault,
    at: datetime,
    draft: Draft,
    policy_version: str = POLICY_VERSION,
) -> Outcome:
    """Return the outcome of a run without a page, the next of its journey."""
    fault = _short(error)
    event = PageFailed(
        event_id=derived_id("outcome", request.request_id),
        ts=at,
        session_id=request.session_id,
        cause_id=request.event_id,
        press_id=request.press_id,
        request_id=request.request_id,
        seq=state.seq + 1,
        attempt=draft.attempts,
        symbol_code=request.symbol_code,
        locus=request.page_id,
        error=fault,
        user_intent=request.words,
        wished=request.wish,
    )
    receipt = _receipt(request, draft, policy_version)
    return Outcome(event=event, receipt=receipt, state=fold(state, event), request=request)


def _short(fault: Fault) -> Fault:
    """Return a fault cut to fit its event: the fault of a request has no limit."""
    if len(fault.model_dump_json()) <= LONGEST_FAULT:
        return fault
    code, detail, next_step = (text[: LONGEST_FAULT // 8] for text in (fault.code, fault.detail, fault.next_step))
    return Fault(code=code, detail=detail, next_step=next_step)


def _receipt(request: PageRequest, draft: Draft, policy_version: str) -> Receipt:
    return Receipt(
        receipt_id=derived_id("receipt", request.request_id),
        press_id=request.press_id,
        request_id=request.request_id,
        user_intent=request.words,
        program_version=PROGRAM_VERSION,
        program=draft.program,
        policy_version=policy_version,
        extractor_version=EXTRACTOR_VERSION,
        canon_revision=request.canon_revision,
        calls=tuple(draft.calls),
        attempts=draft.attempts,
        failures=tuple(draft.failures),
        milliseconds=draft.milliseconds,
    )


def _done(request: PageRequest, seq: int, completed: CompletedRun, receipt: Receipt, at: datetime) -> PageDone:
    binding, brief = completed.page.binding, completed.brief
    character, _ = decode_symbol(completed.run.symbol_code)
    return PageDone(
        event_id=derived_id("outcome", request.request_id),
        ts=at,
        session_id=request.session_id,
        cause_id=request.event_id,
        press_id=request.press_id,
        request_id=request.request_id,
        seq=seq,
        attempt=completed.draft.attempts,
        page_id=completed.run.page_id,
        character=CHARACTER_NAMES[character],
        character_id=CHARACTER_MAP[character],
        symbol_code=completed.run.symbol_code,
        section=binding.section,
        title=completed.page.title,
        trajectory=brief.verdict.given,
        locus=brief.standing.pressed,
        anchor=binding.placement.anchor,
        anchor_section=binding.placement.anchor_section,
        depth=binding.placement.depth,
        branch_id=binding.placement.branch_id,
        return_to=binding.return_to,
        text=completed.page.text,
        edges=binding.edges,
        validation=completed.page.validation,
        status=completed.status,
        model=completed.model,
        policy=brief.verdict,
        receipt_id=receipt.receipt_id,
        locus_terms=locus_terms(brief.reading),
        user_intent=request.words,
        milliseconds=receipt.duration,
        tokens=receipt.tokens_used,
    )


def _page(event: PageDone, completed: CompletedRun) -> Page:
    return Page(
        page_id=event.page_id,
        symbol_code=event.symbol_code,
        section=event.section,
        title=event.title,
        trajectory=event.trajectory,
        return_to=event.return_to,
        text=event.text,
        created_at=event.ts,
        author=event.model,
        version=PROGRAM_VERSION,
        status=event.status,
        edges=event.edges,
        signals=completed.page.reading.signals,
        validation=event.validation,
        placement=completed.page.binding.placement,
        canon_revision=completed.run.edition.revision.revision,
        model=event.model,
        receipt_id=event.receipt_id,
        user_intent=event.user_intent,
        session_id=event.session_id,
        seq=event.seq,
    )
