"""The trajectory that a press is given, its rule and its reasons."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdpi.errors import InvalidInput
from qdpi.page_schema import PolicyVerdict
from qdpi.policy import (
    MAX_BRANCH_DEPTH,
    MAX_DEPARTURES,
    MAX_RETURN_DEBT,
    MIN_NOVELTY,
    POLICY_VERSION,
    PolicyLimits,
    Situation,
    allow_fork,
    choose,
    decide,
    follow_words,
    named_sections,
    novelty_against,
    refuse,
    require_return,
    ttl,
)
from qdpi.search.analysis import read_text
from qdpi.symbols import CHARACTER_NAMES, PROFILES, Choice, Profile, Provenance, Trajectory

T0, T1, T2, T3 = Trajectory
BY_CODE: Final = {profile.code: profile for profile in PROFILES}
ON_CANON: Final = Situation()
IN_BRANCH: Final = Situation(depth=1, in_branch=True, open_branches=1, return_debt=1)

situations = st.builds(
    Situation,
    depth=st.integers(0, 5),
    in_branch=st.booleans(),
    open_branches=st.integers(0, 4),
    return_debt=st.integers(0, 5),
    departures=st.integers(0, MAX_DEPARTURES + 1),
    unresolved=st.integers(0, 3),
    novelty=st.floats(0, 1),
)
any_profile = st.sampled_from(PROFILES)
any_wish = st.none() | st.sampled_from(Trajectory)


def ruling(code: str, wish: Trajectory | None = None, words: str = "", **situation: Any) -> PolicyVerdict:
    return decide(BY_CODE[code], Situation(**situation), wish=wish, words=words, section=1)


# The specification's two gates


@pytest.mark.parametrize(
    ("open_branches", "return_debt", "allowed"),
    [(0, 0, True), (1, 0, True), (1, 2, True), (0, 2, True), (2, 0, False), (3, 0, False), (0, 3, False),
     (1, 3, False), (0, 9, False)],
)  # fmt: skip
def test_allow_fork_limits(open_branches, return_debt, allowed):
    """A fork is open below two open branches and up to a debt of two pages."""
    assert allow_fork(open_branches, return_debt) is allowed
    assert MAX_RETURN_DEBT == 2


@pytest.mark.parametrize(("length", "required"), [(0, False), (1, False), (2, False), (3, True), (4, True)])
def test_require_return_from_depth_three(length, required):
    assert require_return(length) is required
    assert MAX_BRANCH_DEPTH == 3


@pytest.mark.parametrize(("depth", "pages"), [(0, 3), (1, 2), (2, 1), (3, 0), (4, 0)])
def test_ttl_counts_pages_until_a_forced_return(depth, pages):
    assert ttl(depth) == pages


# Licences


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.code)
def test_profile_gets_the_wishes_of_its_licence(profile: Profile):
    """Where no other rule refuses, exactly the wishes within the licence are given."""
    licence = {"C": {T0, T1}, "P": {T0, T1, T2}, "U": {T0, T1, T2}, "S": {T0, T1, T2}}[profile.code[1]]
    if profile.code == "ZS":
        licence |= {T3}
    given = {wish for wish in Trajectory if decide(profile, ON_CANON, wish=wish).given is wish}
    assert given == licence


def test_granted_wish_has_no_reasons():
    """Its rule is `wish`."""
    verdict = ruling("ZP", T2)
    assert (verdict.wished, verdict.given, verdict.rule, verdict.reasons) == (T2, T2, "wish", ())
    assert verdict.version == POLICY_VERSION


@pytest.mark.parametrize(
    ("code", "wish", "given", "reason"),
    [
        ("XC", T2, T0, "licence: T2 is outside the licence of XC (T0, T1)"),
        ("ZC", T3, T0, "licence: T3 is outside the licence of ZC (T0, T1)"),
        ("ZP", T3, T2, "licence: T3 is outside the licence of ZP (T0, T1, T2)"),
        ("AS", T3, T2, "licence: T3 is outside the licence of AS (T0, T1, T2)"),
        ("ZU", T3, T2, "licence: T3 is outside the licence of ZU (T0, T1, T2)"),
    ],
)
def test_wish_outside_the_licence_gets_the_nearest(code, wish, given, reason):
    verdict = ruling(code, wish)
    assert (verdict.wished, verdict.given, verdict.rule) == (wish, given, "licence")
    assert verdict.reasons[0] == reason


# The rules of the situation


@pytest.mark.parametrize(
    ("situation", "rule", "reason"),
    [
        (
            {"depth": 3},
            "ttl",
            "ttl: T2 is closed: depth 3 has reached 3, so the next page returns",
        ),
        (
            {"depth": 1, "in_branch": True, "open_branches": 1, "return_debt": 1, "unresolved": 2},
            "unresolved-anchors",
            "unresolved-anchors: T2 waits: 2 open question(s) of this page are answered first",
        ),
        (
            {"open_branches": 2, "return_debt": 2},
            "return-debt",
            "return-debt: T2 is closed: 2 open branch(es) here owe 2 page(s)",
        ),
        (
            {"open_branches": 1, "return_debt": 3},
            "return-debt",
            "return-debt: T2 is closed: 1 open branch(es) here owe 3 page(s)",
        ),
        (
            {"departures": MAX_DEPARTURES},
            "budget",
            f"budget: T2 is closed: this journey has departed {MAX_DEPARTURES} times of {MAX_DEPARTURES}",
        ),
        (
            {"novelty": 0.25},
            "novelty",
            "novelty: T2 is closed: novelty 0.25 is under 0.35, this is what was just read",
        ),
    ],
)
def test_fork_refused_by_each_rule(situation, rule, reason):
    verdict = ruling("AP", T2, **situation)
    forced = rule in {"ttl", "unresolved-anchors"}
    assert (verdict.given, verdict.rule, verdict.reasons) == (T1 if forced else T0, rule, (reason,))


@pytest.mark.parametrize("rule", ["return-debt", "budget", "novelty"])
def test_refused_drift_continues(rule):
    """A drift that the situation refuses is refused as a fork too."""
    closing: dict[str, dict[str, Any]] = {
        "return-debt": {"open_branches": 2},
        "budget": {"departures": MAX_DEPARTURES},
        "novelty": {"novelty": 0.0},
    }
    verdict = ruling("ZS", T3, **closing[rule])
    assert (verdict.given, verdict.rule) == (T0, rule)
    assert [reason.split()[:2] for reason in verdict.reasons] == [[f"{rule}:", "T3"], [f"{rule}:", "T2"]]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.code)
@pytest.mark.parametrize("wish", [None, *Trajectory])
@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize("in_branch", [False, True])
def test_greatest_depth_forces_a_return(profile, wish, depth, in_branch):
    """Under a page at the greatest depth every symbol and every wish returns."""
    verdict = decide(profile, Situation(depth=depth, in_branch=in_branch), wish=wish, words="elsewhere")
    assert verdict.given is T1
    if wish is T1:
        assert verdict.rule == "wish"


@pytest.mark.parametrize("code", ["XP", "AU", "ZS"])
def test_open_question_in_a_branch_closes_departures(code):
    """It forces a return in place of a departure, but lets the branch continue."""
    forced = decide(BY_CODE[code], Situation(depth=1, in_branch=True, unresolved=1), wish=T2)
    assert (forced.given, forced.rule) == (T1, "unresolved-anchors")
    went_on = decide(BY_CODE[code], Situation(depth=1, in_branch=True, unresolved=1), wish=T0)
    assert (went_on.given, went_on.rule) == (T0, "wish")


def test_open_question_outside_a_branch_closes_nothing():
    assert ruling("XP", T2, unresolved=3).given is T2
    assert ruling("XP", T2, depth=1, unresolved=3).given is T2


def test_rule_is_the_one_that_forced_the_return():
    """Licence and open questions refuse together; the rule is the one that forces."""
    verdict = ruling("ZP", T3, depth=1, in_branch=True, open_branches=1, return_debt=1, unresolved=1)
    assert (verdict.given, verdict.rule) == (T1, "unresolved-anchors")
    assert [reason.partition(":")[0] for reason in verdict.reasons] == ["unresolved-anchors", "licence"]


def test_budget_counts_departures_from_the_ring():
    """A fork inside a branch stays open."""
    assert ruling("XP", T2, departures=MAX_DEPARTURES - 1).given is T2
    assert ruling("XP", T2, departures=MAX_DEPARTURES).given is T0
    assert ruling("XP", T2, departures=MAX_DEPARTURES, depth=1, in_branch=True, open_branches=1).given is T2


def test_departure_needs_novelty():
    """A departure needs a locus that does not repeat the recent ones."""
    terms = read_text("A lantern, a heron and the lock-keeper waited by the sluice.").terms
    alike = [terms] * 4
    assert novelty_against(terms, []) == 1.0
    answers = [ruling("XP", T2, novelty=novelty_against(terms, alike[:count])).given for count in range(5)]
    assert answers == [T2, T2, T2, T0, T0]
    assert ruling("XP", T2, novelty=MIN_NOVELTY).given is T2


def test_reasons_in_the_order_of_the_rules():
    situation = Situation(depth=3, in_branch=True, open_branches=2, unresolved=1, departures=99, novelty=0.0)
    rules = [rule for rule, _ in refuse(T3, BY_CODE["XC"], situation)]
    assert rules == ["ttl", "unresolved-anchors", "licence", "return-debt", "novelty"]
    assert list(refuse(T1, BY_CODE["XC"], situation)) == []


# The trajectory without a wish


@pytest.mark.parametrize(
    ("provenance", "choice", "rule", "given"),
    [
        (Provenance.CANON, Choice.CONTINUE, "canon-continues", {T0}),
        (Provenance.PARALLEL, Choice.FORK, "parallel-forks", {T2}),
        (Provenance.USER, Choice.WORDS, "words", {T0}),
        (Provenance.SYSTEM, Choice.SIGNALS, "signals", {T0, T3}),
    ],
)
def test_without_a_wish_the_provenance_chooses(provenance, choice, rule, given):
    verdicts = [decide(p, ON_CANON) for p in PROFILES if p.provenance is provenance]
    assert {verdict.given for verdict in verdicts} == given
    assert {(verdict.rule, verdict.wished, verdict.reasons) for verdict in verdicts} == {(rule, None, ())}
    assert {p.choice for p in PROFILES if p.provenance is provenance} == {choice}


def test_parallel_page_without_a_fork_continues():
    """The verdict has the reasons."""
    verdict = ruling("YP", open_branches=2, return_debt=2)
    assert (verdict.wished, verdict.given, verdict.rule) == (None, T0, "return-debt")
    assert len(verdict.reasons) == 1


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ("", T0),
        ("What does the water want?", T0),
        ("Take me back.", T1),
        ("let us RETURN to the lamp", T1),
        ("where we began", T1),
        ("home", T1),
        ("Show me something else, elsewhere", T2),
        ("meanwhile?", T2),
        ("I would rather hear London Fox", T2),
        ("what would phillip-bafflemint say", T2),
        ("back to somewhere else", T1),
        ("the backbone of a homestead", T0),
        ("Londonderry, Foxglove", T0),
    ],
)
def test_words_choose_the_trajectory(words, given):
    """A reader's words lead back, away or on."""
    assert follow_words(words, section=1) is given
    for code in ("XU", "YU", "AU", "ZU"):
        verdict = ruling(code, words=words)
        assert (verdict.given, verdict.rule) == (given, "words")


