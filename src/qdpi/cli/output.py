"""A command's answer on standard output: text for a person, or JSON for a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

T = TypeVar("T")


def answer(given: T, text_of: Callable[[T], str], as_json: bool) -> None:
    """Print an answer: as JSON, or as the text that `text_of` makes of it, without control characters."""
    from qdpi.terminal.printable import printable

    click.echo(json.dumps(given, ensure_ascii=False, indent=2, default=str) if as_json else printable(text_of(given)))


def line(event: dict[str, Any]) -> str:
    """Return an event as one line of JSON."""
    return json.dumps(event, ensure_ascii=False, default=str)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    whole = [head, *rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in whole]
