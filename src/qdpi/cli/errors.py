"""Error messages and progress on standard error: one sentence with the next step, never a secret."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import click

from qdpi.cli.output import write
from qdpi.cli.secrets import secrets_of
from qdpi.errors import BookRefused, InvalidInput, InvalidSetting, QdpiError
from qdpi.observability.redaction import Redactor

_MISUSED: Final = (InvalidInput, InvalidSetting)


def exit_code_of(error: Exception) -> int:
    """Return a command's exit code: 2 for wrong input, 1 for a failure."""
    cause = cause_of(error)
    if isinstance(cause, click.ClickException):
        return cause.exit_code
    return 2 if isinstance(cause, _MISUSED) else 1


def report(error: Exception, environ: Mapping[str, str], arguments: Sequence[str]) -> None:
    """Write an error to standard error, without the secrets of this environment and command line."""
    cause = cause_of(error)
    redact = Redactor(secrets_of(environ, arguments))
    if isinstance(cause, click.exceptions.NoArgsIsHelpError):
        cause.show()
        return
    if isinstance(cause, click.ClickException):
        click.echo(redact(_usage(cause)), err=True)
        return
    for line in _lines(cause, redact):
        click.echo(redact(line), err=True)
    if not isinstance(cause, QdpiError) and environ.get("QDPI_LOG_LEVEL", "").lower() == "debug":
        click.echo(redact("".join(traceback.format_exception(error))), err=True)


def cause_of(error: Exception) -> Exception:
    """Return the one error of a group that holds one, else the error itself."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" See `{context.command_path} --help`." if context else ""
    return f"qdpi: {error.format_message()}{hint}"


def _lines(error: Exception, redact: Redactor) -> Iterator[str]:
    if isinstance(error, BookRefused) and (error.faults or error.notes):
        yield f"qdpi: {error.detail}"
        yield from (f"  {fault}" for fault in error.faults)
        yield from (f"Note: {note}" for note in error.notes)
        yield error.next_step
    elif isinstance(error, QdpiError):
        yield f"qdpi: {error}"
    else:
        detail = " ".join(redact(str(error)).split())[:300]
        yield (
            f"qdpi: Unexpected error ({type(error).__name__}: {detail}). "
            "The log is above, on standard error; with QDPI_LOG_LEVEL=debug it shows the traceback."
        )


def note(line: str) -> None:
    """Write a line to standard error, so that standard output holds the answer alone."""
    write(line, err=True)


def progress_line(what: str, every: int = 100) -> _Progress:
    """Return a progress callback `(done, total)` that reports every `every` items and the last one."""
    return _Progress(what, every)


class _Progress:
    def __init__(self, what: str, every: int) -> None:
        self._what, self._every, self._reported = what, every, -1

    def __call__(self, done: int, total: int) -> None:
        """Report how many are done."""
        step = total if done >= total else done - done % self._every
        if step > self._reported and step:
            self._reported = step
            note(f"{self._what}: {done} of {total}")
            sys.stderr.flush()


def count_line(what: str, every: int = 1_000) -> Callable[[int], None]:
    """Return a progress callback `(done)` for an unknown total, that reports every `every` items."""
    reported = 0

    def progress(done: int) -> None:
        nonlocal reported
        if done // every > reported:
            reported = done // every
            note(f"{what}: {reported * every}")

    return progress
