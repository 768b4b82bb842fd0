"""An evaluation from its book to its results: edition, schedule, the presses that are left, scores, files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from qdpi.canon.book import Book, page_id_of
from qdpi.client import Client, Refused
from qdpi.concurrency import first_of, map_concurrently
from qdpi.errors import InvalidInput
from qdpi.evaluation.answers import Answer
from qdpi.evaluation.blind import Duel, blind_key, blind_page, pairs_of, tally
from qdpi.evaluation.edition import edition_files
from qdpi.evaluation.presses import press_all
from qdpi.evaluation.report import report
from qdpi.evaluation.results import Results, as_json, results_of
from qdpi.evaluation.run_directory import RunDirectory, json_text, read_object
from qdpi.evaluation.schedule import ASKS, Loci, ScheduledPress, schedule_presses
from qdpi.evaluation.scoring import Column, bench_of, score_canon, score_chance, score_writer
from qdpi.evaluation.split import Split
from qdpi.evaluation.writers import Writer, serving
from qdpi.ids import sha256

RECORD_VERSION: Final = 1
KEY: Final = "blind-key.json"
CALLS_A_PRESS: Final = 6
"""How many model calls with all their retries a press may take before it counts as failed: patience, not a promise."""

Tell = Callable[[str], None]
"""Called with lines of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What decides an evaluation beside its book and its writers."""

    presses: int
    seed: int
    loci: Loci = Loci.ANY
    asks: tuple[str, ...] = ASKS
    at_once: int = 1

    def schedule(self, split: Split) -> list[ScheduledPress]:
        """Return the presses."""
        return schedule_presses(split, self.presses, self.seed, self.loci, self.asks)


def record_of(book: Book, split: Split, options: Options) -> dict[str, Any]:
    """Return what must be the same when an evaluation goes on. How many presses there are may grow."""
    return {
        "version": RECORD_VERSION,
        "book": book.title,
        "pages": pages_hash(book),
        "seed": options.seed,
        "loci": options.loci.value,
        "asks": sha256("\n".join(options.asks)),
        "split": split.sentence(),
    }


def pages_hash(book: Book) -> str:
    """Return a hash of a book's pages alone: what is derived from them may differ between versions of the product."""
    return sha256(json.dumps([(page.page_id, page.title, page.text) for page in book.pages]))


def prepare(directory: RunDirectory, book: Book, split: Split, options: Options) -> None:
    """Write record and edition, or check that the directory is of this evaluation. Raises `InvalidInput`."""
    directory.begin(record_of(book, split, options), edition_files(book, split))


async def press_for(
    directory: RunDirectory,
    writer: Writer,
    presses: Sequence[ScheduledPress],
    edition: Book,
    *,
    at_once: int,
    now: Callable[[], datetime],
    tell: Tell,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Make a writer's presses that have no page yet, and keep each answer as it comes."""
    with directory.appending(writer.name, writer.described, now()) as log:
        kept = directory.answers(writer.name)
        left = [press for press in presses if press.number not in kept or kept[press.number].failed]
        if not left:
            return
        counted = _Counted(writer.name, len(presses) - len(left), len(presses), tell)

        def take(answer: Answer) -> None:
            log.append(answer)
            counted(answer)

        tell(f"{writer.name}: {len(left)} of {len(presses)} presses to make.")
        async with serving(writer, directory.edition) as gateway, Client(gateway.url) as client:
            await check_edition(client, writer, edition, [press.locus for press in left])
            patience = CALLS_A_PRESS * writer.settings.model_timeout
            pressing = press_all(client, left, take, at_once=at_once, patience=patience, clock=clock)
            await first_of(pressing, gateway.ended.wait())


async def check_edition(client: Client, writer: Writer, edition: Book, loci: Iterable[str]) -> None:
    """Check that a gateway's book is the edition: its pages at the loci, and that none comes after its last.

    Raises `InvalidInput`. Reads single pages, which servers of other versions have too.
    """
    texts = {page.page_id: page.text for page in edition.pages}
    last = edition.pages[-1]

    async def has(page_id: str) -> bool:
        try:
            return (await client.page(page_id)).text == texts.get(page_id, "")
        except Refused as refusal:
            if refusal.problem.status != HTTPStatus.NOT_FOUND:
                raise
            return page_id not in texts

    wanted = [*dict.fromkeys(loci), page_id_of(last.section, last.page_num + 1)]
    if not all(await map_concurrently(has, wanted)):
        raise InvalidInput(
            f"{writer.name} serves another book than the edition of this evaluation: it would have learnt from the "
            "judge's half.",
            next_step="Start it on the folder `edition` of this evaluation's directory: QDPI_BOOK=…/edition.",
        )


@dataclass(frozen=True, slots=True)
class Scored:
    """The results of an evaluation, with the scored pages that they are made of."""

    results: Results
    columns: Sequence[Column]


def score(directory: RunDirectory, book: Book, split: Split, options: Options) -> Scored:
    """Score every writer that has answers in a directory, beside the held-out canon and chance."""
    bench = bench_of(book, split)
    numbers = {press.number for press in options.schedule(split)}
    columns = [
        score_canon(bench, options.presses, options.seed),
        score_chance(bench, options.presses, options.seed),
        *(
            score_writer(bench, writer, [a for number, a in directory.answers(writer).items() if number in numbers])
            for writer in directory.writers()
        ),
    ]
    return Scored(results_of(bench, columns, options.seed, options.loci.value), columns)


def write_results(directory: RunDirectory, scored: Scored) -> list[Path]:
    """Write the results as JSON and as a report, and return both paths."""
    return [
        directory.write("results.json", json_text(as_json(scored.results))),
        directory.write("report.html", report(scored.results, scored.columns)),
    ]


def write_reading(directory: RunDirectory, scored: Scored, pairs: int, seed: int) -> list[Path]:
    """Write a blind reading of at most so many pairs, and its key; return both paths. Raises `InvalidInput`."""
    chosen = pairs_of(scored.results, scored.columns, pairs, seed)
    if not chosen:
        raise InvalidInput(
            f"{directory.root} has no pages to read blind.", next_step="Evaluate a writer first: --with."
        )
    return [
        directory.write("blind.html", blind_page(scored.results.bench.book.title, chosen)),
        directory.write(KEY, json_text(blind_key(chosen))),
    ]


def read_tally(directory: RunDirectory, exported: Path) -> list[Duel]:
    """Return what a reader of this directory's blind reading chose. Raises `InvalidInput`."""
    return tally(read_object(directory.root / KEY), read_object(exported))


class _Counted:
    """Tells how many presses are answered, and in what time."""

    def __init__(self, writer: str, done: int, total: int, tell: Tell) -> None:
        self._writer, self._done, self._total, self._tell = writer, done, total, tell

    def __call__(self, answer: Answer) -> None:
        self._done += 1
        how = answer.failed[:200] or f"{answer.seconds:.1f} s"
        self._tell(f"{self._writer}: {self._done} of {self._total} ({how})")
