"""`qdpi eval`: how well writers write, by a judge that shares no page of the book with what they learn from."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from qdpi.cli.options import json_option, settings_options
from qdpi.settings import Settings

if TYPE_CHECKING:
    from qdpi.canon import Book
    from qdpi.evaluation.evaluate import Options
    from qdpi.evaluation.run_directory import RunDirectory
    from qdpi.evaluation.split import Split
    from qdpi.evaluation.writers import Writer

_MOST_PAIRS: Final = 32
_ASKS: Final = "Give a file in UTF-8, one ask a line."


@click.command("eval")
@click.option(
    "--with",
    "given",
    multiple=True,
    metavar="WRITER",
    help="A writer, once or several times: a model such as local, "
    '"QDPI_MODEL=local as=NAME" with any settings, or "url=URL as=NAME" for a gateway elsewhere. '
    "Unset: the model of the settings.",
)
@click.option("--score", is_flag=True, help="Press nothing: write the edition, and score what the directory has.")
@click.option("--presses", type=click.IntRange(1, 100_000), default=64, show_default=True, help="How many presses.")
@click.option("--seed", type=int, default=1, show_default=True, help="What decides the presses.")
@click.option(
    "--loci",
    type=click.Choice(["any", "own"]),
    default="any",
    show_default=True,
    help="Press a voice at pages of any section, or only of its own.",
)
@click.option("--asks", type=click.Path(path_type=Path), help="A file of readers' words, one ask a line.")
@click.option(
    "--at-once", type=click.IntRange(1, 256), default=1, show_default=True, help="How many presses are made at once."
)
@click.option("--blind", is_flag=True, help="Also write pairs of pages to be read without names, and their key.")
@click.option(
    "--tally", type=click.Path(path_type=Path), help="Read the choices that a blind reading exported; press nothing."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("qdpi-eval"),
    show_default=True,
    help="The directory of the evaluation.",
)
@json_option
@settings_options("book")
def evaluate(
    given: tuple[str, ...],
    score: bool,
    presses: int,
    seed: int,
    loci: str,
    asks: Path | None,
    at_once: int,
    blind: bool,
    tally: Path | None,
    out: Path,
    as_json: bool,
    settings: Settings,
) -> None:
    """Evaluate writers on a book: press for them, judge the pages, and compare them with the book's own.

    Each writer gets the same presses, at the last pages of each section, on an edition without the pages that the
    judge learns from. The table has its figures beside those of held-out pages of the book and of chance. The directory
    of the evaluation gets report.html and results.json. Interrupted, the same command goes on. Writers that the
    directory already has stay in the table.
    """
    from qdpi.cli.output import answer
    from qdpi.evaluation.evaluate import Options, prepare, read_tally
    from qdpi.evaluation.run_directory import RunDirectory
    from qdpi.evaluation.schedule import ASKS, Loci
    from qdpi.evaluation.split import split_book
    from qdpi.evaluation.writers import distinct_writers

    directory = RunDirectory(out)
    if tally is not None:
        answer([duel._asdict() for duel in read_tally(directory, tally)], duel_lines, as_json)
        return
    if score and given:
        raise click.UsageError("--score presses nothing, so it takes no --with.")
    writers = [] if score else distinct_writers(given or ("",), os.environ)
    options = Options(
        presses=presses, seed=seed, loci=Loci(loci), asks=read_asks(asks) if asks else ASKS, at_once=at_once
    )
    book = book_of(settings)
    split = split_book(book)
    prepare(directory, book, split, options)
    _press(directory, writers, split, options)
    _answer(directory, book, split, options, blind=blind, as_json=as_json)


def book_of(settings: Settings) -> Book:
    """Return the settings' book, else the project's own. Raises `BookRefused`."""
    from qdpi.canon import own_book, read_book

    return read_book(settings.book) if settings.book else own_book()


def read_asks(path: Path) -> tuple[str, ...]:
    """Return the asks of a file. Raises `InvalidInput`."""
    from qdpi.api.requests import check_words
    from qdpi.errors import InvalidInput

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.", next_step=_ASKS) from error
    asks = tuple(check_words(line.strip()) for line in lines if line.strip())
    if not asks:
        raise InvalidInput(f"{path} has no asks.", next_step=_ASKS)
    return asks


def _press(directory: RunDirectory, writers: Sequence[Writer], split: Split, options: Options) -> None:
    if not writers:
        return
    from qdpi.canon import read_book
    from qdpi.cli.errors import note
    from qdpi.concurrency import until_terminated
    from qdpi.evaluation.evaluate import press_for
    from qdpi.observability.logs import configure_logs
    from qdpi.system import utc_now

    edition = read_book(directory.edition)

    async def press() -> None:
        for writer in writers:
            configure_logs(writer.settings)
            await press_for(
                directory, writer, options.schedule(split), edition, at_once=options.at_once, now=utc_now, tell=note
            )

    try:
        asyncio.run(until_terminated(press()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        note(f"Interrupted. The pages so far are kept in {directory.root}; the same command goes on.")
        raise KeyboardInterrupt from None


def _answer(directory: RunDirectory, book: Book, split: Split, options: Options, *, blind: bool, as_json: bool) -> None:
    from qdpi.cli.errors import note
    from qdpi.cli.output import answer, table
    from qdpi.evaluation.evaluate import score, write_reading, write_results
    from qdpi.evaluation.results import as_json as json_of
    from qdpi.evaluation.results import table_rows

    scored = score(directory, book, split, options)
    written = write_results(directory, scored)
    if blind:
        written += write_reading(directory, scored, _MOST_PAIRS, options.seed)
    head, rows = table_rows(scored.results)
    answer(
        json_of(scored.results),
        lambda done: "\n".join((done["split"]["sentence"], *done["notes"], "", *table(head, rows))),
        as_json,
    )
    note(f"Written: {', '.join(map(str, written))}")


def duel_lines(duels: Sequence[Mapping[str, Any]]) -> str:
    """Return what a reader chose, a line for each two writers."""
    from qdpi.cli.output import table

    rows = [tuple(map(str, each.values())) for each in duels]
    return "\n".join(table(("", "or", "the first", "the second", "both", "neither"), rows))
