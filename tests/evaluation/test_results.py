"""Results: columns of figures, as JSON, as a table and as a report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.evaluation.answered import answer, failure
from tests.evaluation.books import WORDS, book_of

from qdpi.evaluation.report import report
from qdpi.evaluation.results import (
    FIGURES,
    RUN_FIGURES,
    Results,
    as_json,
    known_figures,
    results_of,
    shown,
    table_rows,
)
from qdpi.evaluation.schedule import Loci, schedule_presses
from qdpi.evaluation.scoring import Bench, Column, bench_of, page_of, score_canon, score_chance, score_writer
from qdpi.evaluation.split import split_book
from qdpi.evaluation.statistics import Estimate

BOOK = book_of(26)
SPLIT = split_book(BOOK)
PRESSES = schedule_presses(SPLIT, 32, 1, Loci.ANY)
HOSTILE = "</script><script>alert(1)</script> {{ 7 * 7 }} <img src=x onerror=alert(1)> \"'&"


@pytest.fixture(scope="module")
def bench() -> Bench:
    return bench_of(BOOK, SPLIT)


@pytest.fixture(scope="module")
def columns(bench: Bench) -> list[Column]:
    """The canon, chance, a writer that speaks in each voice and one that does not and fails once."""
    good = [answer(p, f"A {WORDS[p.symbol_code >> 4]} is a {WORDS[p.symbol_code >> 4]}. " * 9) for p in PRESSES]
    bad = [failure(PRESSES[0], HOSTILE), *(answer(p, f"You and I. {HOSTILE}") for p in PRESSES[1:])]
    return [
        score_canon(bench, 32, 1),
        score_chance(bench, 32, 1),
        score_writer(bench, "good", good),
        score_writer(bench, "bad", bad),
    ]


@pytest.fixture(scope="module")
def results(bench: Bench, columns: list[Column]) -> Results:
    return results_of(bench, columns, 1, "any")


def value(results: Results, column: int, figure: str) -> float:
    found = results.columns[column].figures[figure].value
    assert found is not None
    return found


def test_voices_are_heard_where_they_are_and_not_elsewhere(results: Results):
    assert value(results, 0, "voice_1") == 1.0
    assert value(results, 1, "voice_1") < 0.2
    assert value(results, 2, "voice_1") > 0.8
    assert value(results, 3, "voice_1") < 0.2


def test_canon_and_chance_have_voices_alike_in_number(columns: list[Column]):
    for column in columns[:2]:
        voices = [page.voice for page in column.pages]
        assert {voices.count(voice) for voice in range(16)} == {2}


def test_chance_puts_other_sections_in_the_place_of_the_true_pages(columns: list[Column]):
    for true, other in zip(columns[0].pages, columns[1].pages, strict=True):
        assert true.page.locus == other.page.locus
        assert WORDS[true.voice] not in other.page.text


def test_failures_are_counted_and_not_scored(results: Results):
    bad = results.columns[3]
    assert (bad.pages, bad.failed) == (31, 1)
    assert bad.figures["form"].size == 31


def test_runs_have_calls_tokens_and_times(results: Results):
    run = results.columns[2].run
    assert (run["calls"], run["prompt_tokens"], run["completion_tokens"], run["cost"]) == (1.0, 500.0, 100.0, None)
    assert (run["first_text_p50"], run["seconds_p50"], run["seconds_p95"]) == (0.5, 17.0, 32.0)


def test_writers_are_compared_press_by_press(results: Results):
    change = next(c for c in results.changes if (c.writer, c.figure) == ("bad", "voice_1"))
    assert (change.against, change.gained, change.presses) == ("good", 0, 31)
    assert change.lost > 20


def test_json_is_plain_and_complete(results: Results):
    """The JSON has every figure of every column, with its error and its number, and no page's text."""
    given: dict[str, Any] = json.loads(json.dumps(as_json(results), allow_nan=False))
    assert given["version"] == 1
    assert [column["name"] for column in given["columns"]] == ["held-out canon", "chance", "good", "bad"]
    for column in given["columns"]:
        assert column["figures"].keys() == {each.name for each in FIGURES}
        assert column["run"].keys() == {each.name for each in RUN_FIGURES}
        assert sum(map(sum, column["heard"])) == column["pages"]
    assert HOSTILE not in json.dumps(given)
    assert given["split"]["judge"] == len(SPLIT.judge)


