"""The parts of an archive agree with each other, or it is refused with the place and the two values."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel
from tests.support import factories

from qdpi.events import Ask, Audit, Event, PageDone, Press, Stop, VaultChange
from qdpi.export.archive.facts import first_difference
from qdpi.export.archive.format import BookFacts, Manifest, book_facts
from qdpi.export.archive.verify_log import LogVerifier, event_of, headers_fault, row_fault
from qdpi.export.archive.verify_outcomes import JourneyVerifier, manifest_fault
from qdpi.ids import page_id
from qdpi.outcome import LogEntry, Outcome, log_entry
from qdpi.page_schema import Edges, Placement, SourceUse, Tokens
from qdpi.symbols import Trajectory

M = TypeVar("M", bound=BaseModel)
BOOK = book_facts(factories.canon_revision())


def page_of(seq: int) -> str:
    """Return the id of the page of the reader's press of that number."""
    return page_id(factories.request("reader", seq).request_id)


def manifest(outcomes: Sequence[Outcome], **changes: Any) -> Manifest:
    state = outcomes[-1].state
    facts: dict[str, Any] = {
        "schema_version": 1,
        "fold_version": 1,
        "session_id": "reader",
        "outcomes": state.seq,
        "pages": state.pages,
        "failures": state.failures,
        "digest": state.digest(),
        "book": BOOK,
        "canon": (BOOK,),
        "files": {},
    }
    return Manifest.model_validate(facts | changes)


def on(locus: str, depth: int, branch: str | None) -> Placement:
    return Placement(locus=locus, anchor="S01-P0001", anchor_section=1, depth=depth, branch_id=branch)


def journey() -> list[Outcome]:
    """A fork away, on within its branch, a failure, and back: every kind of page, with all that a receipt may have."""
    first = made(
        1, None, trajectory=Trajectory.FORK, edges=Edges(forks=("S03-P0007",)), placement=on("S01-P0001", 1, page_of(1))
    )
    second = made(2, first, placement=on(page_of(1), 2, page_of(1)))
    third = made(3, second, fails=True)
    back = Edges(loop_back_to="S01-P0002")
    fourth = made(4, third, trajectory=Trajectory.LOOP, edges=back, placement=on(page_of(2), 3, page_of(1)))
    return [first, second, third, fourth]


def made(seq: int, before: Outcome | None, **changes: Any) -> Outcome:
    outcome = factories.outcome("reader", seq, before=before.state if before else None, **changes)
    placed = changes.get("placement")
    if placed is None:
        return outcome
    return edited(
        outcome,
        {
            "request.page_id": placed.locus,
            "request.user_intent": "and then?",
            **{f"{part}.user_intent": "and then?" for part in ("event", "page", "receipt")},
            "receipt.validation": outcome.event.model_dump()["validation"],
            "receipt.profile": "XC",
            "receipt.sources": [SourceUse(page_id="S01-P0007", kind="ring", revision=1, score=1).model_dump()],
            "event.milliseconds": outcome.receipt.duration,
            "event.tokens": outcome.receipt.tokens_used.model_dump(),
        },
    )


def edited(value: M, changes: dict[str, Any]) -> M:
    """Return a value with parts changed, by paths such as `page.placement.depth`."""
    data = value.model_dump(mode="json")
    for path, new in changes.items():
        *way, last = path.split(".")
        at = data
        for step in way:
            at = at[step]
        at[last] = new
    return type(value).model_validate(data)


def verified(outcomes: Sequence[Outcome], **changes: Any) -> tuple[JourneyVerifier, str | None]:
    """Return a verifier that took outcomes, and the first fault with its line."""
    verifier = JourneyVerifier(manifest(outcomes, **changes))
    for number, outcome in enumerate(outcomes, start=1):
        if why := verifier.take(number, outcome):
            return verifier, f"line {number}: {why}"
    return verifier, verifier.end()


