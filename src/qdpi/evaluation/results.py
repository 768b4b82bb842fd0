"""The results of an evaluation: figures with their errors, a column a writer; and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from qdpi.evaluation.judge import JUDGE_VERSION
from qdpi.evaluation.properties import PROPERTIES
from qdpi.evaluation.scoring import Bench, Column, ScoredPage
from qdpi.evaluation.statistics import Estimate, estimate, paired, percentile
from qdpi.symbols import CHARACTER_MAP

RESULTS_VERSION: Final = 1
NOT_ENGLISH: Final = (
    "This book does not seem to be in English: lectures are left out, and --asks should give words in its language."
)


class Figure(NamedTuple):
    """A row of the table: its name in JSON, its title, its meaning, and whether `more` or `less` of it is wanted."""

    name: str
    title: str
    meaning: str
    wanted: str = ""


VOICE_FIGURES: Final = (
    Figure("voice_1", "voice", "the judge (half B) hears the voice that was asked for", "more"),
    Figure("voice_3", "voice, of three", "that voice is among the judge's first three", "more"),
    Figure("voice_ab_1", "voice, A+B", "the same by a judge of both halves, of which the writer knows one", "more"),
    Figure("voice_ab_3", "voice, of three, A+B", "that voice is among this judge's first three", "more"),
)
PRODUCT_FIGURES: Final = (
    Figure("passed", "passed", "passed the product's own checks", "more"),
    Figure("reworked", "reworked", "was written twice", "less"),
    Figure("cut", "cut off", "a model call ran into its limit of tokens", "less"),
)
APART_FIGURES: Final = (
    Figure("behaviors", "behaviours apart", "a classifier finds the behaviour from other pages' texts", "more"),
    Figure("orientations", "orientations apart", "the same for X, Y, A and Z", "more"),
    Figure("provenances", "provenances apart", "the same for C, P, U and S", "more"),
)
PAGE_FIGURES: Final = (
    *VOICE_FIGURES,
    *(Figure(each.name, each.title, each.meaning, each.wanted) for each in PROPERTIES),
    *PRODUCT_FIGURES,
)
FIGURES: Final = (*PAGE_FIGURES, *APART_FIGURES)
"""Every figure that is a share or a mean over pages, in the order of the table."""
RUN_FIGURES: Final = (
    Figure("words", "words a page", "mean"),
    Figure("calls", "model calls a page", "mean"),
    Figure("prompt_tokens", "tokens in, a page", "mean, where the model counts them"),
    Figure("completion_tokens", "tokens out, a page", "mean, where the model counts them"),
    Figure("cost", "cost a page", "mean, where the model tells it"),
    Figure("first_text_p50", "first text, p50", "seconds from the press to the first piece of text"),
    Figure("first_text_p95", "first text, p95", "seconds"),
    Figure("seconds_p50", "page, p50", "seconds from the press to the page"),
    Figure("seconds_p95", "page, p95", "seconds"),
)
CHANCE_OF_APART: Final = {"behaviors": 1 / 16, "orientations": 1 / 4, "provenances": 1 / 4}


@dataclass(frozen=True, slots=True)
class ColumnResult:
    """The figures of a column."""

    name: str
    kind: str
    pages: int
    failed: int
    figures: Mapping[str, Estimate]
    run: Mapping[str, float | None]
    heard: Sequence[Sequence[int]]
    """How often each voice (row) was heard as each (column); 16 by 16."""
    models: Sequence[str]


class PairedChange(NamedTuple):
    """On how many presses a writer gained and lost a figure against the first writer."""

    writer: str
    against: str
    figure: str
    gained: int
    lost: int
    presses: int


@dataclass(frozen=True, slots=True)
class Results:
    """The results of an evaluation."""

    bench: Bench
    seed: int
    loci: str
    columns: Sequence[ColumnResult]
    changes: Sequence[PairedChange]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the book is too small for."""
        return (*self.bench.split.notes(), *(() if self.bench.ground.is_english else (NOT_ENGLISH,)))


def results_of(bench: Bench, columns: Sequence[Column], seed: int, loci: str) -> Results:
    """Return the results of scored columns."""
    writers = [column for column in columns if column.kind == "writer"]
    changes = [change for other in writers[1:] for change in _changes(writers[0], other)]
    return Results(bench, seed, loci, [_column_result(column) for column in columns], changes)


