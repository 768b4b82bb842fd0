"""A press beside its shadow: facts, differences, sums, and how they are shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.cells import cell_len
from tests.counterfactual.presses import failure, written
from tests.support import factories

from qdpi.counterfactual.columns import headline, press_lines, summary_lines
from qdpi.counterfactual.compare import ComparedPress, as_json, compare, totals
from qdpi.counterfactual.report import report
from qdpi.counterfactual.shadow import PressPair
from qdpi.outcome import Outcome
from qdpi.page_schema import Check, Edges, SourceUse
from qdpi.symbols import Trajectory

HOSTILE = "<script>alert(1)</script> & <b>bold</b>\n\nA second paragraph\x1b[2J."


def compared(original: Outcome, shadow: Outcome, **pair: Any) -> ComparedPress:
    return compare(PressPair(original, shadow, **pair))


def sourced(*sources: SourceUse) -> Outcome:
    outcome = written()
    return outcome.model_copy(update={"receipt": outcome.receipt.model_copy(update={"sources": sources})})


def test_same_outcomes_differ_in_nothing():
    """Times, model and cost are no difference: what is compared is what a reader gets."""
    again = written(model="another", created_at=factories.at(9))
    assert compared(written(), again).differs == []
    assert compared(failure(), failure()).differs == []


@pytest.mark.parametrize(
    ("shadow", "differs"),
    [
        (written(text="Another page."), ["text"]),
        (written(trajectory=Trajectory.FORK), ["trajectory"]),
        (written(section=2), ["section"]),
        (written(edges=Edges(loop_back_to="S01-P0003")), ["edges"]),
        (written(return_to="S01-P0009"), ["edges"]),
        (written(on="S01-P0005"), ["locus"]),
        (written(validation=factories.validation(passed=False)), ["checks"]),
        (
            written(validation=factories.validation(checks=(Check(name="voice", passed=False),))),
            ["checks"],
        ),
        (sourced(SourceUse(page_id="S01-P0002", kind="ring", revision=1, score=0.5)), ["sources"]),
        (written(status="stopped"), ["outcome"]),
    ],
)
def test_differences_are_named(shadow: Outcome, differs: list[str]):
    assert compared(written(), shadow).differs == differs


def test_failure_beside_a_page():
    """It differs in the outcome first; two failures differ by their code."""
    assert compared(written(), failure()).differs[0] == "outcome"
    assert compared(failure(), failure(code="model_busy")).differs == ["outcome"]


def test_json_has_both_sides():
    press = compared(written(asked={"user_intent": "who?"}), failure(), notes=("So it is.",), pressed_on=3)
    said = json.loads(json.dumps(as_json(press)))
    assert (said["journey"], said["seq"], said["symbol"], said["words"]) == ("reader", 1, "an-author:XC", "who?")
    assert (said["pressed_on"], said["notes"], said["differs"][0]) == (3, ["So it is."], "outcome")
    original, shadow = said["original"], said["shadow"]
    assert original["text"].startswith("And then")
    assert original["edges"] == [{"type": "NEXT", "page_id": "S01-P0002"}, {"type": "MIRROR", "page_id": "S01-P0007"}]
    assert (original["trajectory"], original["rule"], original["model"], original["passed"]) == (
        "T0",
        "wish",
        "scripted",
        True,
    )
    assert (original["calls"], original["prompt_tokens"], original["completion_tokens"]) == (1, 300, 120)
    assert original["seconds"] == 0.013
    assert (shadow["status"], shadow["error"]["code"], shadow["text"]) == ("failed", "model_empty", "")


def test_sums_of_presses():
    presses = [
        compared(written(), written()),
        compared(written(2), written(2, text="Other.")),
        compared(failure(3), written(3)),
    ]
    found = totals(presses)
    assert (found.presses, found.same, found.differs["text"], found.differs["outcome"]) == (3, 1, 2, 1)
    assert (found.original.pages, found.original.failed, found.shadow.pages, found.shadow.tokens) == (2, 1, 3, 1260)
    head, *sides = summary_lines("reader", found)
    assert head.startswith("reader: 3 presses, 1 the same; differ in outcome 1")
    assert sides[0].strip().startswith("journey: 2 pages, 1 without a page, 2 passed, 2 calls, 840 tokens")


def test_terminal_shows_both_pages_beside_each_other():
    """No line is wider than the terminal, paragraphs begin side by side, and the same page is shown once."""
    long = "wordswithoutanyspace" * 20 + " and more" * 80
    press = compared(written(text=long), written(text="Short.", trajectory=Trajectory.LOOP))
    assert all(len(line) <= width for width in (40, 64, 100) for line in press_lines(press, width))
    lines = press_lines(press, 100)
    assert any("T0 by wish" in line and "T1 by wish" in line for line in lines)
    assert any("wordswithout" in line and "Short." in line for line in lines)
    assert "   differs: trajectory, text" in lines
    same = press_lines(compared(written(), written()), 100)
    assert (
        same[1]
        == "   the same page: T0 by wish, all checks passed, scripted with small.json, 1 call, 420 tokens, 0.0 s"
    )


def test_headline_says_what_was_pressed():
    wished = {"trajectory": Trajectory.FORK, "user_intent": "who?", "symbol_code": 0x12}
    assert headline(compared(written(asked=wished), written(), pressed_on=4)) == (
        "1  london-fox:XU at the page of press 4, each its own “who?”, T2 wished"
    )
    elsewhere = compared(written(2, "S01-P0009"), written(2, "S01-P0001"), pressed_on=1)
    assert headline(elsewhere) == "2  an-author:XC at the page of press 1"
    unread = failure(asked={"symbol_code": None, "page_id": None})
    assert headline(compared(unread, unread)) == "1  a press"
    assert headline(compared(unread, written())) == "1  a press at S01-P0001"


@pytest.mark.parametrize("text", ["灯" * 300, "a " * 200, "x" * 300, "", "\x1b[2J\x07 " * 30])
@pytest.mark.parametrize("width", [40, 77])
def test_columns_stay_columns(text: str, width: int):
    """Wide characters, long words and control characters: on every line the second column begins in one place."""
    lines = press_lines(compared(written(text=text), written(text="y" * 500)), width)
    assert max(map(cell_len, lines)) <= width
    assert len({cell_len(line[: line.index("y" * 5)]) for line in lines if "y" * 5 in line}) == 1


def test_what_looks_like_markup_is_text():
    lines = press_lines(compared(written(text="[bold]so[/bold] :smile:"), written()), 100)
    assert any("[bold]so[/bold] :smile:" in line for line in lines)


def test_report_escapes_and_has_no_script():
    """Pages, words, errors, notes and names are text, whatever they hold."""
    press = compared(written(text=HOSTILE, asked={"user_intent": HOSTILE}, title=HOSTILE), failure(), notes=(HOSTILE,))
    html = report(f"policy={HOSTILE}", [HOSTILE], {HOSTILE: [press], "other": [compared(written(), written())]})
    assert "<script" not in html
    assert "<b>" not in html
    assert "It &lt;wrote&gt; nothing. Press again." in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6
    assert "default-src 'none'" in html
    assert html.count("<h2>") == 2
