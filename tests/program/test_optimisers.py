"""The program under DSPy's optimisers: its calls are traced, other LMs may write, what is learnt changes the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import dspy
import pytest
from tests.support.replies import continuer, is_plan, obliging, page_for, writer
from tests.support.scripted import ScriptedModel

from qdpi.canon.edition import Edition
from qdpi.program import QDPIProgram
from qdpi.program.draft import Draft, RunInput, SilentProgress
from qdpi.symbols import encode_symbol

AC, ZC = 8, 12
LEARNT = "Begin with the lamp."
REPEATED = "repeated runs of four words"
Make = Callable[[], ScriptedModel]


def share_passed(gold: dspy.Example, page: dspy.Prediction, trace: Any = None, *told: Any) -> Any:
    """Return the share of the checks that a page passes; with the reasons where an optimiser asks for a predictor."""
    checks = page.validation["checks"]
    score = sum(bool(check["passed"]) for check in checks) / len(checks)
    if told and told[0]:
        return dspy.Prediction(score=score, feedback=" ".join(check["reason"] for check in checks))
    return score


@pytest.fixture
def presses(edition: Edition) -> list[dspy.Example]:
    """Four presses, half of them with words; two of them are planned where the model can plan."""
    loci = list(edition.pages)
    return [
        dspy.Example(
            symbol_code=encode_symbol(n, ZC if n % 2 else AC),
            user_intent="the kettle" if n % 2 else "",
            locus_page=loci[5 * n],
        ).with_inputs("symbol_code", "user_intent", "locus_page")
        for n in range(4)
    ]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with dspy.context(num_threads=1):
        yield


BOTH = pytest.mark.parametrize("make", [writer, continuer], ids=["plans", "continues"])


@BOTH
def test_evaluate_scores_a_program_by_its_checks(edition: Edition, presses: list[dspy.Example], make: Make) -> None:
    result = dspy.Evaluate(devset=presses, metric=share_passed)(QDPIProgram(edition, make()))
    assert 50 < result.score <= 100


@BOTH
def test_demos_without_an_answer_are_left_out(edition: Edition, presses: list[dspy.Example], make: Make) -> None:
    """`LabeledFewShot` gives each predictor the presses themselves, which none of them can be shown."""
    model = make()
    program = dspy.LabeledFewShot(k=2).compile(QDPIProgram(edition, model), trainset=presses)
    program(**presses[1].inputs())
    compiled, model.prompts[:] = list(model.prompts), []
    QDPIProgram(edition, model)(**presses[1].inputs())
    assert compiled == model.prompts


def test_bootstrapped_demos_stand_in_the_prompts_of_a_model_that_plans(
    edition: Edition, presses: list[dspy.Example]
) -> None:
    """Plans among the plans, and pages among the pages."""
    model = writer()
    optimiser = dspy.BootstrapFewShot(metric=share_passed, max_bootstrapped_demos=2, max_labeled_demos=0)
    program = optimiser.compile(QDPIProgram(edition, model), trainset=presses)
    assert {name: len(each.demos) for name, each in program.named_predictors()} == {
        "ask": 2,
        "receive": 2,
        "continue_prose": 0,
    }
    model.prompts.clear()
    program(**presses[3].inputs())
    plan, page = model.prompts[:2]
    assert all(demo.plan in plan for demo in program.ask.demos)
    assert all(demo.page_text in page for demo in program.receive.demos)


def test_bootstrapped_demos_stand_in_the_prompts_of_a_model_that_continues(
    edition: Edition, presses: list[dspy.Example]
) -> None:
    """In the place of the pairs of the voice."""
    model = continuer()
    optimiser = dspy.BootstrapFewShotWithRandomSearch(
        metric=share_passed, max_bootstrapped_demos=2, max_labeled_demos=0, num_candidate_programs=1
    )
    program = optimiser.compile(QDPIProgram(edition, model), trainset=presses[:2], valset=presses[2:], restrict=[-1])
    demos = program.continue_prose.demos
    assert len(demos) == 2
    model.prompts.clear()
    program(**presses[3].inputs())
    assert all(demo.cue in model.prompts[0] and demo.page_text in model.prompts[0] for demo in demos)


def test_gepa_finds_the_instruction_that_the_checks_ask_for(edition: Edition, presses: list[dspy.Example]) -> None:
    """Its reflection is shown the reasons of the checks, and the page changes with what it proposes."""
    model = writer(lambda prompt: obliging(prompt) if is_plan(prompt) or LEARNT in prompt else "the lamp " * 90)
    reflection = writer(lambda prompt: json.dumps({"new_instruction": LEARNT}))
    optimiser = dspy.GEPA(
        metric=share_passed,
        max_metric_calls=12,
        reflection_lm=reflection.lm,
        num_threads=1,
        reflection_minibatch_size=2,
        component_selector=lambda *_: ["receive"],
    )
    program = optimiser.compile(QDPIProgram(edition, model), trainset=presses[:2], valset=presses[2:])
    assert program.receive.signature.instructions == LEARNT
    assert "the lamp" in reflection.prompts[0]
    assert REPEATED in reflection.prompts[0]
    assert program(**presses[0].inputs()).validation["passed"]


def test_best_of_n_takes_the_better_page(edition: Edition, presses: list[dspy.Example]) -> None:
    """It binds copies of the model's LM to the predictors, one a try."""
    told = iter(["the lamp " * 90, "the lamp " * 90])
    model = continuer(lambda prompt: next(told, page_for(prompt)))
    best = dspy.BestOfN(
        QDPIProgram(edition, model), N=2, reward_fn=lambda _, page: float(page.validation["passed"]), threshold=1.0
    )
    with dspy.context(lm=model.lm):
        assert best(**presses[0].inputs()).validation["passed"]


