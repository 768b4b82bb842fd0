"""Factories of pages, outcomes, events and rows: a test passes only the fields that it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from qdpi.events import Fault, PageDone, PageFailed, PageRequest, Press, headers_of
from qdpi.ids import derived_id, page_id, request_id
from qdpi.journey import Branch, JourneyState, fold
from qdpi.outcome import LogEntry, Outcome
from qdpi.page_schema import (
    Edges,
    ModelCall,
    Page,
    Placement,
    PolicyVerdict,
    ProgramFile,
    Receipt,
    Signals,
    Validation,
    Voice,
)
from qdpi.store.rows import CanonRevision, Embedding, IndexRow, PlaceRow, ReadingRow, Snapshot, VaultEntry
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES, Trajectory, decode_symbol, encode_symbol

BEGINNING = datetime(2026, 11, 1, 20, 15, 30, 123456, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return the time some seconds after `BEGINNING`."""
    return BEGINNING + timedelta(seconds=seconds)


def canon_id(number: int, section: int = 1) -> str:
    """Return the id of a canon page."""
    return f"S{section:02d}-P{number:04d}"


def canon_page(number: int = 1, *, section: int = 1, next_id: str | None = None, **changes: Any) -> Page:
    """Return a page of the canon."""
    fields: dict[str, Any] = {
        "page_id": canon_id(number, section),
        "symbol_code": encode_symbol(section - 1, 0),
        "section": section,
        "page_num": number,
        "title": f"Page {number}",
        "trajectory": Trajectory.CONTINUE,
        "text": f"The lamp on stair {number} was lit, and nobody had lit it.",
        "created_at": at(0),
        "author": "a test",
        "version": "1",
        "edges": Edges(next_within=next_id or canon_id(number + 1, section)),
        "signals": signals(),
        "canon_revision": 1,
    }
    return Page.model_validate(fields | changes)


def ring(pages: int, *, revision: int = 1, **changes: Any) -> list[Page]:
    """Return a closed ring of canon pages of section 1."""
    return [
        canon_page(n, next_id=canon_id(n % pages + 1), **{"canon_revision": revision, **changes})
        for n in range(1, pages + 1)
    ]


def signals(**changes: Any) -> Signals:
    """Return the signals of a page."""
    fields: dict[str, Any] = {
        "entities": ("the stair", "Ada"),
        "motifs": ("lamp",),
        "unresolved_anchors": ("who lit it?",),
        "novelty": 0.1 + 0.2,
        "coherence": 1 / 3,
    }
    return Signals.model_validate(fields | changes)


def validation(**changes: Any) -> Validation:
    """Return the validation of a page that passed the checks."""
    return Validation.model_validate({"passed": True, "style_ok": True, "continuity_score": 0.75} | changes)


def verdict(given: Trajectory = Trajectory.CONTINUE, **changes: Any) -> PolicyVerdict:
    """Return a verdict of the policy."""
    fields = {"wished": None, "given": given, "rule": "wish", "reasons": ("as wished",), "version": "1"}
    return PolicyVerdict.model_validate(fields | changes)


def press_id(session_id: str, number: int) -> str:
    """Return the id of a journey's press."""
    return derived_id("test-press", session_id, str(number))


def press(session_id: str = "reader", event_id: str = "p", seconds: float = 0, **changes: Any) -> Press:
    """Return a press."""
    fields = {"event_id": event_id, "ts": at(seconds), "session_id": session_id, "symbol_code": 0}
    return Press.model_validate(fields | changes)


def request(session_id: str = "reader", number: int = 1, **changes: Any) -> PageRequest:
    """Return the page request of a journey's press."""
    press = press_id(session_id, number)
    fields = {
        "event_id": derived_id("test-request", press),
        "ts": at(number),
        "session_id": session_id,
        "cause_id": press,
        "press_id": press,
        "request_id": request_id(press),
        "symbol_code": 0,
        "char_hex": 0,
        "behavior": 0,
        "section": 1,
        "page_id": canon_id(1),
        "canon_revision": 1,
    }
    return PageRequest.model_validate(fields | changes)


