"""A press beside its shadow: the facts of both pages, and what differs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from qdpi.counterfactual.shadow import PressPair
from qdpi.events import Fault, PageFailed
from qdpi.outcome import Outcome
from qdpi.page_schema import Check, Validation
from qdpi.symbols import Trajectory, symbol_name


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What one side of a press came to: its page, or why there is none, and how it was made.

    `edges` are (type, page id) pairs, `sources` (kind, page id) pairs. `not_passed` names the checks that the page
    does not pass. `seconds` is the time of the run's phases.
    """

    text: str
    title: str
    status: str
    error: Fault | None
    locus: str | None
    trajectory: Trajectory | None
    rule: str
    reasons: Sequence[str]
    section: int | None
    return_to: str | None
    edges: Sequence[tuple[str, str]]
    sources: Sequence[tuple[str, str]]
    passed: bool | None
    not_passed: Sequence[str]
    reworked: bool
    model: str | None
    program: str | None
    policy: str
    calls: int
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float

    @property
    def error_code(self) -> str | None:
        """The code of a failure, None for a page."""
        return self.error.code if self.error else None


@dataclass(frozen=True, slots=True)
class ComparedPress:
    """A press with both sides. `pressed_on` is the number of the press whose page was pressed on, None on the canon."""

    journey: str
    seq: int
    symbol: str
    words: str
    wished: str | None
    pressed_on: int | None
    notes: Sequence[str]
    original: PageFacts
    shadow: PageFacts
    differs: Sequence[str]


_COMPARED: Final[Mapping[str, Sequence[str]]] = {
    "outcome": ("status", "error_code"),
    "locus": ("locus",),
    "trajectory": ("trajectory",),
    "rule": ("rule",),
    "section": ("section",),
    "edges": ("edges", "return_to"),
    "sources": ("sources",),
    "checks": ("passed", "not_passed"),
    "text": ("text",),
}
"""By the name of a difference: the facts of which one differs."""


def compare(pair: PressPair) -> ComparedPress:
    """Return a press with what differs between its page and the shadow's."""
    shadow = facts_of(pair.shadow)
    # A failure does not say where it stood if its press named no page: the first page is the shadow's, too.
    original = replace(facts_of(pair.original), locus=pair.original.event.locus or pair.locus or shadow.locus)
    request, event = pair.original.request, pair.original.event
    code = event.symbol_code if event.symbol_code is not None else request.symbol_code
    return ComparedPress(
        journey=pair.original.session_id,
        seq=pair.original.seq,
        symbol="a press" if code is None else symbol_name(code),
        words=request.words,
        wished=request.wish.value if request.wish else None,
        pressed_on=pair.pressed_on,
        notes=pair.notes,
        original=original,
        shadow=shadow,
        differs=differences(original, shadow),
    )


def differences(original: PageFacts, shadow: PageFacts) -> list[str]:
    """Return the names of what differs: outcome, locus, trajectory, rule, section, edges, sources, checks, text."""
    return [
        name
        for name, facts in _COMPARED.items()
        if any(getattr(original, fact) != getattr(shadow, fact) for fact in facts)
    ]


def facts_of(outcome: Outcome) -> PageFacts:
    """Return what an outcome came to."""
    event, receipt, page = outcome.event, outcome.receipt, outcome.page
    validation = page.validation if page else None
    verdict = receipt.policy
    tokens = receipt.tokens_used
    return PageFacts(
        text=page.text if page else "",
        title=page.title if page else "",
        status=page.status.value if page else "failed",
        error=event.error if isinstance(event, PageFailed) else None,
        locus=event.locus,
        trajectory=page.trajectory if page else None,
        rule=verdict.rule if verdict else "",
        reasons=verdict.reasons if verdict else (),
        section=page.section if page else None,
        return_to=page.return_to if page else None,
        edges=[(kind.value, target) for kind, target in page.edges.typed()] if page else [],
        sources=[(source.kind, source.page_id) for source in receipt.sources],
        passed=validation.passed if validation else None,
        not_passed=[check.name for check in _failed_checks(validation)],
        reworked=validation.reworked if validation else False,
        model=receipt.model,
        program=receipt.program.name if receipt.program else None,
        policy=verdict.version if verdict else receipt.policy_version,
        calls=len(receipt.calls),
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
        seconds=round(receipt.duration / 1000, 3),
    )


