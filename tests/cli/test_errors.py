from __future__ import annotations

import os

import pytest
from tests.cli.conftest import Call

from qdpi.cli import main
from qdpi.cli.errors import cause_of, exit_code_of, progress_line, report, secrets_of, without
from qdpi.errors import BookRefused, InvalidInput, InvalidSetting, NoBook, StoreUnavailable
from qdpi.terminal.printable import printable


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("x"), 2),
        (InvalidSetting("x"), 2),
        (StoreUnavailable("x"), 1),
        (NoBook("x"), 1),
        (BookRefused("x"), 1),
        (RuntimeError("x"), 1),
        (ExceptionGroup("several", [InvalidInput("x")]), 2),
    ],
)
def test_what_was_misused_exits_with_2_and_what_failed_with_1(error: Exception, code: int):
    assert exit_code_of(error) == code


def test_a_failure_is_one_sentence_with_the_next_step(capsys: pytest.CaptureFixture[str]):
    report(NoBook("There is no book in the store."), {}, [])

    assert capsys.readouterr().err == (
        "qdpi: There is no book in the store. "
        "Run `qdpi ingest-canon PATH`, or `qdpi run`, which ingests the project's own short book.\n"
    )


def test_every_fault_of_a_refused_book_has_a_line(capsys: pytest.CaptureFixture[str]):
    report(BookRefused("The book has 2 faults.", faults=("a.md: empty", "b.md: twice")), {}, [])

    assert [line.strip() for line in capsys.readouterr().err.splitlines()] == [
        "qdpi: The book has 2 faults.",
        "a.md: empty",
        "b.md: twice",
        "Correct the faults and ingest the book again; nothing was written.",
    ]


def test_an_unforeseen_error_is_one_line_and_a_traceback_only_for_who_debugs(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(KeyError) as caught:
        os.environ["ABSENT"]
    error = caught.value

    report(error, {}, [])
    quiet = capsys.readouterr().err
    report(error, {"QDPI_LOG_LEVEL": "debug"}, [])
    loud = capsys.readouterr().err

    assert quiet.count("\n") == 1
    assert "KeyError" in quiet
    assert "Traceback" not in quiet
    assert "Traceback" in loud


def test_a_group_of_one_error_is_that_error():
    inner = InvalidInput("x")

    assert cause_of(ExceptionGroup("outer", [ExceptionGroup("inner", [inner])])) is inner


def test_no_secret_of_the_environment_or_the_command_line_is_told(capsys: pytest.CaptureFixture[str]):
    environ = {"OPENAI_API_KEY": "sk-environment", "QDPI_SECRET": "first,second"}
    arguments = ["run", "--anthropic-api-key", "ak-after", "--openai-api-key=ok-joined", "--port", "8000"]

    report(RuntimeError("sk-environment second ak-after ok-joined 8000"), environ, arguments)

    assert set(secrets_of(environ, arguments)) >= {"sk-environment", "first", "second", "ak-after", "ok-joined"}
    told = capsys.readouterr().err
    assert "*** *** *** *** 8000" in told


def test_a_secret_within_a_longer_one_leaves_nothing_of_it():
    assert without("abcdef", ("abc", "abcdef")) == "***"


def test_progress_is_told_every_so_many_and_at_the_end(capsys: pytest.CaptureFixture[str]):
    progress = progress_line("Reading", every=10)
    for done in range(26):
        progress(done, 25)

    assert capsys.readouterr().err.splitlines() == ["Reading: 10 of 25", "Reading: 20 of 25", "Reading: 25 of 25"]


def test_a_text_cannot_steer_a_terminal():
    assert printable("a\x1b[31mb\x9bc\nd") == "a�[31mb�c\nd"


def test_an_unknown_command_and_an_unknown_flag_are_misuse(qdpi: Call):
    for wrong in (("nope",), ("dlq", "nope"), ("run", "--nope"), ("tail", "--session")):
        code, out, err = qdpi(*wrong)
        assert (code, out) == (2, "")
        assert err.startswith("qdpi: ")
        assert err.count("\n") == 1


def test_an_interrupt_ends_with_130_and_without_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qdpi.cli.cli.invoke", interrupted)

    assert main(["doctor"]) == 130
    assert capsys.readouterr().err.strip() == ""
