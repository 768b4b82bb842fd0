"""An optimisation from its book to a saved program, judged before and after by what did not choose it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qdpi.bootstrap import build_model, check_program
from qdpi.canon.book import Book
from qdpi.canon.edition import Edition
from qdpi.canon.revision import edition_of
from qdpi.errors import InvalidInput, ModelFailed, ModelUnreachable
from qdpi.evaluation.evaluate import Options, pages_hash, prepare, press_for, score, write_results
from qdpi.evaluation.judge import JUDGE_VERSION
from qdpi.evaluation.presses import FAILURES_IN_A_ROW, WriterFailing
from qdpi.evaluation.results import as_json
from qdpi.evaluation.run_directory import RunDirectory, json_text, read_object
from qdpi.evaluation.schedule import ASKS, ScheduledPress
from qdpi.evaluation.split import Split
from qdpi.evaluation.statistics import Estimate, estimate
from qdpi.evaluation.writers import Writer
from qdpi.ids import sha256
from qdpi.language.port import LanguageModel
from qdpi.optimization.loop_thread import LoopThread
from qdpi.optimization.objective import failed_checks, score_of
from qdpi.optimization.patient import PatientProgram
from qdpi.optimization.presses import OptimizationPresses, optimization_presses
from qdpi.optimization.search import Candidate, best_of, draw_candidates, halving
from qdpi.optimization.trials import Trial, TrialLog, candidate_key
from qdpi.program import QDPIProgram
from qdpi.program.dials import Dials
from qdpi.program.saved import Learnt, Origin, SavedProgram, learnt_by, parse_program, read_program
from qdpi.retry import Backoff
from qdpi.settings import Settings

if TYPE_CHECKING:
    from qdpi.optimization.compile import TaughtProgram

RESULTS_VERSION: Final = 1
RECORD_VERSION: Final = 1
RECORD: Final = "optimization.json"
PROGRAM: Final = "program.json"
BEFORE, AFTER = "before", "after"

Tell = Callable[[str], None]
"""Called with lines of progress."""


class Optimizer(StrEnum):
    """What looks for a better program: dials at random, demos at random, or GEPA's reflection on instructions."""

    DIALS = "dials"
    BOOTSTRAP = "bootstrap"
    GEPA = "gepa"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What decides an optimisation beside its book and its model.

    `candidates` are tried beside the program as it is (for GEPA: rewritten instructions, about), `demos` is the most
    that are given to a predictor, and `calls` the most presses of GEPA, None for as many as the candidates need.
    """

    optimizer: Optimizer
    learn: int
    choose: int
    judge: int
    candidates: int
    demos: int
    seed: int
    calls: int | None = None
    asks: tuple[str, ...] = ASKS
    at_once: int = 1

    @property
    def presses_of_gepa(self) -> int:
        """The most presses of GEPA: each candidate is tried on three, and a better one on all it is chosen by."""
        return self.calls or self.candidates * (6 + self.choose) + self.choose

    @property
    def judged(self) -> Options:
        """The evaluation that judges."""
        return Options(presses=max(1, self.judge), seed=self.seed, asks=self.asks, at_once=self.at_once)


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate with its score: the dials or the learnt parts that it has, and on how many presses."""

    number: int
    score: Estimate
    program: SavedProgram


@dataclass(frozen=True, slots=True)
class Found:
    """What an optimiser found: every candidate, the best of them, and the program as it was."""

    tried: Sequence[Tried]
    best: Tried
    before: Tried

    @property
    def has_improved(self) -> bool:
        """Whether the best is another than the program as it was."""
        return self.best is not self.before


