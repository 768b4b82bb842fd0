"""Trials: a candidate at a press, with the score of its page; kept as they come, so that an optimisation can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from qdpi.errors import InvalidInput
from qdpi.evaluation.statistics import Estimate, estimate
from qdpi.program.saved import SavedProgram


@dataclass(frozen=True, slots=True)
class Trial:
    """The page that a candidate wrote at a press: its score, whether it passed, and the checks that it failed."""

    candidate: str
    press: int
    score: float
    passed: bool
    failed: tuple[str, ...] = ()


def candidate_key(program: SavedProgram) -> str:
    """Return what a candidate is known by: a hash of what it has learnt."""
    whole = program.as_json()
    learnt = {name: whole[name] for name in ("program_version", "dials", "predictors")}
    return hashlib.sha256(json.dumps(learnt, sort_keys=True).encode()).hexdigest()[:16]


class TrialLog:
    """Trials in a file, a line each; one that was cut off at the end is made again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = {(trial.candidate, trial.press): trial for trial in self._read()}

    def of(self, candidate: str, press: int) -> Trial | None:
        """Return a trial that was made before."""
        return self._known.get((candidate, press))

    def append(self, trial: Trial) -> None:
        """Keep a trial; it is in the file when this returns."""
        self._known[trial.candidate, trial.press] = trial
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(trial)) + "\n")

    def _read(self) -> Iterable[Trial]:
        if not self._path.exists():
            return
        whole, _, cut_off = self._path.read_bytes().rpartition(b"\n")
        if cut_off:
            self._path.write_bytes(whole + b"\n" if whole else b"")
        for line in whole.split(b"\n"):
            if line:
                yield _trial(line)


def _trial(line: bytes) -> Trial:
    try:
        given: Mapping[str, Any] = json.loads(line)
        values = {each.name: given[each.name] for each in fields(Trial)}
        return Trial(**{**values, "failed": tuple(values["failed"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(f"{line[:80]!r} is no trial of an optimisation: {error!r:.80}.") from error


def mean_score(trials: Iterable[Trial]) -> Estimate:
    """Return the mean score of trials, with its standard error."""
    return estimate(trial.score for trial in trials)