def _failed_checks(validation: Validation | None) -> list[Check]:
    return [check for check in validation.checks if check.passed is False] if validation else []


@dataclass(frozen=True, slots=True)
class SideTotals:
    """What one side of the presses came to: pages, pages that pass, runs without a page, calls, tokens, seconds."""

    pages: int
    passed: int
    failed: int
    calls: int
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Totals:
    """What a number of presses came to, and how many of them differ, by the name of the difference."""

    presses: int
    same: int
    differs: Mapping[str, int]
    original: SideTotals
    shadow: SideTotals


def totals(presses: Sequence[ComparedPress]) -> Totals:
    """Return what presses came to on both sides."""
    counts = {name: sum(name in press.differs for press in presses) for name in _COMPARED}
    return Totals(
        presses=len(presses),
        same=sum(not press.differs for press in presses),
        differs={name: count for name, count in counts.items() if count},
        original=_side([press.original for press in presses]),
        shadow=_side([press.shadow for press in presses]),
    )


def _side(sides: Sequence[PageFacts]) -> SideTotals:
    return SideTotals(
        pages=sum(side.error is None for side in sides),
        passed=sum(bool(side.passed) for side in sides),
        failed=sum(side.error is not None for side in sides),
        calls=sum(side.calls for side in sides),
        tokens=sum((side.prompt_tokens or 0) + (side.completion_tokens or 0) for side in sides),
        seconds=round(sum(side.seconds for side in sides), 1),
    )


def as_json(press: ComparedPress) -> dict[str, Any]:
    """Return a compared press as a JSON object."""
    return {
        "journey": press.journey,
        "seq": press.seq,
        "symbol": press.symbol,
        "words": press.words,
        "wished": press.wished,
        "pressed_on": press.pressed_on,
        "notes": list(press.notes),
        "differs": list(press.differs),
        "original": _side_json(press.original),
        "shadow": _side_json(press.shadow),
    }


def _side_json(side: PageFacts) -> dict[str, Any]:
    return {
        **{name: getattr(side, name) for name in PageFacts.__slots__},
        "error": side.error.model_dump() if side.error else None,
        "edges": [{"type": kind, "page_id": page_id} for kind, page_id in side.edges],
        "sources": [{"kind": kind, "page_id": page_id} for kind, page_id in side.sources],
    }


def facts_in_words(side: PageFacts) -> list[str]:
    """Return how a page was made, in a few phrases: trajectory and rule, checks, model, calls, tokens, seconds."""
    if side.error is not None:
        return [side.error.code, _cost(side)]
    stopped = " stopped" if side.status == "stopped" else ""
    return [f"{side.trajectory} by {side.rule}{stopped}", _checks(side), _writer(side), _cost(side)]


def _writer(side: PageFacts) -> str:
    return f"{side.model} with {side.program}" if side.program else str(side.model)


def _checks(side: PageFacts) -> str:
    reworked = ", reworked" if side.reworked else ""
    if not side.not_passed:
        return f"all checks passed{reworked}"
    verdict = "passes, but for" if side.passed else "does not pass:"
    return f"{verdict} {', '.join(side.not_passed)}{reworked}"


def _cost(side: PageFacts) -> str:
    known = [count for count in (side.prompt_tokens, side.completion_tokens) if count is not None]
    tokens = f", {sum(known)} tokens" if known else ""
    return f"{side.calls} call{'s' * (side.calls != 1)}{tokens}, {side.seconds:.1f} s"


def total_in_words(name: str, side: SideTotals) -> str:
    """Return what a side came to, as a sentence."""
    failed = f", {side.failed} without a page" if side.failed else ""
    return (
        f"{name}: {side.pages} page{'s' * (side.pages != 1)}{failed}, {side.passed} passed, "
        f"{side.calls} calls, {side.tokens} tokens, {side.seconds:.1f} s"
    )


def differences_in_words(found: Totals) -> str:
    """Return how many presses differ, and in what, as a sentence."""
    counted = ", ".join(f"{name} {count}" for name, count in found.differs.items())
    presses = f"{found.presses} press{'es' * (found.presses != 1)}"
    return f"{presses}, {found.same} the same{f'; differ in {counted}' if counted else ''}"