def test_words_naming_the_own_character_do_not_fork():
    assert follow_words("go on, London Fox", section=2) is T0
    assert follow_words("go on, London Fox", section=3) is T2


@pytest.mark.parametrize("name", CHARACTER_NAMES.values())
def test_words_name_characters_in_any_case(name):
    section = list(CHARACTER_NAMES.values()).index(name) + 1
    assert section in named_sections(f"And {name.upper()}?")


def test_words_stay_within_the_rules():
    assert ruling("XU", words="elsewhere", open_branches=2).given is T0
    assert ruling("XU", words="elsewhere", depth=3).given is T1
    assert ruling("XC", words="elsewhere").given is T0
    assert ruling("XU", T0, words="elsewhere").given is T0


@pytest.mark.parametrize(
    ("code", "situation", "given"),
    [
        ("XS", ON_CANON, T0),
        ("XS", Situation(unresolved=1), T2),
        ("ZS", ON_CANON, T3),
        ("ZS", Situation(novelty=0.4), T0),
        ("ZS", Situation(open_branches=2), T0),
        ("AS", Situation(unresolved=1, return_debt=3), T0),
        ("AS", IN_BRANCH, T0),
        ("AS", Situation(depth=1, in_branch=True, open_branches=1, return_debt=2), T1),
        ("ZS", Situation(depth=1, in_branch=True, open_branches=1, return_debt=1, unresolved=1), T1),
    ],
)
def test_system_weighs_debt_questions_novelty(code, situation, given):
    """The system profile weighs return debt, then open questions, then novelty."""
    assert choose(BY_CODE[code], situation, "", 1) == (given, "signals")
    assert decide(BY_CODE[code], situation).given is given