def receipt(asked: PageRequest | None = None, **changes: Any) -> Receipt:
    """Return the receipt of a run."""
    asked = asked or request()
    call = ModelCall(
        phase="receive",
        attempt=1,
        model="scripted",
        prompt_hash="a" * 64,
        output_hash="b" * 64,
        prompt_tokens=300,
        completion_tokens=120,
        finish_reason="stop",
        milliseconds=12.5,
    )
    fields = {
        "receipt_id": derived_id("receipt", asked.request_id),
        "press_id": asked.press_id,
        "request_id": asked.request_id,
        "user_intent": asked.words,
        "program_version": "1",
        "program": ProgramFile(name="small.json", sha256="c" * 64, optimizer="random-search", model="scripted"),
        "policy_version": "1",
        "extractor_version": "1",
        "canon_revision": 1,
        "model": "scripted",
        "policy": verdict(wished=asked.wish),
        "calls": (call,),
        "attempts": 1,
        "milliseconds": {"receive": 12.5},
    }
    return Receipt.model_validate(fields | changes)


def generated_page(asked: PageRequest | None = None, *, seq: int = 1, **changes: Any) -> Page:
    """Return the page of a request: a T0 page under the first canon page."""
    asked = asked or request()
    fields = {
        "page_id": page_id(asked.request_id),
        "symbol_code": asked.symbol_code or 0,
        "section": 1,
        "title": f"An answer {seq}",
        "trajectory": Trajectory.CONTINUE,
        "return_to": canon_id(2),
        "text": f"And then, for the time number {seq}, she went on.",
        "created_at": at(1_000 + seq),
        "author": "scripted",
        "version": "1",
        "edges": Edges(next_within=canon_id(2), mirrors=(canon_id(7),)),
        "signals": signals(),
        "validation": validation(),
        "placement": Placement(locus=canon_id(1), anchor=canon_id(1), anchor_section=1, depth=1),
        "canon_revision": 1,
        "model": "scripted",
        "receipt_id": derived_id("receipt", asked.request_id),
        "user_intent": asked.words,
        "session_id": asked.session_id,
        "seq": seq,
    }
    return Page.model_validate(fields | changes)


def done(page: Page, asked: PageRequest, *, seq: int, attempt: int = 1) -> PageDone:
    """Return the event of a finished page."""
    assert page.placement is not None
    assert page.return_to is not None
    character = decode_symbol(page.symbol_code)[0]
    return PageDone(
        event_id=derived_id("outcome", asked.request_id),
        ts=page.created_at,
        session_id=asked.session_id,
        cause_id=asked.event_id,
        press_id=asked.press_id,
        request_id=asked.request_id,
        seq=seq,
        attempt=attempt,
        page_id=page.page_id,
        character=CHARACTER_NAMES[character],
        character_id=CHARACTER_MAP[character],
        symbol_code=page.symbol_code,
        section=page.section,
        title=page.title,
        trajectory=page.trajectory,
        locus=page.placement.locus,
        anchor=page.placement.anchor,
        anchor_section=page.placement.anchor_section,
        depth=page.placement.depth,
        branch_id=page.placement.branch_id,
        return_to=page.return_to,
        text=page.text,
        edges=page.edges,
        validation=page.validation or validation(),
        status=page.status,
        model=page.model or "scripted",
        policy=verdict(page.trajectory, wished=asked.wish),
        receipt_id=page.receipt_id or "",
        locus_terms=("lamp",),
        user_intent=page.user_intent,
    )


def failed(asked: PageRequest, *, seq: int, attempt: int = 1) -> PageFailed:
    """Return the event of a failed run."""
    return PageFailed(
        event_id=derived_id("outcome", asked.request_id),
        ts=at(1_000 + seq),
        session_id=asked.session_id,
        cause_id=asked.event_id,
        press_id=asked.press_id,
        request_id=asked.request_id,
        seq=seq,
        attempt=attempt,
        symbol_code=asked.symbol_code,
        locus=asked.page_id,
        error=Fault(code="model_failed", detail="The model gave nothing.", next_step="Press again."),
        user_intent=asked.words,
        wished=asked.wish,
    )


def outcome(
    session_id: str = "reader",
    seq: int = 1,
    *,
    number: int | None = None,
    before: JourneyState | None = None,
    fails: bool = False,
    **page_changes: Any,
) -> Outcome:
    """Return the outcome of a journey's press `number` (by default `seq`) as its outcome `seq`."""
    same: dict[str, Any] = {name: page_changes[name] for name in ("canon_revision",) if name in page_changes}
    asked = request(session_id, seq if number is None else number, **same)
    page = None if fails else generated_page(asked, seq=seq, **page_changes)
    event = done(page, asked, seq=seq) if page else failed(asked, seq=seq)
    state = fold(before or JourneyState(seq=seq - 1), event)
    same |= {"policy": event.policy} if isinstance(event, PageDone) else {}
    return Outcome(event=event, page=page, receipt=receipt(asked, **same), state=state, request=asked)


