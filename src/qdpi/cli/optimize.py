"""`qdpi optimize`: look for a better program on some pages of a book, and judge it on others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qdpi.cli.options import MODEL, json_option, settings_options
from qdpi.settings import Settings

if TYPE_CHECKING:
    from qdpi.language.port import LanguageModel


@click.command()
@click.option(
    "--by",
    type=click.Choice(["dials", "bootstrap", "gepa"]),
    default="dials",
    show_default=True,
    help="What is looked for: dials of a model that continues prose, demos, or instructions by GEPA.",
)
@click.option(
    "--candidates", type=click.IntRange(1, 200), default=12, show_default=True, help="How many candidates are tried."
)
@click.option("--presses", type=click.IntRange(2, 1_000), default=12, show_default=True, help="Presses to choose by.")
@click.option(
    "--learn",
    type=click.IntRange(1, 1_000),
    default=16,
    show_default=True,
    help="Presses to learn from: demos come from their pages, and GEPA reads them.",
)
@click.option("--demos", type=click.IntRange(1, 16), default=2, show_default=True, help="The most demos.")
@click.option(
    "--calls", type=click.IntRange(1, 100_000), help="The most presses of GEPA. Unset: what its candidates need."
)
@click.option(
    "--reflection", metavar="MODEL", help="The model that rewrites instructions for GEPA. Unset: the one that writes."
)
@click.option(
    "--judge",
    type=click.IntRange(0, 10_000),
    default=32,
    show_default=True,
    help="How many presses judge the program before and after; 0 for none.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="What decides presses and candidates.")
@click.option("--asks", type=click.Path(path_type=Path), help="A file of readers' words, one ask a line.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=1, show_default=True, help="How many presses are made at once."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("qdpi-optimize"),
    show_default=True,
    help="The directory of the optimisation.",
)
@json_option
@settings_options(*MODEL, "book")
def optimize(
    by: str,
    candidates: int,
    presses: int,
    learn: int,
    demos: int,
    calls: int | None,
    reflection: str | None,
    judge: int,
    seed: int,
    asks: Path | None,
    at_once: int,
    out: Path,
    as_json: bool,
    settings: Settings,
) -> None:
    """Look for a better program, save it, and judge it before and after.

    Candidates are chosen by the product's own checks of their pages. The judge is that of `qdpi eval`: what learns,
    what chooses and what judges share no page of the book. The directory gets program.json, which QDPI_PROGRAM names,
    and results.json. Interrupted, the same command goes on.
    """
    from qdpi.cli.eval import book_of, read_asks
    from qdpi.cli.output import answer
    from qdpi.evaluation.schedule import ASKS
    from qdpi.optimization.optimize import Optimizer, Plan

    plan = Plan(
        optimizer=Optimizer(by),
        learn=learn,
        choose=presses,
        judge=judge,
        candidates=candidates,
        demos=demos,
        seed=seed,
        calls=calls,
        asks=read_asks(asks) if asks else ASKS,
        at_once=at_once,
    )
    if reflection and plan.optimizer is not Optimizer.GEPA:
        raise click.UsageError("--reflection is for --by gepa.")
    done = _optimized(plan, book_of(settings), out, settings, reflection)
    answer(done, lambda found: "\n".join(result_lines(found)), as_json)


def _optimized(plan: Any, book: Any, out: Path, settings: Settings, reflection: str | None) -> dict[str, Any]:
    from qdpi.cli.errors import note
    from qdpi.concurrency import until_terminated
    from qdpi.evaluation.split import split_book
    from qdpi.evaluation.writers import quiet
    from qdpi.observability.logs import configure_logs
    from qdpi.optimization import optimize as work
    from qdpi.system import utc_now

    directory, split, settings = work.OptimizationDirectory(out), split_book(book), quiet(settings)
    configure_logs(settings)
    try:
        found, saved = work.optimize(
            plan, book, split, directory, settings, _reflecting(settings, reflection), now=utc_now, tell=note
        )
        judged: dict[str, Any] = {}

        async def judge() -> None:
            judged["results"] = await work.judge(directory, book, split, plan, settings, now=utc_now, tell=note)

        if plan.judge and found.has_improved:
            asyncio.run(until_terminated(judge()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        note(f"Interrupted. What is done is kept in {out}; the same command goes on.")
        raise KeyboardInterrupt from None
    presses = work.presses_of(split, plan)
    done = work.results_json(found, saved, out / work.PROGRAM, judged.get("results"), presses)
    directory.write("results.json", done)
    return done


def _reflecting(settings: Settings, name: str | None) -> LanguageModel | None:
    from qdpi.bootstrap import build_model

    return asyncio.run(build_model(replace(settings, model=name))) if name else None


def result_lines(done: Mapping[str, Any]) -> Iterator[str]:
    """Yield the results as lines: the candidates, the best of them, what the judge says, and what to do next."""
    from qdpi.cli.output import table

    rows = [(str(each["number"]), _score(each["score"]), _what(each)) for each in done["candidates"]]
    yield from table(("candidate", "score", "what it has"), rows)
    yield ""
    best, before = done["best"], _score(done["before"]["score"])
    yield (
        f"The best is candidate {best['number']}: {_score(best['score'])}, where it was {before} before."
        if done["improved"]
        else "No candidate was better than the program as it was."
    )
    if judged := done["judged"]:
        yield from ("", "By the judge, which chose nothing:", judged["split"]["sentence"], *_judged(judged))
    yield ""
    yield f"Saved: {done['program']['path']}. QDPI_PROGRAM={done['program']['path']} has it write the pages."


def _score(score: Mapping[str, Any]) -> str:
    if score["value"] is None:
        return "–"
    error = f" ±{score['error']:.3f}" if score["error"] is not None else ""
    return f"{score['value']:.3f}{error} ({score['count']})"


def _what(tried: Mapping[str, Any]) -> str:
    dials = ", ".join(f"{name} {'–' if value is None else value}" for name, value in tried["dials"].items())
    learnt = [
        f"{name}: {each['demos']} demos{', an instruction' if each['instructions'] else ''}"
        for name, each in tried["predictors"].items()
    ]
    return "; ".join((*learnt, dials))


def _judged(judged: Mapping[str, Any]) -> Iterator[str]:
    from qdpi.cli.output import table

    columns = judged["columns"]
    titles = {figure["name"]: figure["title"] for figure in judged["figures"]}
    rows = []
    for name, title in titles.items():
        cells = [column["figures"].get(name, {}).get("value") for column in columns]
        if any(cell is not None for cell in cells[-2:]):
            rows.append((title, *("" if cell is None else f"{cell:.2f}" for cell in cells)))
    yield from table(("", *(f"{column['name']} ({column['pages']})" for column in columns)), rows)
