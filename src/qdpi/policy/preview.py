"""Previews: the policy's verdict for each behaviour in a situation. Pure."""

from __future__ import annotations

from pydantic import BaseModel

from qdpi.policy import Situation, decide, refuse
from qdpi.symbols import PROFILES, Choice, Profile, Trajectory


class Closed(BaseModel):
    """A closed trajectory, the rule that closes it, and the reason."""

    trajectory: Trajectory
    rule: str
    why: str


class BehaviourPreview(BaseModel):
    """A behaviour's trajectory without a wish or words, its rule, and the open and closed trajectories."""

    behavior: int
    code: str
    meaning: str
    choice: Choice
    given: Trajectory
    rule: str
    reasons: tuple[str, ...]
    open: tuple[Trajectory, ...]
    closed: tuple[Closed, ...]


def preview_behaviours(situation: Situation, section: int) -> tuple[BehaviourPreview, ...]:
    """Return the previews of the sixteen behaviours for a press in a section."""
    return tuple(_preview(profile, situation, section) for profile in PROFILES)


def _preview(profile: Profile, situation: Situation, section: int) -> BehaviourPreview:
    verdict = decide(profile, situation, section=section)
    closed = tuple(
        Closed(trajectory=trajectory, rule=rule, why=why)
        for trajectory in Trajectory
        for rule, why in refuse(trajectory, profile, situation)
    )
    shut = {each.trajectory for each in closed}
    return BehaviourPreview(
        behavior=profile.behavior,
        code=profile.code,
        meaning=profile.meaning,
        choice=profile.choice,
        given=verdict.given,
        rule=verdict.rule,
        reasons=verdict.reasons,
        open=tuple(trajectory for trajectory in Trajectory if trajectory not in shut),
        closed=closed,
    )
