"""Saved programs: what an optimiser found, as a file that changes the page, or is refused with a reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dspy
import pytest
from tests.support import factories
from tests.support.replies import continuer, writer
from tests.support.scripted import ScriptedModel

from qdpi.canon.edition import Edition
from qdpi.errors import InvalidSetting, ModelEmpty
from qdpi.events import fault_of
from qdpi.journey import JourneyState
from qdpi.program import QDPIProgram
from qdpi.program.dials import Dials
from qdpi.program.draft import Draft
from qdpi.program.result import fail
from qdpi.program.saved import MOST_BYTES, Origin, SavedProgram, learnt_by, read_program
from qdpi.services.run import build_program
from qdpi.settings import load_settings
from qdpi.symbols import encode_symbol

TAUGHT = "Begin with the lamp."
DEMO = {"cue": "The keeper climbed the stair.", "page_text": "At the top the lamp was lit."}
ORIGIN = Origin(optimizer="random-search", model="scripted", book="The Spare Hour", seed=3)
SYMBOL = encode_symbol(1, 12)


def taught() -> QDPIProgram:
    """Return a program that has learnt something in each predictor, and other dials."""
    program = QDPIProgram(dials=Dials(demos=1, temperature=0.5))
    program.receive.signature = program.receive.signature.with_instructions(TAUGHT)
    program.ask.demos = [dspy.Example(augmented=True, novel="A novel.", plan="Intent: the lamp.")]
    program.continue_prose.demos = [dspy.Example(DEMO)]
    return program


def written(directory: Path, change: Callable[[dict[str, Any]], Any] = lambda whole: whole) -> Path:
    """Write the taught program, changed, to a file."""
    learnt = learnt_by(taught())
    whole = SavedProgram(learnt.dials, learnt.predictors, ORIGIN).as_json()
    path = directory / "mine.json"
    path.write_text(json.dumps(change(whole)), encoding="utf-8")
    return path


def test_program_that_takes_a_saved_one_has_all_that_it_learnt(tmp_path: Path) -> None:
    saved = read_program(written(tmp_path))
    program = QDPIProgram().take(saved)
    assert program.dials == Dials(demos=1, temperature=0.5)
    assert program.receive.signature.instructions == TAUGHT
    assert program.ask.demos == [{"novel": "A novel.", "plan": "Intent: the lamp."}]
    assert program.continue_prose.demos == [DEMO]
    assert learnt_by(program).as_json() == learnt_by(taught()).as_json()
    assert saved.origin == ORIGIN


def test_what_was_not_learnt_is_not_saved() -> None:
    """So the instructions of a later version are not held back by a program that never changed them."""
    assert learnt_by(QDPIProgram()).as_json()["predictors"] == {}
    assert learnt_by(taught()).predictors["ask"].instructions is None


def test_taking_a_saved_program_forgets_the_one_before(tmp_path: Path) -> None:
    program = QDPIProgram().take(read_program(written(tmp_path))).take(SavedProgram())
    assert learnt_by(program) == SavedProgram()
    assert program.saved is None


def test_demos_of_another_kind_are_not_saved() -> None:
    """`LabeledFewShot` gives predictors the presses themselves."""
    program = QDPIProgram()
    program.receive.demos = [dspy.Example(symbol_code=3, locus_page="S01-P0001")]
    assert learnt_by(program) == SavedProgram()


@pytest.mark.parametrize(("make", "shown"), [(writer, TAUGHT), (continuer, DEMO["page_text"])])
def test_settings_name_the_program_that_writes(
    edition: Edition, tmp_path: Path, make: Callable[[], ScriptedModel], shown: str
) -> None:
    model = make()
    program = build_program(load_settings({"QDPI_PROGRAM": str(written(tmp_path))}), model, edition)
    program(SYMBOL)
    assert shown in model.prompts[-1]
    plain = build_program(load_settings({}), model, edition)
    plain(SYMBOL)
    assert shown not in model.prompts[-1]
    assert plain.saved is None


def test_program_knows_its_file_by_name_hash_and_origin(tmp_path: Path) -> None:
    path = written(tmp_path)
    file = read_program(path).file
    assert file is not None
    assert (file.name, file.sha256) == ("mine.json", hashlib.sha256(path.read_bytes()).hexdigest())
    assert (file.optimizer, file.model, file.book) == ("random-search", "scripted", "The Spare Hour")


def test_receipt_of_a_failed_run_names_the_program_too(tmp_path: Path) -> None:
    file = read_program(written(tmp_path)).file
    fault = fault_of(ModelEmpty("It wrote nothing."), str)
    outcome = fail(factories.request(), JourneyState(), fault, factories.BEGINNING, Draft(program=file), "policy/1")
    assert outcome.receipt.program == file


# what is refused


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: {key: value for key, value in whole.items() if key != name}


def demo(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: whole | {"predictors": {"continue_prose": {"demos": [DEMO, {**DEMO, **fields}]}}}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda whole: [whole], "no saved program"),
        (lambda whole: None, "no saved program"),
        (without("format"), "no saved program"),
        (lambda whole: whole | {"version": 2}, "layout is of version 2, and this is version 1"),
        (without("version"), "layout is of version None"),
        (lambda whole: whole | {"program_version": "qdpi/0"}, "saved by the program 'qdpi/0'"),
        (without("program_version"), "saved by the program None"),
        (lambda whole: whole | {"dials": {"strength": 99}}, "dial strength is 99; it is a number from 0 to 4"),
        (lambda whole: whole | {"dials": {"volume": 1}}, "'volume' is no dial"),
        (lambda whole: whole | {"dials": [1]}, "its dials"),
        (lambda whole: whole | {"state": {}}, "its state"),
        (lambda whole: whole | {"predictors": {"forward": {}}}, "'forward' is no predictor"),
        (lambda whole: whole | {"predictors": {"ask": {"lm": "x"}}}, "its predictors.ask.lm"),
        (lambda whole: whole | {"predictors": {"ask": {"instructions": ""}}}, "its predictors.ask.instructions"),
        (lambda whole: whole | {"predictors": {"ask": {"demos": ["x"]}}}, "its predictors.ask.demos.0"),
        (demo(question="Who?"), "demo 2 of continue_prose has 'question'"),
        (demo(page_text=""), "demo 2 of continue_prose has no page_text"),
        (demo(page_text=None), "demo 2 of continue_prose has no page_text"),
        (demo(cue=""), "demo 2 of continue_prose has no question"),
        (lambda whole: whole | {"origin": {"at": "yesterday"}}, "its origin.at"),
    ],
)
def test_damaged_program_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], Any], cause: str) -> None:
    """The error has the setting's value, what is wrong, and what to do."""
    with pytest.raises(InvalidSetting) as refused:
        read_program(written(tmp_path, change))
    assert "mine.json" in refused.value.detail
    assert cause in refused.value.detail
    assert "qdpi optimize" in refused.value.next_step


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "no JSON"),
        (b'{"format": "qdpi-program", ', "no JSON"),
        (b"\xff\xfe\x00\x80", "no JSON"),
        (b"[" * 200_000, "no JSON"),
        (b" " * (MOST_BYTES + 1), "larger than 4 MiB"),
    ],
    ids=["empty", "cut off", "bytes", "deep", "large"],
)
def test_file_that_is_no_program_is_refused(tmp_path: Path, data: bytes, cause: str) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(data)
    with pytest.raises(InvalidSetting, match=cause):
        read_program(path)


def test_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.json", tmp_path):
        with pytest.raises(InvalidSetting, match="cannot be read"):
            read_program(path)
