"""A command's answer on standard output: text for a person, or JSON for a script."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

import click

if TYPE_CHECKING:
    from qdpi.observability.redaction import Redactor

T = TypeVar("T")


_REDACTOR: Final = "qdpi.redactor"


def redactor() -> Redactor:
    """Return the redactor of this command: it hides the secrets of the environment and of the command line."""
    context = click.get_current_context(silent=True)
    if context is None:
        return _redactor(())
    root = context.find_root()
    if _REDACTOR not in root.meta:
        root.meta[_REDACTOR] = _redactor(root.obj or ())
    made: Redactor = root.meta[_REDACTOR]
    return made


def _redactor(arguments: Sequence[str]) -> Redactor:
    from qdpi.cli.secrets import secrets_of
    from qdpi.observability.redaction import Redactor

    return Redactor(secrets_of(os.environ, arguments))


def write(text: str, *, err: bool = False) -> None:
    """Write text and a line end to standard output or standard error, without secrets. Every command writes by this."""
    click.echo(redactor()(text), err=err)


def answer(given: T, text_of: Callable[[T], str], as_json: bool) -> None:
    """Print an answer: as JSON, or as the text that `text_of` makes of it, without control characters or secrets."""
    from qdpi.terminal.printable import printable

    shown = redactor().within(given)  # before a text is cut
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2, default=str))
    else:
        write(printable(text_of(shown)))


def write_event(event: dict[str, Any], text_of: Callable[[dict[str, Any]], str], as_json: bool) -> None:
    """Print an event on a line: as JSON, or as the text that `text_of` makes of it, without secrets."""
    shown = redactor().within(event)
    click.echo(json.dumps(shown, ensure_ascii=False, default=str) if as_json else redactor()(text_of(shown)))


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    whole = [head, *rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in whole]


def in_shares(shares: Mapping[str, float | None]) -> str:
    """Return shares in words: `form 94%, answers unknown`."""
    return ", ".join(f"{name} {'unknown' if share is None else f'{share:.0%}'}" for name, share in shares.items())


def check_writable(path: Path, next_step: str) -> None:
    """Check, before long work, that a file can be written. Raises `InvalidInput`."""
    from qdpi.errors import InvalidInput

    if path.is_dir() or not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise InvalidInput(f"{path} cannot be written.", next_step=next_step)


@contextmanager
def complete_file(path: Path, next_step: str) -> Iterator[BinaryIO]:
    """Open a file that appears under its name once it is complete; `-` is standard output.

    Raises `InvalidInput` where it cannot be written.
    """
    from qdpi.errors import InvalidInput

    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        part.replace(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror or error}.", next_step=next_step) from error
    finally:
        if os.path.lexists(part):
            part.unlink()
