"""What an optimisation presses, how it scores pages, and how it chooses among candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.books import book_of

from qdpi.canon import own_book
from qdpi.errors import InvalidInput
from qdpi.evaluation.edition import edition_pages
from qdpi.evaluation.schedule import ASKS, Loci, ScheduledPress, schedule_presses
from qdpi.evaluation.split import split_book
from qdpi.optimization.objective import failed_checks, feedback_of, score_of
from qdpi.optimization.presses import optimization_presses
from qdpi.optimization.search import CHOICES, LED, best_of, draw_candidates, halving
from qdpi.optimization.trials import Trial, TrialLog, candidate_key
from qdpi.program.dials import Dials
from qdpi.program.saved import Learnt, SavedProgram

BOOKS = pytest.mark.parametrize("book", [own_book(), book_of(5), book_of(15)], ids=lambda book: str(len(book.pages)))


# presses


@BOOKS
def test_what_learns_chooses_and_judges_shares_no_page(book: Any) -> None:
    split = split_book(book)
    pages = edition_pages(split)
    presses = optimization_presses(split, 64, 64, 1)
    learnt, chosen = ({pages[press.locus] for press in some} for some in (presses.learn, presses.choose))
    judged = {pages[press.locus] for press in schedule_presses(split, 64, 1, Loci.ANY)}
    assert learnt and chosen and judged  # noqa: PT018 (one thing: there are some of each)
    assert learnt | chosen <= set(split.learn)
    assert not (learnt & chosen) | ((learnt | chosen) & judged) | ((learnt | chosen | judged) & set(split.judge))


def test_what_learns_and_what_chooses_is_asked_in_different_words() -> None:
    presses = optimization_presses(split_book(book_of(15)), 64, 64, 1)
    learnt, chosen = ({press.words for press in some} - {""} for some in (presses.learn, presses.choose))
    assert min(len(learnt), len(chosen)) > len(ASKS) / 3
    assert not learnt & chosen


def test_presses_are_decided_by_the_seed() -> None:
    split = split_book(book_of(15))
    assert optimization_presses(split, 16, 16, 1) == optimization_presses(split, 16, 16, 1)
    assert optimization_presses(split, 16, 16, 1) != optimization_presses(split, 16, 16, 2)


# scores


def check(
    name: str, weight: str, passed: bool | None, score: float | None = None, threshold: float | None = 1.0
) -> Any:
    return {
        "name": name, "weight": weight, "passed": passed, "score": score, "threshold": threshold,
        "reason": f"{name} says so.", "reasons": [f"Mend the {name}."] if passed is False else [],
    }  # fmt: skip


def validation(*checks: Any) -> dict[str, Any]:
    return {"checks": list(checks)}


def test_page_that_passes_all_that_can_be_known_scores_one() -> None:
    assert score_of(validation(check("form", "rework", True, 1), check("voice", "advice", None))) == 1.0


def test_page_of_which_nothing_is_known_scores_nothing() -> None:
    assert score_of(validation(check("voice", "advice", None))) == score_of({}) == 0.0


def test_heavier_checks_count_for_more() -> None:
    """One that sends a page back, then advice, then a note."""
    weights = ("rework", "advice", "note")
    scores = [score_of(validation(*(check(w, w, w != failed, 0.0) for w in weights))) for failed in weights]
    assert scores == sorted(scores)
    assert len(set(scores)) == 3


def test_nearer_to_the_threshold_is_better_and_never_as_good_as_passing() -> None:
    far, near = (score_of(validation(check("voice", "advice", False, score, 0.93))) for score in (0.1, 0.92))
    assert 0 < far < near < 0.5


def test_feedback_names_the_heaviest_fault_first() -> None:
    told = feedback_of(validation(check("whole", "note", False, 0), check("form", "rework", False, 0)))
    assert told == "form: Mend the form.\nwhole: Mend the whole."
    assert feedback_of(validation(check("form", "rework", True, 1))) == "The page passes every check."


def test_failed_checks_are_those_known_to_fail() -> None:
    checks = (check("form", "rework", True), check("voice", "advice", False), check("copy", "rework", None))
    assert failed_checks(validation(*checks)) == ["voice"]


# candidates


def test_candidates_begin_with_the_program_as_it_was_and_are_distinct() -> None:
    drawn = draw_candidates(Dials(demos=7), 12, 1, is_led=True)
    assert drawn[0].dials == Dials(demos=7)
    assert [each.number for each in drawn] == list(range(13))
    assert len({each.dials for each in drawn}) == 13


def test_dials_of_words_are_left_alone_where_a_model_is_not_led() -> None:
    first = Dials(strength=0.3, raised=0.7)
    for each in draw_candidates(first, 20, 1, is_led=False):
        assert (each.dials.strength, each.dials.raised) == (0.3, 0.7)
    assert CHOICES.keys() > LED


def test_more_candidates_than_there_are_is_all_there_are() -> None:
    drawn = draw_candidates(Dials(), 10_000, 1, is_led=False)
    assert len({each.dials for each in drawn}) == len(drawn)
    assert len(drawn) <= 1 + len(CHOICES["demos"]) * len(CHOICES["demo_words"]) * len(CHOICES["temperature"])


PRESSES = [ScheduledPress(number, 0, "S01-P0001") for number in range(6)]


async def searched(worth: dict[int, float]) -> tuple[Any, list[tuple[int, int]]]:
    """Search candidates that are worth by how many demos they have; return them and the trials made."""
    made: list[tuple[int, int]] = []

    async def attempt(dials: Dials, press: ScheduledPress) -> Trial:
        made.append((dials.demos, press.number))
        return Trial(str(dials.demos), press.number, worth[dials.demos], passed=True)

    first = draw_candidates(Dials(demos=0), 1, 1, is_led=False)[0]
    candidates = [type(first)(number, Dials(demos=number)) for number in worth]
    return await halving(candidates, PRESSES, attempt), made


async def test_better_half_and_the_program_as_it_was_get_every_press() -> None:
    tried, made = await searched({0: 0.1, 1: 0.2, 2: 0.9, 3: 0.8})
    assert [len(each.trials) for each in tried] == [6, 3, 6, 6]
    assert len(made) == len(set(made)) == 21
    assert best_of(tried).number == 2


async def test_of_equals_the_program_as_it_was_is_kept() -> None:
    tried, _ = await searched(dict.fromkeys(range(4), 0.5))
    assert best_of(tried).number == 0


async def test_candidate_that_had_fewer_presses_is_never_the_best() -> None:
    """Three good pages prove less than six."""
    tried, _ = await searched({0: 0.5, 1: 0.6, 2: 0.55, 3: 0.4})
    assert best_of(tried).number == 1


# trials


def test_trials_are_kept_and_found_again(tmp_path: Path) -> None:
    path, trial = tmp_path / "trials.jsonl", Trial("a", 3, 0.5, passed=False, failed=("voice",))
    TrialLog(path).append(trial)
    assert TrialLog(path).of("a", 3) == trial
    assert TrialLog(path).of("a", 4) is TrialLog(path).of("b", 3) is None


def test_trial_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    for number in range(2):
        TrialLog(path).append(Trial("a", number, 0.5, passed=True))
    path.write_bytes(path.read_bytes()[:-9])
    log = TrialLog(path)
    assert log.of("a", 0) is not None
    assert log.of("a", 1) is None
    log.append(Trial("a", 1, 0.7, passed=True))
    assert TrialLog(path).of("a", 1) == Trial("a", 1, 0.7, passed=True)


@pytest.mark.parametrize("line", ["[]", "{}", "nothing", '{"candidate": "a"}'])
def test_line_that_is_no_trial_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="no trial"):
        TrialLog(path)


def test_candidate_is_known_by_what_it_has_learnt_alone() -> None:
    plain = SavedProgram()
    assert candidate_key(plain) == candidate_key(SavedProgram(Dials()))
    others = [SavedProgram(Dials(demos=1)), SavedProgram(predictors={"receive": Learnt(instructions="Write.")})]
    assert len({candidate_key(each) for each in (plain, *others)}) == 3