def _column_result(column: Column) -> ColumnResult:
    figures = {each.name: estimate(page.figures.get(each.name) for page in column.pages) for each in PAGE_FIGURES}
    if column.kind == "chance":
        apart = {name: Estimate(share, None, 0) for name, share in CHANCE_OF_APART.items()}
    else:
        apart = {each.name: estimate(map(float, column.apart.get(each.name, ()))) for each in APART_FIGURES}
    heard = [[0] * len(CHARACTER_MAP) for _ in CHARACTER_MAP]
    for page in column.pages:
        if page.heard is not None:
            heard[page.voice][page.heard] += 1
    models = sorted({page.answer.model for page in column.pages if page.answer})
    return ColumnResult(
        column.name, column.kind, len(column.pages), len(column.failures), figures | apart, _run(column), heard, models
    )


def _run(column: Column) -> dict[str, float | None]:
    answers = [page.answer for page in column.pages if page.answer]
    first, whole = [a.first_text for a in answers], [a.seconds for a in answers]
    return {
        "words": estimate(len(page.page.text.split()) for page in column.pages).value,
        "calls": estimate(len(a.calls) for a in answers).value,
        "prompt_tokens": estimate(a.tokens("prompt") for a in answers).value,
        "completion_tokens": estimate(a.tokens("completion") for a in answers).value,
        "cost": estimate(a.receipt.get("cost") for a in answers).value,
        "first_text_p50": percentile(first, 0.5),
        "first_text_p95": percentile(first, 0.95),
        "seconds_p50": percentile(whole, 0.5),
        "seconds_p95": percentile(whole, 0.95),
    }


def _changes(first: Column, other: Column) -> Iterable[PairedChange]:
    before, after = _by_number(first), _by_number(other)
    both = sorted(before.keys() & after.keys())
    for each in PAGE_FIGURES:
        values = [[pages[number].figures.get(each.name) for number in both] for pages in (before, after)]
        change = paired(*values)
        if change.presses:
            yield PairedChange(other.name, first.name, each.name, *change)


def _by_number(column: Column) -> dict[int, ScoredPage]:
    return {page.answer.number: page for page in column.pages if page.answer}


def as_json(results: Results) -> dict[str, Any]:
    """Return results as a JSON object; docs/evaluation.md describes it."""
    bench = results.bench
    return {
        "version": RESULTS_VERSION,
        "judge": JUDGE_VERSION,
        "book": {"title": bench.book.title, "pages": len(bench.book.pages)},
        "split": {
            "sentence": bench.split.sentence(),
            "loci": len(bench.split.loci),
            "learn": len(bench.split.learn),
            "judge": len(bench.split.judge),
            "voices_judged": [CHARACTER_MAP[voice] for voice in sorted(bench.split.voices)],
        },
        "seed": results.seed,
        "loci": results.loci,
        "notes": list(results.notes),
        "figures": [figure._asdict() for figure in (*FIGURES, *RUN_FIGURES)],
        "columns": [_column_json(column) for column in results.columns],
        "changes": [change._asdict() for change in results.changes],
    }


def _column_json(column: ColumnResult) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind,
        "models": list(column.models),
        "pages": column.pages,
        "failed": column.failed,
        "figures": {
            name: {"value": _short(each.value), "error": _short(each.error), "count": each.size}
            for name, each in column.figures.items()
        },
        "run": {name: _short(value) for name, value in column.run.items()},
        "heard": [list(row) for row in column.heard],
    }


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def known_figures(columns: Iterable[ColumnResult]) -> list[Figure]:
    """Return the figures that at least one column has."""
    given = list(columns)
    return [each for each in FIGURES if any(column.figures[each.name].value is not None for column in given)]


def table_rows(results: Results) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the head and the rows of the table; figures that no column has are left out."""
    head = ("", *(f"{column.name} ({column.pages})" for column in results.columns))
    rows = [("no page", *(str(column.failed) if column.kind == "writer" else "" for column in results.columns))]
    rows += [(each.title, *(shown(column.figures[each.name]) for column in results.columns)) for each in FIGURES]
    rows += [(each.title, *(shown_number(column.run[each.name]) for column in results.columns)) for each in RUN_FIGURES]
    return head, [row for row in rows if any(row[1:])]


def shown(each: Estimate) -> str:
    """Return an estimate as `.58 ±.06`, "" for none."""
    if each.value is None:
        return ""
    return _share(each.value) + (f" ±{_share(each.error)}" if each.error is not None else "")


def shown_number(value: float | None) -> str:
    """Return a number of a run with two or three figures that matter, "" for none."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 or value == 0 else f"{value:.2g}"


def _share(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 1 else f"{value:.2f}"
