"""Saved programs: what an optimiser found, as a JSON file. Instructions and demos of the predictors, and the dials.

A saved program names only what differs from the program of this version. It is refused where it was made by another
version, whose predictors may take other inputs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qdpi.errors import InvalidInput, InvalidSetting
from qdpi.language.prose import rendered
from qdpi.page_schema import ProgramFile
from qdpi.pipeline_signatures import AskSignature, ContinueSignature, ReceiveSignature
from qdpi.program.dials import Dials, dials_of

SAVED_VERSION: Final = 1
PROGRAM_VERSION: Final = "qdpi/1"
MOST_BYTES: Final = 4 << 20
"""The largest file that is read: a page of demos for each of many presses is far below it."""
SIGNATURES: Final[Mapping[str, Any]] = {
    "ask": AskSignature,
    "receive": ReceiveSignature,
    "continue_prose": ContinueSignature,
}
"""The signatures of the predictors, as they are before any optimiser."""
_NEXT: Final = "Name a file that `qdpi optimize` of this version wrote, or unset it for the program as it is."


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Learnt(_Part):
    """What an optimiser gave to a predictor; None and empty where it is as the program has it."""

    instructions: str | None = Field(default=None, min_length=1)
    demos: tuple[dict[str, Any], ...] = ()


class Origin(_Part):
    """What a program was optimised on, for which model, what chose it, and what judged it; each may be empty."""

    optimizer: str = ""
    model: str = ""
    book: str = ""
    pages: str = ""
    split: str = ""
    seed: int | None = None
    chosen_by: str = ""
    judged_by: str = ""
    at: datetime | None = None


class _File(_Part):
    format: Literal["qdpi-program"]
    version: int
    program_version: str
    origin: Origin = Origin()
    dials: dict[str, Any] = Field(default_factory=dict)
    predictors: dict[str, Learnt] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedProgram:
    """A program as it is saved. `file` names the file that it was read from."""

    dials: Dials = Dials()
    predictors: Mapping[str, Learnt] = field(default_factory=dict)
    origin: Origin = Origin()
    file: ProgramFile | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the object of a file."""
        return {
            "format": "qdpi-program",
            "version": SAVED_VERSION,
            "program_version": PROGRAM_VERSION,
            "origin": self.origin.model_dump(mode="json"),
            "dials": self.dials.as_dict(),
            "predictors": {name: learnt.model_dump(mode="json") for name, learnt in self.predictors.items()},
        }


class Teachable(Protocol):
    """A program with the predictors of `SIGNATURES`, and dials."""

    dials: Dials
    ask: Any
    receive: Any
    continue_prose: Any


def learnt_by(program: Teachable) -> SavedProgram:
    """Return what a program has learnt, without an origin."""
    found = {}
    for name, signature in SIGNATURES.items():
        predictor = getattr(program, name)
        instructions, demos = predictor.signature.instructions, tuple(map(_plain, predictor.demos))
        learnt = Learnt(
            instructions=None if instructions == signature.instructions else instructions,
            demos=tuple(demo for demo in demos if _fields_of(signature).issuperset(demo)),
        )
        if learnt != Learnt():
            found[name] = learnt
    return SavedProgram(program.dials, found)


def _plain(demo: Any) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(dict(demo), default=str))
    return {name: value for name, value in values.items() if name != "augmented"}


def _fields_of(signature: Any) -> frozenset[str]:
    return frozenset((*signature.input_fields, *signature.output_fields))


def read_program(path: Path) -> SavedProgram:
    """Return the program of a file, which QDPI_PROGRAM names. Raises `InvalidSetting`."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _refused(path, f"it cannot be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise _refused(path, f"it is larger than {MOST_BYTES >> 20} MiB")
    try:
        return parse_program(data, path.name)
    except InvalidInput as error:
        raise _refused(path, error.detail.rstrip(".")) from error


def _refused(path: Path, why: str) -> InvalidSetting:
    return InvalidSetting(f"QDPI_PROGRAM is {str(path)!r:.200}: {why}.", next_step=_NEXT)


def parse_program(data: bytes, name: str) -> SavedProgram:
    """Return the program of a file's bytes. Raises `InvalidInput` where it is damaged, or of another version."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"it is no JSON: {error!s:.200}") from error
    _check_version(given)
    try:
        saved = _File.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"its {where:.80} is no such thing: {first['msg']:.120}") from error
    for predictor, learnt in saved.predictors.items():
        _check_predictor(predictor, learnt)
    origin, digest = saved.origin, hashlib.sha256(data).hexdigest()
    file = ProgramFile(name=name, sha256=digest, optimizer=origin.optimizer, model=origin.model, book=origin.book)
    return SavedProgram(dials_of(saved.dials), saved.predictors, origin, file)


def _check_version(given: Any) -> None:
    if not isinstance(given, Mapping) or given.get("format") != "qdpi-program":
        raise InvalidInput("it is no saved program")
    if (version := given.get("version")) != SAVED_VERSION:
        raise InvalidInput(f"its layout is of version {version!r:.20}, and this is version {SAVED_VERSION}")
    if (made := given.get("program_version")) != PROGRAM_VERSION:
        raise InvalidInput(f"it was saved by the program {made!r:.40}, and this is {PROGRAM_VERSION!r}")


def _check_predictor(name: str, learnt: Learnt) -> None:
    signature = SIGNATURES.get(name)
    if signature is None:
        raise InvalidInput(f"{name!r:.80} is no predictor; they are {', '.join(SIGNATURES)}")
    output = next(iter(signature.output_fields))
    for number, demo in enumerate(learnt.demos, 1):
        unknown = sorted(demo.keys() - _fields_of(signature))
        if unknown:
            raise InvalidInput(f"demo {number} of {name} has {unknown[0]!r:.80}, which is none of its fields")
        if not isinstance(demo.get(output), str) or not demo[output].strip():
            raise InvalidInput(f"demo {number} of {name} has no {output}")
        if not any(rendered(demo.get(each)) for each in signature.input_fields):
            raise InvalidInput(f"demo {number} of {name} has no question")