# Whatever the situation


@given(profile=any_profile, situation=situations, wish=any_wish, words=st.text(max_size=40))
@pytest.mark.slow
def test_every_verdict_keeps_the_rules(profile, situation, wish, words):
    """A verdict has reasons exactly where it refuses."""
    verdict = decide(profile, situation, wish=wish, words=words, section=1)
    desired = wish or choose(profile, situation, words, 1)[0]
    assert verdict.wished is wish
    assert verdict.given in profile.open
    assert list(refuse(verdict.given, profile, situation)) == []
    assert bool(verdict.reasons) is (verdict.given is not desired)
    if verdict.given is not desired:
        assert verdict.reasons[0].startswith(f"{verdict.rule}: {desired.value} ")
    if verdict.given in {T2, T3}:
        assert allow_fork(situation.open_branches, situation.return_debt)
        assert situation.depth < MAX_BRANCH_DEPTH
        assert not (situation.in_branch and situation.unresolved)


@given(profile=any_profile, situation=situations, wish=st.sampled_from(Trajectory))
def test_every_wish_is_given_or_the_nearest_open(profile, situation, wish):
    order = {T0: [T0], T1: [T1], T2: [T2, T0], T3: [T3, T2, T0]}[wish]
    returning = situation.depth >= MAX_BRANCH_DEPTH or (
        wish in {T2, T3} and situation.in_branch and situation.unresolved > 0
    )
    allowed = [t for t in order if not list(refuse(t, profile, situation))]
    expected = T1 if returning else allowed[0]
    assert decide(profile, situation, wish=wish).given is expected


