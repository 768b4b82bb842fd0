"""The report of an evaluation: one HTML file with its plots inside, no script, and all text escaped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from qdpi.evaluation.plots import colors_of, dot_plot, time_plot
from qdpi.evaluation.results import FIGURES, PAGE_FIGURES, RUN_FIGURES, Results, known_figures, shown, shown_number
from qdpi.evaluation.scoring import Column, ScoredPage
from qdpi.search.text import paragraphs
from qdpi.symbols import CHARACTER_NAMES, symbol_name

_LOCUS_WORDS: Final = 90
MOST_SHOWN: Final = 256
"""How many presses the report shows with their pages."""


@dataclass(frozen=True, slots=True)
class WriterPage:
    """One writer's page in the report, with its figures in words."""

    writer: str
    color: str
    text: str
    failed: str
    facts: Sequence[str]


@dataclass(frozen=True, slots=True)
class PressShown:
    """A press in the report: the end of its locus, the canon's own next page, and each writer's page."""

    number: int
    symbol: str
    voice: str
    locus: str
    ends: str
    words: str
    canon: str
    pages: Sequence[WriterPage]


def report(results: Results, columns: Sequence[Column]) -> str:
    """Return the report. `columns` are the scored columns that the results were made of."""
    presses = presses_shown(results, columns)
    return (
        templates()
        .get_template("report.html")
        .render(
            results=results,
            split=results.bench.split,
            book=results.bench.book,
            figures=known_figures(results.columns),
            run_figures=RUN_FIGURES,
            titles={figure.name: figure.title for figure in FIGURES},
            colors=colors_of(results.columns),
            dots=dot_plot(results.columns),
            times=time_plot(columns),
            voices=CHARACTER_NAMES,
            presses=presses[:MOST_SHOWN],
            left_out=len(presses[MOST_SHOWN:]),
        )
    )


@cache
def templates(package: str = "qdpi.evaluation") -> Environment:
    """Return the environment of a package's templates, which may extend these: all that they are given is escaped."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("qdpi.evaluation")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=shown, number=shown_number, paragraphs=paragraphs)
    return environment


def presses_shown(results: Results, columns: Sequence[Column]) -> list[PressShown]:
    """Return every press that a writer answered, in order, with the pages side by side."""
    colors = colors_of(results.columns)
    writers = [column for column in columns if column.kind == "writer"]
    pages = {column.name: {p.answer.number: p for p in column.pages if p.answer} for column in writers}
    failures = {column.name: {answer.number: answer for answer in column.failures} for column in writers}
    first = {answer.number: answer for each in failures.values() for answer in each.values()}
    first |= {number: page.answer for each in pages.values() for number, page in each.items() if page.answer}
    following = results.bench.following
    shown_presses = []
    for number, press in sorted(first.items()):
        locus = results.bench.pages[press.locus]
        given = [
            WriterPage(
                writer.name,
                colors[writer.name],
                page.page.text if (page := pages[writer.name].get(number)) else "",
                failed.failed if (failed := failures[writer.name].get(number)) else "",
                facts_of(page) if page else (),
            )
            for writer in writers
            if number in pages[writer.name] or number in failures[writer.name]
        ]
        shown_presses.append(
            PressShown(
                number,
                symbol_name(press.symbol_code),
                CHARACTER_NAMES[press.symbol_code >> 4],
                locus.page_id,
                " ".join(locus.text.split()[-_LOCUS_WORDS:]),
                press.words,
                following[locus.page_id].text,
                given,
            )
        )
    return shown_presses


def facts_of(page: ScoredPage) -> list[str]:
    """Return a page's figures in words, those that say something against it and how the voice was heard first."""
    facts = []
    if page.heard is not None:
        facts.append(f"heard as {CHARACTER_NAMES[page.heard]}")
    for figure in PAGE_FIGURES:
        value: Any = page.figures.get(figure.name)
        if value is not None and not figure.name.startswith("voice"):
            facts.append(f"{figure.title} {_value(value)}")
    if page.answer and page.answer.seconds is not None:
        facts.append(f"{page.answer.trajectory}, {page.answer.seconds:.1f} s")
    return facts


def _value(value: float) -> str:
    return {0.0: "no", 1.0: "yes"}.get(value, f"{value:.2f}".removeprefix("0"))
