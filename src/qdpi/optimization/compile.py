"""DSPy's optimisers on the program: few-shot demos by random search, and instructions by GEPA. Imports DSPy.

- BootstrapFewShotWithRandomSearch (O. Khattab et al., "DSPy: Compiling declarative language model calls into
  self-improving pipelines", ICLR 2024): pages that passed every check become examples of how a page is written.
- GEPA (L. Agrawal et al., "GEPA: Reflective prompt evolution can outperform reinforcement learning", 2025): a model
  reads pages with what the checks say of them, and rewrites the instruction.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

import dspy

from qdpi.evaluation.schedule import ScheduledPress
from qdpi.optimization.objective import feedback_of, score_of
from qdpi.optimization.patient import PatientProgram

MOST_ERRORS: Final = 8
"""After so many presses without a page an optimiser gives up."""
UNCHANGED, UNSHUFFLED = -3, -1
"""The numbers of DSPy's candidates that are no random draw: the program as it is, and the first presses' pages."""
_INPUTS: Final = ("symbol_code", "user_intent", "locus_page")


class TaughtProgram(PatientProgram):
    """The program with one predictor that an optimiser may change; it sees no other."""

    def named_parameters(self) -> list[tuple[str, Any]]:
        """Return the predictor that writes the page."""
        writes = "receive" if self.model.capabilities.plans else "continue_prose"
        return [(name, each) for name, each in super().named_parameters() if name == writes]


def examples(presses: Sequence[ScheduledPress]) -> list[dspy.Example]:
    """Return presses as DSPy's examples, without a label: what a page should be is what the checks say."""
    return [
        dspy.Example(symbol_code=press.symbol_code, user_intent=press.words, locus_page=press.locus).with_inputs(
            *_INPUTS
        )
        for press in presses
    ]


def bootstrap(
    program: TaughtProgram,
    learn: Sequence[ScheduledPress],
    choose: Sequence[ScheduledPress],
    *,
    number: int,
    demos: int,
    threads: int,
) -> tuple[TaughtProgram, list[float]]:
    """Return the candidate of a number, -3, -1 or from 0, and its score at each press that it is chosen by."""

    def metric(example: dspy.Example, page: dspy.Prediction, trace: Any = None) -> float | bool:
        # With a trace the optimiser asks whether the page may become a demo.
        return score_of(page.validation) if trace is None else bool(page.validation["passed"])

    with redirect_stdout(sys.stderr):
        optimiser = dspy.BootstrapFewShotWithRandomSearch(
            metric=metric,
            max_bootstrapped_demos=demos,
            max_labeled_demos=0,
            num_candidate_programs=max(0, number + 1),
            num_threads=threads,
            max_errors=MOST_ERRORS,
        )
        made = optimiser.compile(program, trainset=examples(learn), valset=examples(choose), restrict=[number])
    (found,) = made.candidate_programs
    return made, [float(score) for score in found["subscores"]]


def gepa(
    program: TaughtProgram,
    learn: Sequence[ScheduledPress],
    choose: Sequence[ScheduledPress],
    *,
    reflection: dspy.LM,
    calls: int,
    seed: int,
    threads: int,
    directory: Path,
    tell: Callable[[float], None],
) -> TaughtProgram:
    """Return the program with the best instruction that GEPA found in so many presses.

    Its state is kept in `directory`, where the same call goes on. `tell` is called with the score of each page.
    """

    def metric(example: Any, page: Any, trace: Any = None, name: str | None = None, calls: Any = None) -> Any:
        score = score_of(page.validation)
        if name is None:
            tell(score)
            return score
        return dspy.Prediction(score=score, feedback=feedback_of(page.validation))

    with redirect_stdout(sys.stderr):
        optimiser = dspy.GEPA(
            metric=metric,
            max_metric_calls=calls,
            reflection_lm=reflection,
            num_threads=threads,
            seed=seed,
            log_dir=str(directory),
        )
        made: TaughtProgram = optimiser.compile(program, trainset=examples(learn), valset=examples(choose))
    return made


def scores_at(program: TaughtProgram, presses: Sequence[ScheduledPress], threads: int) -> list[float]:
    """Return a program's score at each of some presses; 0 where there was no page."""
    with redirect_stdout(sys.stderr):
        evaluate = dspy.Evaluate(
            devset=examples(presses),
            metric=lambda example, page, trace=None: score_of(page.validation),
            num_threads=threads,
            max_errors=MOST_ERRORS,
        )
        return [float(score) for _, _, score in evaluate(program).results]
