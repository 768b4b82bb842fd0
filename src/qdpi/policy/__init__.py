"""The policy: the trajectory that a press is given, with the rule and the reasons.

Pure functions. Open branches and return debt are counted for the section of the anchor.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final

from qdpi.errors import InvalidInput
from qdpi.journey import JourneyState
from qdpi.page_schema import PolicyVerdict, Reading
from qdpi.policy.placement import Standing
from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES, Choice, Profile, Trajectory

POLICY_VERSION: Final = "policy/1"
MAX_RETURN_DEBT: Final = 2
MAX_BRANCH_DEPTH: Final = 3
MAX_OPEN_BRANCHES: Final = 2
MAX_DEPARTURES: Final = 64
"""The most forks and drifts of one journey."""
MAX_TERMS: Final = 24
"""The most terms that a journey remembers of a locus."""
NOVELTY_WINDOW: Final = 4
"""The number of recent pages that a page is compared with."""
MIN_NOVELTY: Final = 0.35
"""Below this the locus repeats what the journey has been reading: three of its last four loci are alike."""


@dataclass(frozen=True, slots=True)
class PolicyLimits:
    """The numbers that the rules hold a journey to; by default those of `POLICY_VERSION`.

    Raises `InvalidInput` for a number that is negative, and for a novelty above 1.
    """

    max_return_debt: int = MAX_RETURN_DEBT
    max_branch_depth: int = MAX_BRANCH_DEPTH
    max_open_branches: int = MAX_OPEN_BRANCHES
    max_departures: int = MAX_DEPARTURES
    min_novelty: float = MIN_NOVELTY

    def __post_init__(self) -> None:
        """Check the numbers."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < float("inf") or (field.name == "min_novelty" and value > 1):
                raise InvalidInput(
                    f"The policy's {field.name} is {value}.",
                    next_step="Give a number from 0 to 1." if field.type == "float" else "Give a number from 0.",
                )

    @property
    def version(self) -> str:
        """The policy's version, with every number that is not its own: `policy/1 max_branch_depth=5`."""
        changed = [
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return " ".join((POLICY_VERSION, *changed))


LIMITS: Final = PolicyLimits()
"""The limits of `POLICY_VERSION`."""

_NEAREST: Final[dict[Trajectory, tuple[Trajectory, ...]]] = {
    Trajectory.CONTINUE: (Trajectory.CONTINUE,),
    Trajectory.LOOP: (Trajectory.LOOP,),
    Trajectory.FORK: (Trajectory.FORK, Trajectory.CONTINUE),
    Trajectory.DRIFT: (Trajectory.DRIFT, Trajectory.FORK, Trajectory.CONTINUE),
}
"""The trajectories tried for a wish, in this order; where all are closed, the page returns (LOOP)."""
_DEPARTURES: Final = frozenset({Trajectory.FORK, Trajectory.DRIFT})
_BACK: Final = re.compile(
    r"\b(back|return|returns|home|homeward|retrace|where (?:i|we) (?:was|were|began))\b", re.IGNORECASE
)
_AWAY: Final = re.compile(
    r"\b(elsewhere|another|others?|leave|away|meanwhile|someone else|somewhere|instead|aside|different)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Situation:
    """The inputs of the rules: the locus and the journey's debts at a press.

    `depth` is the locus's (0 on canon); `in_branch` whether it is in an open branch; `open_branches` and
    `return_debt` (pages) are the anchor section's; `departures` the journey's so far; `unresolved` counts the
    locus's open questions; `novelty` is in 0..1.
    """

    depth: int = 0
    in_branch: bool = False
    open_branches: int = 0
    return_debt: int = 0
    departures: int = 0
    unresolved: int = 0
    novelty: float = 1.0


def locus_terms(reading: Reading) -> tuple[str, ...]:
    """Return the terms that a journey remembers of a locus: its entities and motifs, sorted, at most 24."""
    return tuple(sorted(reading.terms))[:MAX_TERMS]


def situation_of(state: JourneyState, standing: Standing, reading: Reading) -> Situation:
    """Return the situation of a press at a locus."""
    return Situation(
        depth=standing.depth,
        in_branch=standing.branch_id is not None,
        open_branches=state.open_branches(standing.anchor_section),
        return_debt=state.return_debt(standing.anchor_section),
        departures=state.departures,
        unresolved=len(reading.anchors),
        novelty=novelty_against(locus_terms(reading), [locus.terms for locus in state.recent]),
    )


def novelty_against(terms: Collection[str], recent: Sequence[Collection[str]]) -> float:
    """Return the novelty of a page against a journey's recent loci: 0 (a repeat) to 1 (all new).

    It is 1 minus the mean Jaccard overlap with the last four entries of `recent` (oldest first). Missing
    entries count as no overlap, so the first page of a journey is all new.
    """
    held = frozenset(terms)
    window = recent[-NOVELTY_WINDOW:]
    return 1.0 - sum(_jaccard(held, frozenset(other)) for other in window) / NOVELTY_WINDOW


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    union = len(a | b)
    return len(a & b) / union if union else 0.0


def allow_fork(open_branches: int, return_debt: int, limits: PolicyLimits = LIMITS) -> bool:
    """Tell whether a section's open branches and return debt (pages) allow a departure."""
    if return_debt > limits.max_return_debt:
        return False
    return open_branches < limits.max_open_branches


def require_return(branch_length: int, limits: PolicyLimits = LIMITS) -> bool:
    """Tell whether a branch of this length (its depth) must return with the next page."""
    return branch_length >= limits.max_branch_depth


def ttl(depth: int) -> int:
    """Return the number of pages that may be written under a page of this depth before a return is forced."""
    return max(0, MAX_BRANCH_DEPTH - depth)


def decide(
    profile: Profile,
    situation: Situation,
    *,
    wish: Trajectory | None = None,
    words: str = "",
    section: int | None = None,
    limits: PolicyLimits = LIMITS,
) -> PolicyVerdict:
    """Return the verdict on a press: its wish or the profile's own choice, or the nearest trajectory that is open.

    `words` are the reader's. `section` is the locus's: words that name the character of another section fork.
    """
    desired, chosen_by = (wish, "wish") if wish else choose(profile, situation, words, section, limits)
    reasons: list[str] = []
    for candidate in _NEAREST[desired]:
        refusals = tuple(refuse(candidate, profile, situation, limits))
        if not refusals:
            rule = chosen_by if candidate is desired else refusal_rule(reasons)
            return _verdict(wish, candidate, rule, reasons, limits)
        reasons += [f"{rule}: {candidate.value} {why}" for rule, why in refusals]
        if refusals[0][0] in _FORCING:
            break
    return _verdict(wish, Trajectory.LOOP, refusal_rule(reasons), reasons, limits)


_FORCING: Final = frozenset({"ttl", "unresolved-anchors"})
"""The rules that force a return."""


def refuse(
    candidate: Trajectory, profile: Profile, situation: Situation, limits: PolicyLimits = LIMITS
) -> Iterator[tuple[str, str]]:
    """Yield (rule, reason) for every rule that closes a trajectory in a situation; none where it is open.

    The rules that force a return come first.
    """
    if candidate is not Trajectory.LOOP and require_return(situation.depth, limits):
        yield (
            "ttl",
            f"is closed: depth {situation.depth} has reached {limits.max_branch_depth}, so the next page returns",
        )
    if candidate in _DEPARTURES and situation.in_branch and situation.unresolved:
        yield (
            "unresolved-anchors",
            f"waits: {situation.unresolved} open question(s) of this page are answered first",
        )
    if candidate not in profile.open:
        yield (
            "licence",
            f"is outside the licence of {profile.code} ({', '.join(t.value for t in profile.open)})",
        )
    if candidate in _DEPARTURES:
        yield from _refuse_departure(situation, limits)


def _refuse_departure(situation: Situation, limits: PolicyLimits) -> Iterator[tuple[str, str]]:
    if not allow_fork(situation.open_branches, situation.return_debt, limits):
        yield (
            "return-debt",
            f"is closed: {situation.open_branches} open branch(es) here owe {situation.return_debt} page(s)",
        )
    if situation.departures >= limits.max_departures and not situation.in_branch:
        yield (
            "budget",
            f"is closed: this journey has departed {situation.departures} times of {limits.max_departures}",
        )
    if situation.novelty < limits.min_novelty:
        yield (
            "novelty",
            f"is closed: novelty {situation.novelty:.2f} is under {limits.min_novelty}, this is what was just read",
        )


def refusal_rule(reasons: list[str]) -> str:
    """Return the rule that decided: the first that closed a trajectory."""
    return reasons[0].partition(":")[0]


def _verdict(
    wish: Trajectory | None, given: Trajectory, rule: str, reasons: list[str], limits: PolicyLimits
) -> PolicyVerdict:
    return PolicyVerdict(wished=wish, given=given, rule=rule, reasons=tuple(reasons), version=limits.version)


def choose(
    profile: Profile, situation: Situation, words: str, section: int | None, limits: PolicyLimits = LIMITS
) -> tuple[Trajectory, str]:
    """Return the trajectory that a profile takes without a wish, and the name of that choice."""
    if profile.choice is Choice.CONTINUE:
        return Trajectory.CONTINUE, "canon-continues"
    if profile.choice is Choice.FORK:
        return Trajectory.FORK, "parallel-forks"
    if profile.choice is Choice.WORDS:
        return follow_words(words, section), "words"
    return weigh_signals(profile, situation, limits), "signals"


def follow_words(words: str, section: int | None) -> Trajectory:
    """Read a trajectory from a reader's words: back, away (or another character's name), or on."""
    if _BACK.search(words):
        return Trajectory.LOOP
    if _AWAY.search(words) or named_sections(words) - {section}:
        return Trajectory.FORK
    return Trajectory.CONTINUE


def named_sections(words: str) -> set[int | None]:
    """Return the sections whose characters are named in full in a text."""
    lowered = words.lower()
    return {
        character + 1
        for character, name in CHARACTER_NAMES.items()
        if _names(name.lower(), lowered) or CHARACTER_MAP[character] in lowered
    }


def _names(name: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", words) is not None


def weigh_signals(profile: Profile, situation: Situation, limits: PolicyLimits = LIMITS) -> Trajectory:
    """Choose by return debt, then open questions, then novelty: return, fork, drift or continue."""
    if situation.in_branch:
        owes = situation.return_debt >= limits.max_return_debt or situation.unresolved
        return Trajectory.LOOP if owes else Trajectory.CONTINUE
    if not allow_fork(situation.open_branches, situation.return_debt, limits) or situation.novelty < 0.5:
        return Trajectory.CONTINUE
    if Trajectory.DRIFT in profile.open:
        return Trajectory.DRIFT
    return Trajectory.FORK if situation.unresolved else Trajectory.CONTINUE
