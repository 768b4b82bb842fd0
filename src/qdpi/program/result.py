"""How a run ends: the outcome of a page, and the outcome of a failure. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from qdpi.canon.revision import signals_of
from qdpi.events import Fault, PageDone, PageFailed, PageRequest, fault_of
from qdpi.ids import derived_id
from qdpi.journey import JourneyState, fold
from qdpi.outcome import Outcome
from qdpi.page_schema import Page, PageStatus, Receipt
from qdpi.policy import POLICY_VERSION, locus_terms
from qdpi.program import PROGRAM_VERSION
from qdpi.program.brief import Brief
from qdpi.program.draft import Draft, FinishedPage, RunInput
from qdpi.search.analysis import EXTRACTOR_VERSION
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES, decode_symbol

LONGEST_FAULT: Final = 16_000
"""Characters of a fault as JSON, above which it is cut."""


@dataclass(frozen=True, slots=True)
class CompletedRun:
    """A run that came to a page: what it was given, told and drafted, and what came of it."""

    run: RunInput
    brief: Brief
    draft: Draft
    page: FinishedPage
    status: PageStatus
    model: str


def conclude(request: PageRequest, state: JourneyState, written: CompletedRun, at: datetime) -> Outcome:
    """Return the outcome of a page that was written, as the journey's next."""
    receipt = _receipt(request, written.draft).model_copy(
        update={
            "canon_revision": written.run.edition.revision.revision,
            "model": written.model,
            "profile": written.brief.profile.code,
            "plan": written.draft.plan,
            "policy": written.brief.verdict,
            "locus_reading": "kept" if written.brief.kept else "computed",
            "sources": tuple(source.use for source in written.brief.sources),
            "validation": written.page.validation,
        }
    )
    event = _done(request, state.seq + 1, written, receipt.receipt_id, at)
    return Outcome(
        event=event,
        page=_page(event, written),
        reading=written.page.reading,
        receipt=receipt,
        state=fold(state, event),
        request=request,
    )


def fail(request: PageRequest, state: JourneyState, error: Exception | Fault, at: datetime, draft: Draft) -> Outcome:
    """Return the outcome of a run that ended without a page, as the journey's next."""
    fault = _short(error if isinstance(error, Fault) else fault_of(error))
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
    )
    receipt = _receipt(request, draft)
    return Outcome(event=event, receipt=receipt, state=fold(state, event), request=request)


def _short(fault: Fault) -> Fault:
    """Return a fault that fits its event: whoever made the request may have said anything in it."""
    if len(fault.model_dump_json()) <= LONGEST_FAULT:
        return fault
    code, detail, next_step = (text[: LONGEST_FAULT // 8] for text in (fault.code, fault.detail, fault.next_step))
    return Fault(code=code, detail=detail, next_step=next_step)


def _receipt(request: PageRequest, draft: Draft) -> Receipt:
    return Receipt(
        receipt_id=derived_id("receipt", request.request_id),
        press_id=request.press_id,
        request_id=request.request_id,
        program_version=PROGRAM_VERSION,
        policy_version=POLICY_VERSION,
        extractor_version=EXTRACTOR_VERSION,
        canon_revision=request.canon_revision,
        calls=tuple(draft.calls),
        attempts=draft.attempts,
        failures=tuple(draft.failures),
        milliseconds=draft.milliseconds,
    )


def _done(request: PageRequest, seq: int, written: CompletedRun, receipt_id: str, at: datetime) -> PageDone:
    binding, brief = written.page.binding, written.brief
    character, _ = decode_symbol(written.run.symbol_code)
    return PageDone(
        event_id=derived_id("outcome", request.request_id),
        ts=at,
        session_id=request.session_id,
        cause_id=request.event_id,
        press_id=request.press_id,
        request_id=request.request_id,
        seq=seq,
        attempt=written.draft.attempts,
        page_id=written.run.page_id,
        character=CHARACTER_NAMES[character],
        character_id=CHARACTER_MAP[character],
        symbol_code=written.run.symbol_code,
        section=binding.section,
        title=written.page.title,
        trajectory=brief.verdict.given,
        locus=brief.standing.pressed,
        anchor=binding.placement.anchor,
        anchor_section=binding.placement.anchor_section,
        depth=binding.placement.depth,
        branch_id=binding.placement.branch_id,
        return_to=binding.return_to,
        text=written.page.text,
        edges=binding.edges,
        validation=written.page.validation,
        status=written.status,
        model=written.model,
        policy=brief.verdict,
        receipt_id=receipt_id,
        locus_terms=locus_terms(brief.reading),
    )


def _page(event: PageDone, written: CompletedRun) -> Page:
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
        signals=signals_of(written.page.reading),
        validation=event.validation,
        placement=written.page.binding.placement,
        canon_revision=written.run.edition.revision.revision,
        model=event.model,
        receipt_id=event.receipt_id,
        session_id=event.session_id,
        seq=event.seq,
    )