def test_journey_that_agrees_has_no_fault() -> None:
    """A journey with every kind of page agrees with itself."""
    assert verified(journey())[1] is None


EDITS: dict[str, tuple[int, dict[str, Any], str]] = {
    # the run
    "request, journey": (1, {"request.session_id": "b"}, "session_id is 'b' in its request and 'reader' in its event"),
    "receipt, press": (1, {"receipt.press_id": "b"}, "press_id is 'b' in its receipt and "),
    "event, id": (1, {"event.event_id": "b"}, "event_id is 'b' in its event and "),
    "event, cause": (1, {"event.cause_id": "b"}, "cause_id is 'b' in its event and "),
    "request, cause": (1, {"request.cause_id": "b"}, "cause_id is 'b' in its request and "),
    "receipt, id": (3, {"receipt.receipt_id": "b"}, "receipt_id is 'b' in its receipt and "),
    "attempts": (2, {"event.attempt": 9}, "attempts is 1 in its receipt and 9 in its event"),
    "revision asked for": (
        1,
        {"request.canon_revision": None, "receipt.canon_revision": None},
        "canon_revision is 1 in its page and null in its receipt",
    ),
    "words of the page": (
        2,
        {"page.user_intent": "no"},
        "user_intent is 'no' in its page and 'and then?' in its request",
    ),
    "words of the receipt": (2, {"receipt.user_intent": "no"}, "user_intent is 'no' in its receipt and 'and then?'"),
    "words of the event": (2, {"event.user_intent": "no"}, "user_intent is 'no' in its event and 'and then?'"),
    # a failure
    "failure, symbol": (3, {"event.symbol_code": 7}, "symbol_code is 7 in its event and 0 in its request"),
    "failure, locus": (
        3,
        {"event.locus": "S01-P0003"},
        "locus is 'S01-P0003' in its event and 'S01-P0001' in its request",
    ),
    "failure, wish": (3, {"event.wished": "T2"}, "wished is 'T2' in its event and null in its request"),
    # the page
    "text": (
        2,
        {"page.text": "no"},
        "text is 'And then, for the time number 2, she went on.' in its event and 'no' in its page",
    ),
    "title": (2, {"page.title": "no"}, "title is 'An answer 2' in its event and 'no' in its page"),
    "section": (2, {"page.section": 2}, "section is 1 in its event and 2 in its page"),
    "status": (2, {"page.status": "stopped"}, "status is 'complete' in its event and 'stopped' in its page"),
    "an edge": (
        2,
        {"page.edges.mirrors": ["S01-P0009"]},
        "edges.mirrors[0] is 'S01-P0007' in its event and 'S01-P0009' in its page",
    ),
    "an edge more": (
        2,
        {"page.edges.forks": ["S01-P0009"]},
        'edges.forks is [] in its event and ["S01-P0009"] in its page',
    ),
    "model": (2, {"page.model": "no"}, "model is 'scripted' in its event and 'no' in its page"),
    "author": (2, {"page.author": "no"}, "author is 'no' in its page and 'scripted' in its event"),
    "time": (2, {"page.created_at": "2026-01-01T00:00:00Z"}, "its time is '2026-11-01T20:32:12.123456Z' in its event"),
    "version": (2, {"page.version": "no"}, "version is 'no' in its page and '1' in its receipt"),
    "validation": (
        2,
        {"page.validation.passed": False},
        "validation.passed is true in its event and false in its page",
    ),
    "revision": (2, {"page.canon_revision": None}, "canon_revision is null in its page and 1 in its receipt"),
    "owner": (2, {"page.session_id": "b"}, "session_id is 'reader' in its event and 'b' in its page"),
    "page of another run": (
        2,
        {"page.page_id": page_of(1)},
        f"page_id is '{page_of(1)}' in its page and '{page_of(2)}' in its run",
    ),
    "placement": (2, {"page.placement.depth": 7}, "depth is 2 in its event and 7 in its page"),
    # the symbol and the receipt
    "character": (
        2,
        {"event.character": "London Fox"},
        "character is 'London Fox' in its event and 'an author' in its symbol",
    ),
    "slug": (2, {"event.character_id": "london-fox"}, "character_id is 'london-fox' in its event and 'an-author'"),
    "symbol asked for": (2, {"request.symbol_code": 16}, "symbol_code is 0 in its event and 16 in its request"),
    "profile": (2, {"receipt.profile": "ZS"}, "profile is 'ZS' in its receipt and 'XC' in its symbol"),
    "verdict": (2, {"event.policy.given": "T3"}, "the trajectory given is 'T3' in its policy and 'T0' in its event"),
    "verdict of the receipt": (
        2,
        {"receipt.policy.rule": "no"},
        "policy.rule is 'no' in its receipt and 'wish' in its event",
    ),
    "version of the policy": (
        2,
        {"receipt.policy_version": "no"},
        "policy_version is 'no' in its receipt and '1' in its policy",
    ),
    "checks of the receipt": (
        2,
        {"receipt.validation.style_ok": False},
        "validation.style_ok is false in its receipt and true",
    ),
    "model of the receipt": (2, {"receipt.model": "no"}, "model is 'no' in its receipt and 'scripted' in its event"),
    "milliseconds": (2, {"event.milliseconds": 1}, "milliseconds is 1.0 in its event and 12.5 in its receipt"),
    "tokens": (2, {"event.tokens.prompt": 1}, "tokens.prompt is 1 in its event and 300 in its receipt"),
    # the tree
    "locus of the press": (
        2,
        {"request.page_id": "S01-P0001"},
        f"locus is '{page_of(1)}' in its event and 'S01-P0001' in its press",
    ),
    "state": (
        2,
        {"state.position": "S01-P0001"},
        f"state.position is 'S01-P0001' in it and '{page_of(2)}' in the fold",
    ),
    "debt": (2, {f"state.branches.{page_of(1)}.pages": 9}, ".pages is 9 in it and 2 in the fold of the journey"),
    "source": (
        2,
        {"receipt.sources": [{"page_id": "x", "kind": "ring", "revision": 1, "score": 1}]},
        "its source 'x' is neither a page of",
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_edited_outcome_is_refused(what: str) -> None:
    """An outcome of which one part was edited is refused with the two values."""
    number, changes, why = EDITS[what]
    outcomes = journey()
    outcomes[number - 1] = edited(outcomes[number - 1], changes)

    fault = verified(outcomes)[1]

    assert fault is not None
    assert fault.startswith(f"line {number}: ")
    assert why in fault


def both(**changes: Any) -> dict[str, Any]:
    """Return edits of an outcome's event and of its page alike."""
    found: dict[str, Any] = {}
    for name, value in changes.items():
        placed = name in Placement.model_fields
        found |= {f"event.{name}": value, f"page.placement.{name}" if placed else f"page.{name}": value}
    return found


TREE: dict[str, tuple[int, dict[str, Any], str]] = {
    "depth on the ring": (1, both(depth=2), "depth is 2 in its event and 1 in its place after its locus"),
    "depth in a branch": (2, both(depth=1), "depth is 1 in its event and 2 in its place after its locus"),
    "anchor in a branch": (
        2,
        both(anchor="S02-P0004"),
        "anchor is 'S02-P0004' in its event and 'S01-P0001' in its locus",
    ),
    "section of the anchor": (1, both(anchor_section=2), "anchor_section is 2 in its event and 1 in its anchor"),
    "branch left": (2, both(branch_id=None), f"branch_id is null in its event and '{page_of(1)}' in its place after"),
    "branch begun": (
        2,
        both(branch_id=page_of(2)),
        f"branch_id is '{page_of(2)}' in its event and '{page_of(1)}' in its",
    ),
    "branch of nobody": (
        1,
        both(branch_id="x"),
        "its branch_id 'x' is neither a page of the book nor one of an earlier",
    ),
    "locus to come": (2, both(locus=page_of(4)), f"its locus '{page_of(4)}' is neither a page of the book nor one of"),
    "return to nowhere": (2, both(return_to="x"), "its return_to 'x' is neither a page of the book"),
    "edge to another journey": (
        2,
        both(edges={"next_within": "S01-P0002", "mirrors": [page_of(9)]}),
        f"its edge MIRROR '{page_of(9)}' is neither a page of the book nor one of an earlier outcome",
    ),
    "edge of another trajectory": (
        2,
        both(edges={"forks": ["S03-P0007"]}),
        "whether it leads by next_within is false in its edges and true in its trajectory T0",
    ),
    "loop to elsewhere": (
        4,
        both(edges={"loop_back_to": "S01-P0003"}),
        "return_to is 'S01-P0002' in its event and 'S01-P0003' in its edge LOOP",
    ),
}


@pytest.mark.parametrize("what", TREE)
def test_page_in_a_wrong_place_is_refused(what: str) -> None:
    """A page whose event and page agree, but not with the pages before it, is refused."""
    number, changes, why = TREE[what]
    outcomes = journey()
    outcomes[number - 1] = edited(outcomes[number - 1], changes)

    fault = verified(outcomes)[1]

    assert fault is not None
    assert fault.startswith(f"line {number}: ")
    assert why in fault


def test_page_after_a_closed_branch_stands_on_the_ring() -> None:
    """A press on a page that looped back goes on from the ring: at depth 1, in no branch."""
    outcomes = journey()
    fifth = made(5, outcomes[-1], placement=on(page_of(4), 1, None))

    assert verified([*outcomes, fifth])[1] is None
    assert "depth is 4 in its event and 1" in str(verified([*outcomes, edited(fifth, both(depth=4))])[1])


def test_outcome_before_its_time_is_refused() -> None:
    """An outcome is not earlier than its request, nor than the one before it."""
    first, second, *_ = journey()
    early = {"event.ts": "2026-11-01T20:15:33Z", "page.created_at": "2026-11-01T20:15:33Z"}

    assert "is before that of outcome 1, " in str(verified([first, edited(second, early)])[1])
    late = {"request.ts": "2026-11-02T00:00:00Z"}
    assert "is before that of its request, 2026-11-02" in str(verified([first, edited(second, late)])[1])


def test_failure_with_a_page_is_refused() -> None:
    outcomes = journey()
    outcomes[2] = outcomes[2].model_copy(update={"page": outcomes[1].page})

    assert verified(outcomes)[1] == "line 3: it failed but has a page"


OTHER = BOOK.model_copy(update={"content_hash": "another"})
SECOND = BOOK.model_copy(update={"revision": 2})


@pytest.mark.parametrize(
    ("book", "canon", "why"),
    [
        (BOOK, (BOOK, BOOK), "it lists revision 1 of the canon 2 times"),
        (BOOK, (OTHER,), "revision 1.content_hash is 'hash of 1' in its book and 'another' in its canon"),
        (BOOK, (SECOND,), "it lists revision 2 of the canon, which is after the book's, 1"),
        (None, (BOOK,), "it lists revision 1 of the canon, but has no book"),
    ],
)
def test_manifest_that_contradicts_itself_is_refused(
    book: BookFacts | None, canon: tuple[BookFacts, ...], why: str
) -> None:
    assert manifest_fault(manifest(journey(), book=book, canon=canon)) == why


def test_revision_that_no_outcome_names_is_refused() -> None:
    """A manifest lists the revisions that the outcomes name, and no others."""
    book = SECOND

    assert manifest_fault(manifest(journey(), book=book, canon=(BOOK, book))) is None
    assert verified(journey(), book=book, canon=(BOOK, book))[1] == (
        "it lists revision 2 of the canon, which no outcome names"
    )


# The rows of the log.


def press_of(outcome: Outcome, **changes: Any) -> Press:
    request = outcome.request
    fields = {
        "event_id": request.press_id,
        "ts": request.ts,
        "session_id": "reader",
        "symbol_code": request.symbol_code,
        "page_id": request.page_id,
        "user_intent": request.user_intent,
    }
    return Press.model_validate(fields | changes)


def rows_of(outcomes: Sequence[Outcome], *others: Event) -> list[LogEntry]:
    events: list[Event] = [*others]
    for outcome in outcomes:
        events += [press_of(outcome), outcome.request, outcome.event]
    return sorted(map(log_entry, events), key=lambda row: (row.ts, row.event_id))


def saved(page: str, action: str = "saved") -> VaultChange:
    return VaultChange.model_validate(
        {"event_id": f"save-{page}", "ts": factories.at(0), "session_id": "reader", "action": action, "page_id": page}
    )


def fault_of_rows(rows: Sequence[LogEntry]) -> str | None:
    """Return the first fault of rows, checked against the journey."""
    outcomes = journey()
    verifier, why = verified(outcomes)
    assert why is None
    log = LogVerifier(verifier, "reader")
    for number, row in enumerate(rows, start=1):
        why = log.take(number, row)
        seq = log.outcome_named(row)
        if why is None and seq is not None:
            why = row_fault(row, outcomes[seq - 1])
        why = why or headers_fault(row)
        if why is not None:
            return why
    return None


def test_log_that_agrees_has_no_fault() -> None:
    """Presses, requests, ends, stops and saved pages agree, and rows of presses without an outcome too."""
    outcomes = journey()
    waiting = factories.outcome("reader", 9)
    stop = Stop(event_id="stop", ts=factories.at(1), session_id="reader", press_id="b", cause_id="b")
    others = (stop, press_of(waiting), waiting.request, saved(page_of(2)), saved("S09-P0100"), saved("x", "unsaved"))

    assert fault_of_rows(rows_of(outcomes, *others)) is None
    assert fault_of_rows([]) is None


def test_ask_agrees_with_its_request() -> None:
    """An ask in words is compared by what it has: its words and its page."""
    first = journey()[0]
    fields = press_of(first).model_dump(exclude={"symbol_code", "trajectory"})

    assert fault_of_rows([log_entry(Ask.model_validate(fields))]) is None
    assert fault_of_rows([log_entry(Ask.model_validate(fields | {"user_intent": "no"}))]) == (
        "user_intent is 'no' in its event and 'and then?' in the request of outcome 1"
    )


ROWS: dict[str, tuple[Callable[[list[Outcome]], Event], str]] = {
    "press, symbol": (
        lambda o: press_of(o[0], symbol_code=17),
        "symbol_code is 17 in its event and 0 in the request of outcome 1",
    ),
    "press, locus": (lambda o: press_of(o[1], page_id="S05-P0050"), "page_id is 'S05-P0050' in its event and "),
    "press, words": (
        lambda o: press_of(o[1], user_intent="no"),
        "user_intent is 'no' in its event and 'and then?' in the",
    ),
    "press, wish": (
        lambda o: press_of(o[1], trajectory="T3"),
        "trajectory is 'T3' in its event and null in the request",
    ),
    "press, time": (lambda o: press_of(o[1], ts=o[2].at), " is after that of outcome 2, "),
    "request, time": (
        lambda o: o[1].request.model_copy(update={"ts": o[2].at}),
        " is after that of outcome 2, ",
    ),
    "request, symbol": (
        lambda o: edited(o[0].request, {"symbol_code": 17}),
        "symbol_code is 17 in its event and 0 in the request of outcome 1",
    ),
    "request, locus": (
        lambda o: edited(o[0].request, {"page_id": None}),
        "page_id is null in its event and 'S01-P0001' in the",
    ),
    "request, words on another revision": (
        lambda o: edited(o[1].request, {"canon_revision": 2, "user_intent": "no"}),
        "user_intent is 'no' in its event and 'and then?' in the request of outcome 2",
    ),
    "request, section": (lambda o: edited(o[0].request, {"section": 9}), "section is 9 in its event and 1 in the"),
    "request, id": (lambda o: edited(o[0].request, {"event_id": "b"}), "event_id is 'b' in its event and "),
    "request of another press": (
        lambda o: edited(o[0].request, {"press_id": "b"}),
        "press_id is 'b' in its event and ",
    ),
    "request of another run": (lambda o: edited(o[0].request, {"request_id": "b"}), "request_id is 'b' in its event"),
    "end, text": (
        lambda o: edited(o[1].event, {"text": "no"}),
        "text is 'no' in its event and 'And then, for the time number 2, she went on.' in outcome 2 of outcomes.jsonl",
    ),
    "end, place": (
        lambda o: edited(o[1].event, {"depth": 7}),
        "depth is 7 in its event and 2 in outcome 2 of outcomes.jsonl",
    ),
    "end, seq": (
        lambda o: edited(o[1].event, {"seq": 1}),
        "seq is 1 in its event and 2 in outcome 2 of outcomes.jsonl",
    ),
    "end, cause": (
        lambda o: edited(o[2].event, {"error.code": "no"}),
        "error.code is 'no' in its event and 'model_failed' in outcome 3",
    ),
    "end, another field": (
        lambda o: edited(o[1].event, {"mood": "no"}),
        "mood is 'no' in its event and absent in outcome 2",
    ),
    "end, time": (
        lambda o: edited(o[1].event, {"ts": "2026-11-01T20:32:13Z"}),
        "ts is '2026-11-01T20:32:13Z' in its event and '2026-11-01T20:32:12.123456Z'",
    ),
    "end, id": (
        lambda o: edited(o[1].event, {"event_id": "b"}),
        "it is the event b of outcome 2, which outcomes.jsonl does not contain: there the run",
    ),
    "end, not there": (
        lambda o: factories.outcome("reader", 9).event,
        "of outcome 9, which outcomes.jsonl does not contain",
    ),
    "vault": (
        lambda o: saved(page_of(9)),
        f"it saves the page {page_of(9)}, which is neither of the book nor of outcomes.jsonl",
    ),
    "vault, labelled": (lambda o: saved(page_of(9), "labelled"), "it saves the page"),
    "stop": (
        lambda o: Stop(event_id="s", ts=factories.at(1), session_id="reader", press_id="b", cause_id="c"),
        "cause_id is 'c' in its event and 'b' in its press",
    ),
}


@pytest.mark.parametrize("what", ROWS)
def test_row_that_contradicts_the_outcomes_is_refused(what: str) -> None:
    """A row of the log that says another thing than the outcomes is refused with the two values."""
    event, why = ROWS[what]

    fault = fault_of_rows([log_entry(event(journey()))])

    assert fault is not None
    assert why in fault


COLUMNS: dict[str, tuple[dict[str, Any], str]] = {
    "journey": ({"session_id": "b"}, "it belongs to the journey 'b', not to 'reader'"),
    "event": ({"event_id": "b"}, "event_id is 'b' in its column and "),
    "time": ({"ts": factories.at(5)}, "its time is '2026-11-01T20:15:35.123456Z' in its column and "),
    "header": ({"headers_json": '{"x-event-id": "b"}'}, "x-event-id is 'b' in its headers and "),
    "no JSON": ({"headers_json": "{"}, "its headers are not JSON: '{'"),
    "no object": ({"headers_json": "[]"}, "its headers are not an object: '[]'"),
    "symbol of the headers": (
        {"headers_json": '{"x-symbol": "9"}'},
        "x-symbol is '9' in its headers and '0' in its event",
    ),
}


@pytest.mark.parametrize("what", COLUMNS)
def test_row_that_contradicts_its_event_is_refused(what: str) -> None:
    """A row's columns and headers are those of its event."""
    changes, why = COLUMNS[what]

    assert why in str(fault_of_rows([log_entry(journey()[0].event).model_copy(update=changes)]))


def test_rows_out_of_order_or_twice_are_refused() -> None:
    """Rows come in the order of their times, each event once."""
    rows = rows_of(journey())

    assert "it is earlier than the line before it: " in str(fault_of_rows([rows[-1], rows[0]]))
    assert f"the event {rows[0].event_id} is in an earlier line, line 1" in str(fault_of_rows([rows[0], rows[0]]))


def test_press_that_was_enriched_twice_agrees() -> None:
    """Of a press that arrived twice, the log may have the other request: at another time, or on another revision."""
    request = journey()[0].request
    later = request.ts + timedelta(seconds=2)
    error = {"code": "x", "detail": "x", "next_step": "x"}

    assert fault_of_rows([log_entry(request.model_copy(update={"ts": later}))]) is None
    assert (
        fault_of_rows([log_entry(edited(request, {"canon_revision": 2, "section": 2, "context_ids": ["x"]}))]) is None
    )
    assert fault_of_rows([log_entry(edited(request, {"error": error, "symbol_code": None}))]) is None
    assert "page_id is 'S02-P0004' in its event" in str(
        fault_of_rows([log_entry(edited(request, {"error": error, "page_id": "S02-P0004"}))])
    )


def test_event_that_no_log_has_is_refused() -> None:
    """Only what the recorder keeps is in a log: an audit is not."""
    audit = Audit(event_id="a", ts=factories.at(1), session_id="reader", press_id="b", request_id="c", step="ask")

    assert fault_of_rows([log_entry(audit)]) == "gibsey.audit is not in a journey's log"


def test_press_of_a_refused_request_may_have_lost_what_it_asked() -> None:
    """A request with an error has what could be read of its press, and that agrees."""
    refused = edited(
        factories.outcome("reader", 1, fails=True),
        {
            "request.error": {"code": "x", "detail": "x", "next_step": "x"},
            "request.symbol_code": None,
            "event.symbol_code": None,
        },
    )
    verifier, why = verified([refused])
    assert why is None

    log = LogVerifier(verifier, "reader")

    assert log.take(1, log_entry(press_of(refused, symbol_code=17))) is None
    assert "page_id is 'S09-P0090'" in str(
        LogVerifier(verifier, "reader").take(1, log_entry(press_of(refused, symbol_code=17, page_id="S09-P0090")))
    )


def test_every_field_of_an_end_counts() -> None:
    """No field of an outcome's event can differ in its row without a word."""
    event = journey()[1].event
    assert isinstance(event, PageDone)
    for name, value in event.model_dump(mode="json").items():
        other = changed(value)
        altered = event.model_copy(update={name: other})
        assert first_difference(altered.model_dump(mode="json", warnings=False), event.model_dump(mode="json"), "")


def changed(value: Any) -> Any:
    """Return another value of the same kind."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}x"
        case list():
            return [*value, "x"]
        case dict():
            return {**value, "x": 1}
    return "x"


def test_long_texts_are_shown_where_they_differ() -> None:
    """Of two long texts the sentence shows the place where they begin to differ."""
    outcomes = journey()
    text = "word " * 400
    outcomes[1] = edited(outcomes[1], {"event.text": f"{text}one.", "page.text": f"{text}two."})

    assert (
        verified(outcomes)[1] == "line 2: text is '…d word word one.' in its event and '…d word word two.' in its page"
    )


def test_event_of_a_row_is_decoded() -> None:
    outcome = journey()[0]

    assert event_of(log_entry(outcome.event)) == outcome.event
    assert json.loads(log_entry(outcome.event).headers_json)["x-event-id"] == outcome.event.event_id
    assert outcome.event.ts - outcome.request.ts > timedelta(0)
    assert Tokens() != outcome.receipt.tokens_used
