"""The directory of an evaluation, which a run that ended at any moment goes on with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.evaluation.answered import answer, failure

from qdpi.errors import InvalidInput
from qdpi.evaluation.answers import newest, parse_answer
from qdpi.evaluation.run_directory import RunDirectory
from qdpi.evaluation.schedule import ScheduledPress

AT = datetime(2020, 1, 1, tzinfo=UTC)
PRESSES = [ScheduledPress(number, 16 * number, "S01-P0001", "Who?") for number in range(4)]
ODD = "Odd: \ud800 \u2028 \x85 “quotes” \\ \r\n end."


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    made = RunDirectory(tmp_path / "run")
    made.begin({"seed": 1}, {"000001.md": "a page"})
    return made


def test_answers_are_kept_as_they_came(directory: RunDirectory):
    """Any text of a model comes back unchanged, one line an answer."""
    with directory.appending("w", {"QDPI_MODEL": "x"}, AT) as log:
        log.append(answer(PRESSES[0], ODD))
        assert directory.answers("w") == {0: answer(PRESSES[0], ODD)}
        log.append(failure(PRESSES[1]))
    assert list(directory.answers("w")) == [0, 1]
    assert directory.answers("nobody") == {}


def test_a_line_that_was_cut_off_is_dropped(directory: RunDirectory):
    """After a crash in the middle of a line the next answer begins a line of its own."""
    for count in range(2):
        with directory.appending("w", {}, AT) as log:
            log.append(answer(PRESSES[count]))
        path = directory.root / "w.jsonl"
        path.write_bytes(path.read_bytes() + b'{"number":3,"symbol')
        assert list(directory.answers("w")) == list(range(count + 1))
    with directory.appending("w", {}, AT) as log:
        log.append(answer(PRESSES[2]))
    assert list(directory.answers("w")) == [0, 1, 2]


def test_a_page_wins_over_a_failure(directory: RunDirectory):
    """A press that failed is made again; whatever comes later, its page stays."""
    page = answer(PRESSES[0])
    for order in ([failure(PRESSES[0]), page], [page, failure(PRESSES[0])]):
        assert newest(order) == {0: page}
    later = replace(page, text="Later.")
    assert newest([page, later]) == {0: later}


def test_writers_are_in_the_order_in_which_they_began(directory: RunDirectory):
    for second, name in enumerate(("zebra", "ant")):
        with directory.appending(name, {}, AT.replace(second=second)) as log:
            log.append(answer(PRESSES[0]))
    assert directory.writers() == ["zebra", "ant"]


def test_a_writer_without_answers_is_none(directory: RunDirectory):
    """A writer whose gateway was refused has no column."""
    with directory.appending("w", {}, AT):
        pass
    assert directory.writers() == []


def test_another_writer_of_the_same_name_is_refused(directory: RunDirectory):
    with directory.appending("w", {"QDPI_MODEL": "local"}, AT):
        pass
    with pytest.raises(InvalidInput, match="as=NAME"), directory.appending("w", {"QDPI_MODEL": "offline"}, AT):
        raise AssertionError("it was opened")


def test_two_processes_do_not_press_for_one_writer(directory: RunDirectory):
    with directory.appending("w", {}, AT), pytest.raises(InvalidInput, match="Another process"):
        directory.appending("w", {}, AT).__enter__()


def test_the_same_evaluation_goes_on_and_another_is_refused(directory: RunDirectory):
    directory.begin({"seed": 1}, {"000001.md": "a page"})
    assert (directory.edition / "000001.md").read_text(encoding="utf-8") == "a page"
    with pytest.raises(InvalidInput, match="seed differ"):
        directory.begin({"seed": 2}, {})


def test_a_directory_that_cannot_be_written_to_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="--out"):
        RunDirectory(tmp_path / "file").begin({"seed": 1}, {})


def test_what_is_no_record_and_no_answer_is_refused(directory: RunDirectory):
    (directory.root / "evaluation.json").write_text("[")
    with pytest.raises(InvalidInput, match="is not JSON"):
        directory.begin({"seed": 1}, {})
    for line in ("[", "[]", "{}", '"text"'):
        with pytest.raises(InvalidInput):
            parse_answer(line)


def test_fields_of_later_versions_are_left_out():
    line = answer(PRESSES[0]).line()
    assert parse_answer(line.replace("{", '{"later":1,', 1)) == answer(PRESSES[0])