def test_table_has_a_column_a_writer(results: Results):
    head, rows = table_rows(results)
    assert head == ("", "held-out canon (32)", "chance (32)", "good (32)", "bad (31)")
    assert {len(row) for row in rows} == {5}
    assert ("cost a page", "", "", "", "") not in rows
    assert {row[0]: row[4] for row in rows}["no page"] == "1"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Estimate(0.583, 0.06, 32), ".58 ±.06"),
        (Estimate(1.0, 0.0, 32), "1.00 ±.00"),
        (Estimate(0.0625, None, 0), ".06"),
        (Estimate(0.999, 0.001, 9), "1.00 ±.00"),
        (Estimate(None, None, 0), ""),
    ],
)
def test_estimates_are_shown_with_two_places(given: Estimate, text: str):
    assert shown(given) == text


class Document(HTMLParser):
    """The elements and addresses of an HTML page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_report_escapes_everything_and_loads_nothing(results: Results, columns: list[Column]):
    """Pages, failures and names are text in the report; there is no script and no address in it."""
    text = report(results, columns)
    page = Document(text)
    assert not {"script", "img", "link", "iframe", "object"} & set(page.tags)
    assert not {"src", "href", "onerror", "onload", "action"} & {name for name, _ in page.attributes}
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "{{ 7 * 7 }}" in text
    assert re.search(r"https?://(?!www\.w3\.org)", text) is None


def test_report_has_table_plots_and_pages(results: Results, columns: list[Column]):
    text = report(results, columns)
    assert SPLIT.sentence() in text.replace("&#39;", "'")
    assert text.count("<svg") == 2 + len(columns)
    assert text.count("<details") == len(PRESSES)
    for figure in known_figures(results.columns):
        assert f'<th scope="row">{figure.title}' in text


def test_report_of_no_writer(bench: Bench):
    """Before anything is pressed there is a report of the canon and of chance."""
    columns = [score_canon(bench, 16, 1), score_chance(bench, 16, 1)]
    text = report(results_of(bench, columns, 1, "own"), columns)
    assert "held-out canon" in text
    assert "the voice&#39;s own section" in text
    assert "Times" not in text


def test_a_book_without_voices_to_judge_is_scored(bench: Bench):
    """On a book that is too small every figure that cannot be known is left out, and a sentence says so."""
    book = book_of(1)
    split = split_book(book)
    small = bench_of(book, split)
    column = score_writer(small, "w", [answer(p) for p in schedule_presses(split, 16, 1, Loci.ANY)])
    results = results_of(small, [score_canon(small, 16, 1), column], 1, "any")
    assert results.columns[1].figures["voice_1"] == Estimate(None, None, 0)
    assert "Voices are left out" in " ".join(results.notes)
    assert report(results, [score_canon(small, 16, 1), column])


def test_destination_is_where_the_edges_lead(bench: Bench):
    """A fork leads to its target, a loop back to its page, a continuation on; a drift leads nowhere."""
    given = answer(PRESSES[0])
    first, second, third = list(bench.pages)[:3]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"forks": [first], "loop_back_to": second, "next_within": third}, first),
        ({"forks": [], "loop_back_to": second, "next_within": third}, second),
        ({"forks": [], "loop_back_to": None, "next_within": third}, third),
    ]
    for edges, target in cases:
        assert page_of(bench, replace(given, edges=edges)).leads_to == bench.pages[target]
    assert page_of(bench, replace(given, edges={})).leads_to is None
