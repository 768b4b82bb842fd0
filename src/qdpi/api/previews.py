"""Previews of a press: in full for all 256 symbols, and lean, which says nothing twice. Each follows from the other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

from qdpi.api.responses import LeanBehaviour, LeanPreview, Preview, PreviewedSituation, SymbolPreview
from qdpi.policy.preview import BehaviourPreview, Closed
from qdpi.symbols import PROFILES, Trajectory, decode_symbol, symbol_name

T = TypeVar("T", bound=Hashable)


def full_preview(situation: PreviewedSituation, behaviours: Sequence[BehaviourPreview]) -> Preview:
    """Return the preview of all 256 symbols."""
    symbols = tuple(_symbol(code, behaviours[decode_symbol(code)[1]]) for code in range(256))
    return Preview(**_facts(situation), behaviours=tuple(behaviours), symbols=symbols)


def lean_preview(situation: PreviewedSituation, behaviours: Sequence[BehaviourPreview]) -> LeanPreview:
    """Return the lean preview of the sixteen behaviours."""
    reasons = _distinct(reason for each in behaviours for reason in each.reasons)
    closings = _distinct(_key(closed) for each in behaviours for closed in each.closed)
    return LeanPreview(
        **_facts(situation),
        reasons=tuple(reasons),
        closings=tuple(Closed(trajectory=t, rule=rule, why=why) for t, rule, why in closings),
        behaviours=tuple(
            LeanBehaviour(
                given=each.given,
                rule=each.rule,
                reasons=tuple(reasons[reason] for reason in each.reasons),
                open=each.open,
                closed=tuple(closings[_key(closed)] for closed in each.closed),
            )
            for each in behaviours
        ),
    )


def expanded(lean: LeanPreview) -> Preview:
    """Return the full preview that a lean one stands for."""
    return full_preview(lean, [_behaviour(lean, number) for number in range(len(PROFILES))])


def _behaviour(lean: LeanPreview, number: int) -> BehaviourPreview:
    profile, found = PROFILES[number], lean.behaviours[number]
    return BehaviourPreview(
        behavior=profile.behavior,
        code=profile.code,
        meaning=profile.meaning,
        choice=profile.choice,
        given=found.given,
        rule=found.rule,
        reasons=tuple(lean.reasons[place] for place in found.reasons),
        open=found.open,
        closed=tuple(lean.closings[place] for place in found.closed),
    )


def _facts(situation: PreviewedSituation) -> dict[str, Any]:
    return {name: getattr(situation, name) for name in PreviewedSituation.model_fields}


def _distinct(items: Iterable[T]) -> dict[T, int]:
    """Return each item once, in the order of their first, with its place."""
    return {item: place for place, item in enumerate(dict.fromkeys(items))}


def _key(closed: Closed) -> tuple[Trajectory, str, str]:
    return closed.trajectory, closed.rule, closed.why


def _symbol(code: int, behaviour: BehaviourPreview) -> SymbolPreview:
    return SymbolPreview(
        code=code,
        name=symbol_name(code),
        behavior=behaviour.behavior,
        given=behaviour.given,
        open=behaviour.open,
    )
