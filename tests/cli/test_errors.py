from __future__ import annotations

import os

import pytest
from tests.cli.conftest import Call

from qdpi.cli import main
from qdpi.cli.errors import cause_of, exit_code_of, progress_line, report
from qdpi.cli.secrets import secrets_of
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
def test_exit_codes_of_misuse_and_failure(error: Exception, code: int):
    """Misuse exits with 2, a failure with 1."""
    assert exit_code_of(error) == code


def test_report_is_one_sentence_with_the_next_step(capsys: pytest.CaptureFixture[str]):
    """A failure is one sentence with the next step."""
    report(NoBook("There is no book in the store."), {}, [])

    assert capsys.readouterr().err == (
        "qdpi: There is no book in the store. "
        "Run `qdpi ingest-canon PATH`, or `qdpi run`, which ingests the project's own short book.\n"
    )


def test_report_lists_every_fault_of_a_book(capsys: pytest.CaptureFixture[str]):
    """Every fault of a refused book has a line."""
    report(BookRefused("The book has 2 faults.", faults=("a.md: empty", "b.md: twice")), {}, [])

    assert [line.strip() for line in capsys.readouterr().err.splitlines()] == [
        "qdpi: The book has 2 faults.",
        "a.md: empty",
        "b.md: twice",
        "Correct the faults and ingest the book again; nothing was written.",
    ]


def test_report_shows_a_traceback_only_at_debug_level(capsys: pytest.CaptureFixture[str]):
    """An unexpected error is one line; it has a traceback only at the debug level."""
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


def test_cause_of_a_group_of_one():
    """A group of one error is that error."""
    inner = InvalidInput("x")

    assert cause_of(ExceptionGroup("outer", [ExceptionGroup("inner", [inner])])) is inner


def test_report_hides_secrets(capsys: pytest.CaptureFixture[str]):
    environ = {"OPENAI_API_KEY": "sk-environment", "QDPI_SECRET": "first,second"}
    arguments = ["run", "--anthropic-api-key", "ak-after", "--openai-api-key=ok-joined", "--port", "8000"]
    arguments += ["--with", "openai/NAME OPENAI_API_KEY=sk-among as=large", "--with=ANTHROPIC_API_KEY='ak-alone'"]

    report(RuntimeError("sk-environment second ak-after ok-joined sk-among ak-alone 8000"), environ, arguments)

    known = set(secrets_of(environ, arguments))
    assert known >= {"sk-environment", "first", "second", "ak-after", "ok-joined", "sk-among", "ak-alone"}
    result = capsys.readouterr().err
    assert "*** *** *** *** *** *** 8000" in result


def test_progress_line_reports_steps_and_the_end(capsys: pytest.CaptureFixture[str]):
    progress = progress_line("Reading", every=10)
    for done in range(26):
        progress(done, 25)

    assert capsys.readouterr().err.splitlines() == ["Reading: 10 of 25", "Reading: 20 of 25", "Reading: 25 of 25"]


def test_printable_removes_control_characters():
    """A text cannot control the terminal."""
    assert printable("a\x1b[31mb\x9bc\nd") == "a�[31mb�c\nd"


def test_unknown_commands_and_flags_are_misuse(qdpi: Call):
    """An unknown command and an unknown flag are misuse."""
    for wrong in (("nope",), ("dlq", "nope"), ("run", "--nope"), ("tail", "--session")):
        code, out, err = qdpi(*wrong)
        assert (code, out) == (2, "")
        assert err.startswith("qdpi: ")
        assert err.count("\n") == 1


def test_interrupt_exits_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """An interrupt exits with 130 and prints nothing."""

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qdpi.cli.cli.invoke", interrupted)

    assert main(["doctor"]) == 130
    assert capsys.readouterr().err.strip() == ""