def log_row(
    session_id: str = "reader", event_id: str = "e-1", *, ts: datetime | None = None, **changes: Any
) -> LogEntry:
    """Return a row of the events log."""
    event = request(session_id, event_id=event_id, ts=ts or at(0))
    fields = {
        "session_id": session_id,
        "ts": event.ts,
        "event_id": event_id,
        "type": event.topic,
        "payload_json": event.model_dump_json(),
        "headers_json": str([name for name, _ in headers_of(event)]),
    }
    return LogEntry.model_validate(fields | changes)


def branch(section: int, pages: int, *, opened_seq: int = 1) -> Branch:
    """Return an open branch of a section."""
    return Branch(
        branch_id=derived_id("test-branch", str(section), str(opened_seq)),
        section=section,
        anchor=canon_id(1, section),
        return_to=canon_id(2, section),
        pages=pages,
        opened_seq=opened_seq,
    )


def snapshot(session_id: str = "reader", seq: int = 1, *branches: Branch, **changes: Any) -> Snapshot:
    """Return a journey's snapshot with these branches open."""
    state = JourneyState(seq=seq, position=canon_id(1), pages=seq, branches={b.branch_id: b for b in branches})
    fields = {
        "session_id": session_id,
        "seq": seq,
        "state": state,
        "last_event_ts": at(1_000 + seq),
        "cursor": derived_id("test-cursor", session_id, str(seq)),
    }
    return Snapshot.model_validate(fields | changes)


def canon_revision(revision: int = 1, pages: int = 3, **changes: Any) -> CanonRevision:
    """Return a revision of a canon with two voices."""
    voices = tuple(
        Voice(
            character=character,
            slug=CHARACTER_MAP[character],
            name=CHARACTER_NAMES[character],
            profile='Speaks in "short" lines — and doesn\'t stop.',
            color="#aa33cc",
            symbol_svg="<svg/>" if character else None,
            section_title=None if character else "The Door — in letters",
        )
        for character in (1, 0)
    )
    fields = {
        "revision": revision,
        "book_id": "a-book",
        "title": "A Book",
        "author": "a test",
        "content_hash": f"hash of {revision}",
        "pages": pages,
        "created_at": at(revision),
        "voices": voices,
        "thresholds_version": "t1",
        "thresholds": {"form": {"repeated": 0.1, "words": [60, 600]}},
    }
    return CanonRevision.model_validate(fields | changes)


def reading(page: str = "S01-P0001", revision: int = 1, extractor_version: str = "1") -> ReadingRow:
    """Return the row of a page's reading."""
    return ReadingRow(
        page_id=page,
        revision=revision,
        extractor_version=extractor_version,
        reading={"summary": f"{page} as {extractor_version} reads it", "scores": {"novelty": 1 / 3}},
    )


def embedding(page: str, vector: bytes, *, model: str = "m", revision: int = 1) -> Embedding:
    """Return a page's vector."""
    return Embedding(page_id=page, revision=revision, model=model, dim=len(vector) // 4, embedding=vector)


def index_row(page: str = "S01-P0001", **changes: Any) -> IndexRow:
    """Return a row of the index of pages."""
    fields = {
        "character_id": "an-author",
        "section": 1,
        "page_id": page,
        "title": f"Title of {page}",
        "excerpt": "The lamp…",
        "embeddings_ref": f"page_embeddings/{page}",
        "created_ts": at(5),
    }
    return IndexRow.model_validate(fields | changes)


def vault_entry(page: str = "S01-P0001", seconds: float = 1, **changes: Any) -> VaultEntry:
    """Return the vault entry of a saved page."""
    fields = {
        "session_id": "reader",
        "page_id": page,
        "saved_at": at(seconds),
        "event_id": derived_id("test-save", page, str(seconds)),
        "label": "mine",
        "notes": "read again",
    }
    return VaultEntry.model_validate(fields | changes)


def place_row(page: str = "S01-P0001", seconds: float = 1, **changes: Any) -> PlaceRow:
    """Return where a reader reads."""
    fields = {
        "session_id": "reader",
        "page_id": page,
        "seq": 0,
        "at": at(seconds),
        "event_id": derived_id("test-place", page, str(seconds)),
    }
    return PlaceRow.model_validate(fields | changes)