# Other limits


def test_limits_change_what_is_open_and_the_version():
    """A policy of other limits decides by them, says them in its reasons, and names them in its version."""
    deep: dict[str, Any] = {"depth": 3, "in_branch": True, "open_branches": 1, "return_debt": 3}
    other = PolicyLimits(max_branch_depth=4, max_return_debt=5)
    assert ruling("XP", T0, **deep).given is T1
    verdict = decide(BY_CODE["XP"], Situation(**deep), wish=T0, limits=other)
    assert (verdict.given, verdict.version) == (T0, "policy/1 max_return_debt=5 max_branch_depth=4")
    (reason,) = decide(BY_CODE["XP"], Situation(depth=4), wish=T0, limits=other).reasons
    assert "depth 4 has reached 4" in reason


@pytest.mark.parametrize(
    ("limits", "situation"),
    [
        (PolicyLimits(max_return_debt=0), {"return_debt": 1}),
        (PolicyLimits(max_open_branches=0), {}),
        (PolicyLimits(max_departures=1), {"departures": 1}),
        (PolicyLimits(min_novelty=1.0), {"novelty": 0.9}),
        (PolicyLimits(max_branch_depth=1), {"depth": 1}),
    ],
)
def test_every_limit_closes_a_fork(limits: PolicyLimits, situation: dict[str, Any]):
    assert decide(BY_CODE["XP"], Situation(**situation), wish=T2).given is T2
    assert decide(BY_CODE["XP"], Situation(**situation), wish=T2, limits=limits).given is not T2


def test_signals_are_weighed_by_the_limits():
    """Without a wish too: a branch goes on until it owes as many pages as the limits allow."""
    owing = Situation(depth=1, in_branch=True, open_branches=1, return_debt=2)
    assert choose(BY_CODE["XS"], owing, "", 1) == (T1, "signals")
    assert choose(BY_CODE["XS"], owing, "", 1, PolicyLimits(max_return_debt=3)) == (T0, "signals")


@pytest.mark.parametrize(
    "limits", [{"max_branch_depth": -1}, {"min_novelty": 1.5}, {"min_novelty": float("nan")}, {"max_departures": -5}]
)
def test_limits_that_mean_nothing_are_refused(limits: dict[str, Any]):
    (name,) = limits
    with pytest.raises(InvalidInput, match=f"The policy's {name} is"):
        PolicyLimits(**limits)


@given(any_profile, situations, any_wish)
def test_default_limits_are_those_of_the_version(profile: Profile, situation: Situation, wish: Trajectory | None):
    assert decide(profile, situation, wish=wish, limits=PolicyLimits()) == decide(profile, situation, wish=wish)