class OptimizationDirectory:
    """The files of an optimisation: what is optimised, candidates as they come, the program, and the judgement."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.judged = RunDirectory(root / "judged")

    def begin(self, record: Mapping[str, Any], book: Book, split: Split, plan: Plan) -> None:
        """Write the record and the edition, or check that the directory has the same. Raises `InvalidInput`."""
        path = self.root / RECORD
        if path.exists() and (kept := read_object(path)) != record:
            different = sorted(name for name in record.keys() | kept.keys() if record.get(name) != kept.get(name))
            raise InvalidInput(
                f"{self.root} has another optimisation: {', '.join(different)} differ.",
                next_step="Give the same options again, or another directory with --out.",
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                f"{self.root} cannot be written to: {error.strerror}.", next_step="Give another directory with --out."
            ) from error
        prepare(self.judged, book, split, plan.judged)
        self.write(RECORD, record)

    def write(self, name: str, value: object) -> Path:
        """Write a file of JSON, and return its path."""
        return RunDirectory(self.root).write(name, json_text(value))

    @property
    def trials(self) -> TrialLog:
        """The trials so far."""
        return TrialLog(self.root / "trials.jsonl")

    def keep(self, saved: SavedProgram) -> SavedProgram:
        """Write a program, and return it; one that was written before and differs only in its time is left as it is."""
        path = self.root / PROGRAM
        if path.exists():
            before = read_program(path)
            if replace(before, file=None, origin=before.origin.model_copy(update={"at": saved.origin.at})) == saved:
                return before
        self.write(PROGRAM, saved.as_json())
        return saved

    def candidate(self, number: int) -> Path:
        """Return the file of a candidate."""
        return self.root / f"candidate{number:+d}.json"


def record_of(book: Book, split: Split, plan: Plan, model: str, before: SavedProgram) -> dict[str, Any]:
    """Return what must be the same when an optimisation goes on."""
    return {
        "version": RECORD_VERSION,
        "optimizer": plan.optimizer.value,
        "model": model,
        "book": book.title,
        "pages": pages_hash(book),
        "split": split.sentence(),
        "seed": plan.seed,
        "presses": {"learn": plan.learn, "choose": plan.choose},
        "demos": plan.demos,
        "asks": sha256("\n".join(plan.asks)),
        "before": candidate_key(before),
    }


def presses_of(split: Split, plan: Plan) -> OptimizationPresses:
    """Return the presses to learn from and to choose by. Raises `InvalidInput` for a book without pages for both."""
    try:
        return optimization_presses(split, plan.learn, plan.choose, plan.seed, plan.asks)
    except ZeroDivisionError:
        raise InvalidInput(
            "This book is too small to optimise on: half A has no pages for both learning and choosing.",
            next_step="Give a book of more pages with --book.",
        ) from None


def optimize(
    plan: Plan,
    book: Book,
    split: Split,
    directory: OptimizationDirectory,
    settings: Settings,
    reflection: LanguageModel | None,
    *,
    now: Callable[[], datetime],
    tell: Tell,
) -> tuple[Found, SavedProgram]:
    """Look for a better program with the settings' model, save the best, and return all that was tried and the best.

    Blocks its thread; the model runs on another one. Raises `InvalidInput`, `ModelUnreachable`, `WriterFailing`.
    """
    from qdpi.canon import read_book

    presses, before = presses_of(split, plan), check_program(settings) or SavedProgram()
    with LoopThread() as loop:
        model = loop.run(build_model(settings))
        loop.run(model.open())
        try:
            if reason := loop.run(model.check()):
                raise ModelUnreachable(f"{model.name} cannot be optimised for. {reason}")
            directory.begin(record_of(book, split, plan, model.name, before), book, split, plan)
            edition = edition_of(read_book(directory.judged.edition))
            given = _Given(plan, presses, edition, model, before, _patience(settings), tell)
            if plan.optimizer is Optimizer.DIALS:
                found = loop.run(search_dials(given, directory.trials))
            else:
                found = compile_with_dspy(given, directory, loop, reflection)
            saved = saved_of(found, book, split, plan, model.name, now())
        finally:
            loop.run(model.close())
    return found, directory.keep(saved)


def _patience(settings: Settings) -> dict[str, Any]:
    return {
        "timeout": settings.model_timeout,
        "retries": settings.model_retries,
        "wait": settings.model_wait,
        "backoff": Backoff(),
    }


@dataclass(frozen=True, slots=True)
class _Given:
    plan: Plan
    presses: OptimizationPresses
    edition: Edition
    model: LanguageModel
    before: SavedProgram
    patience: Mapping[str, Any]
    tell: Tell


async def search_dials(given: _Given, trials: TrialLog) -> Found:
    """Search for better dials of an open model; trials that a log has are not made again. Raises `WriterFailing`."""
    plan, before = given.plan, given.before
    program = PatientProgram(given.edition, given.model, **given.patience)
    is_led = given.model.capabilities.is_led
    candidates = draw_candidates(before.dials, plan.candidates, plan.seed, is_led=is_led)
    attempt = _Attempt(program, before, trials)
    best_so_far = 0.0

    def told(candidate: Candidate) -> None:
        nonlocal best_so_far
        best_so_far = max(best_so_far, candidate.score.value or 0.0)
        given.tell(
            f"Candidate {candidate.number} of {len(candidates) - 1}, {len(candidate.trials)} pages: "
            f"{candidate.score.value or 0:.3f} (the best {best_so_far:.3f})"
        )

    tried = await halving(candidates, given.presses.choose, attempt, at_once=plan.at_once, tell=told)
    found = {each.number: Tried(each.number, each.score, replace(before, dials=each.dials)) for each in tried}
    return Found(list(found.values()), found[best_of(tried).number], found[0])


class _Attempt:
    """Makes the trial of dials at a press."""

    def __init__(self, program: QDPIProgram, before: SavedProgram, trials: TrialLog) -> None:
        self._program, self._before, self._trials, self._failures = program, before, trials, 0

    async def __call__(self, dials: Dials, press: ScheduledPress) -> Trial:
        saved = replace(self._before, dials=dials)
        key = candidate_key(saved)
        if known := self._trials.of(key, press.number):
            return known
        program = self._program.deepcopy().take(saved)
        try:
            page = await program.aforward(press.symbol_code, press.words, press.locus)
        except ModelFailed as failure:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                raise WriterFailing(f"The last {self._failures} presses gave no page. {failure.detail}") from failure
            return Trial(key, press.number, 0.0, passed=False, failed=(failure.code,))
        self._failures = 0
        validation = page.validation
        trial = Trial(
            key,
            press.number,
            round(score_of(validation), 6),
            passed=bool(validation["passed"]),
            failed=tuple(failed_checks(validation)),
        )
        self._trials.append(trial)
        return trial


def compile_with_dspy(
    given: _Given, directory: OptimizationDirectory, loop: LoopThread, reflection: LanguageModel | None
) -> Found:
    """Have one of DSPy's optimisers look for demos or instructions, with an open model on a loop's thread."""
    from qdpi.optimization.compile import TaughtProgram

    program = TaughtProgram(given.edition, given.model, run=loop.run, **given.patience)
    program.take(given.before)
    if given.plan.optimizer is Optimizer.GEPA:
        return _gepa(given, program, directory, reflection or given.model)
    return _bootstrap(given, program, directory)


def _bootstrap(given: _Given, program: TaughtProgram, directory: OptimizationDirectory) -> Found:
    from qdpi.optimization.compile import UNCHANGED, UNSHUFFLED, bootstrap

    plan, presses = given.plan, given.presses
    tried: list[Tried] = []
    for number in (UNCHANGED, UNSHUFFLED, *range(plan.candidates - 1)):
        path = directory.candidate(number)
        if not path.exists():
            made, scores = bootstrap(
                program, presses.learn, presses.choose, number=number, demos=plan.demos, threads=plan.at_once
            )
            learnt = given.before if number == UNCHANGED else learnt_by(made)
            directory.write(path.name, {"scores": scores, "program": learnt.as_json()})
        tried.append(_kept(number, read_object(path)))
        given.tell(f"Candidate {number}: {tried[-1].score.value or 0:.3f}")
    return Found(tried, max(tried, key=lambda each: each.score.value or 0.0), tried[0])


def _kept(number: int, kept: Mapping[str, Any]) -> Tried:
    program = parse_program(json_text(kept["program"]).encode(), "")
    return Tried(number, estimate(kept["scores"]), replace(program, file=None))


def _gepa(given: _Given, program: TaughtProgram, directory: OptimizationDirectory, reflection: LanguageModel) -> Found:
    from qdpi.optimization.compile import gepa, scores_at

    plan, choose = given.plan, given.presses.choose
    count = 0

    def counted(score: float) -> None:
        nonlocal count
        count += 1
        given.tell(f"Press {count} of about {plan.presses_of_gepa}: {score:.3f}")

    made = gepa(
        program,
        given.presses.learn,
        choose,
        reflection=reflection.lm,
        calls=plan.presses_of_gepa,
        seed=plan.seed,
        threads=plan.at_once,
        directory=directory.root / "gepa",
        tell=counted,
    )
    first = Tried(0, estimate(scores_at(program, choose, plan.at_once)), given.before)
    if learnt_by(made) == learnt_by(program):
        return Found([first], first, first)
    second = Tried(1, estimate(scores_at(made, choose, plan.at_once)), learnt_by(made))
    best = second if (second.score.value or 0.0) > (first.score.value or 0.0) else first
    return Found([first, second], best, first)


def saved_of(found: Found, book: Book, split: Split, plan: Plan, model: str, at: datetime) -> SavedProgram:
    """Return the best program with its origin."""
    origin = Origin(
        optimizer=plan.optimizer.value,
        model=model,
        book=book.title,
        pages=pages_hash(book),
        split=split.sentence(),
        seed=plan.seed,
        chosen_by=f"the checks of its pages at {plan.choose} presses",
        judged_by=JUDGE_VERSION if plan.judge else "",
        at=at,
    )
    return replace(found.best.program, origin=origin, file=None)


async def judge(
    directory: OptimizationDirectory,
    book: Book,
    split: Split,
    plan: Plan,
    settings: Settings,
    *,
    now: Callable[[], datetime],
    tell: Tell,
) -> dict[str, Any]:
    """Press as an evaluation does for the program before and after, and return its results."""
    from qdpi.canon import read_book

    edition, after = read_book(directory.judged.edition), directory.root / PROGRAM
    key = candidate_key(read_program(after))
    writers = [
        Writer(BEFORE, settings, described={"QDPI_MODEL": settings.model or ""}),
        Writer(AFTER, replace(settings, program=after), described={"QDPI_PROGRAM": key}),
    ]
    options = plan.judged
    for writer in writers:
        presses = options.schedule(split)
        await press_for(directory.judged, writer, presses, edition, at_once=options.at_once, now=now, tell=tell)
    scored = score(directory.judged, book, split, options)
    write_results(directory.judged, scored)
    return as_json(scored.results)


def results_json(
    found: Found, saved: SavedProgram, path: Path, judged: Mapping[str, Any] | None, presses: OptimizationPresses
) -> dict[str, Any]:
    """Return the results as a JSON object; docs/optimizing.md describes it."""
    return {
        "version": RESULTS_VERSION,
        "origin": saved.origin.model_dump(mode="json"),
        "presses": {"learn": len(presses.learn), "choose": len(presses.choose)},
        "candidates": [_tried_json(each) for each in found.tried],
        "before": _tried_json(found.before),
        "best": _tried_json(found.best),
        "improved": found.has_improved,
        "program": {"path": str(path), "sha256": sha256(path.read_text(encoding="utf-8"))},
        "judged": judged,
    }


def _tried_json(tried: Tried) -> dict[str, Any]:
    learnt = {name: _learnt_json(each) for name, each in tried.program.predictors.items()}
    score = {"value": tried.score.value, "error": tried.score.error, "count": tried.score.size}
    return {"number": tried.number, "score": score, "dials": tried.program.dials.as_dict(), "predictors": learnt}


def _learnt_json(learnt: Learnt) -> dict[str, Any]:
    return {"instructions": learnt.instructions, "demos": len(learnt.demos)}