def test_simba_runs(edition: Edition, presses: list[dspy.Example]) -> None:
    """It copies the LM for each of its tries, and gives the program the demos of the best."""
    model = continuer()
    optimiser = dspy.SIMBA(metric=share_passed, bsize=2, num_candidates=2, max_steps=1, max_demos=1, num_threads=1)
    with dspy.context(lm=model.lm):
        program = optimiser.compile(QDPIProgram(edition, model), trainset=presses, seed=1)
    assert isinstance(program, QDPIProgram)
    assert model.prompts


# an LM from outside


@BOTH
def test_lm_that_is_bound_from_outside_gets_the_prompts_of_the_own_one(
    edition: Edition, presses: list[dspy.Example], make: Make
) -> None:
    own, other = make(), writer()
    program = QDPIProgram(edition, own)
    program(**presses[1].inputs())
    with dspy.context(lm=other.lm):
        program(**presses[1].inputs())
    assert other.prompts == own.prompts


def test_lm_of_the_predictors_comes_before_one_of_the_context(edition: Edition, presses: list[dspy.Example]) -> None:
    own, outer, inner = writer(), writer(), writer()
    program = QDPIProgram(edition, own)
    program.set_lm(inner.lm)
    with dspy.context(lm=outer.lm):
        program(**presses[1].inputs())
    assert (bool(own.prompts), bool(outer.prompts), bool(inner.prompts)) == (False, False, True)


def test_program_without_a_model_takes_an_lm_for_one_that_follows_instructions(
    edition: Edition, presses: list[dspy.Example]
) -> None:
    other = writer()
    with dspy.context(lm=other.lm):
        QDPIProgram(edition)(**presses[1].inputs())
    assert is_plan(other.prompts[0])


# the trace


async def test_the_product_adds_nothing_to_dspys_trace(edition: Edition) -> None:
    """A worker that wrote for months would keep its readers' words in memory."""
    program, trace = QDPIProgram(edition, writer()), list[Any]()
    run = RunInput(page_id="new", symbol_code=ZC, pressed=next(iter(edition.pages.values())), edition=edition)
    with dspy.context(trace=trace):
        await program.draft(run, program.prepare(run), Draft(), SilentProgress())
    assert trace == []


def test_trace_has_each_call_with_its_predictor(edition: Edition, presses: list[dspy.Example]) -> None:
    program = QDPIProgram(edition, writer())
    with dspy.context(trace=[]):
        page = program(**presses[1].inputs())
        calls = list(dspy.settings.trace)
    assert [predictor for predictor, _, _ in calls] == [program.ask, program.receive]
    assert calls[-1][2].page_text == page.page_text


# instructions


def test_learnt_instruction_stands_before_whose_voice_it_is(edition: Edition, presses: list[dspy.Example]) -> None:
    """So a program for models that continue prose can be taught, and each page still knows its voice."""
    model = continuer()
    program = QDPIProgram(edition, model)
    program(**presses[1].inputs())
    program.continue_prose.signature = program.continue_prose.signature.with_instructions(LEARNT)
    program(**presses[1].inputs())
    assert model.prompts[1] == f"{LEARNT}\n\n{model.prompts[0]}"
