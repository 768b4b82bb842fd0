"""`qdpi eval`, from its presses to its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Call, Process

pytestmark = pytest.mark.slow


def test_eval_presses_scores_and_goes_on(qdpi: Call, tmp_path: Path):
    """Sixteen presses of the offline writer on the project's book; a second start makes only what is missing."""
    out = tmp_path / "run"
    code, table, err = qdpi("eval", "--with", "offline", "--presses", "16", "--at-once", "2", "--out", out)

    assert code == 0
    assert "offline: 16 of 16 (" in err
    assert "This book is too small to judge voices well" in table
    assert "offline (16)" in table
    assert "<svg" in (out / "report.html").read_text(encoding="utf-8")

    lines = (out / "offline.jsonl").read_bytes().splitlines(keepends=True)
    (out / "offline.jsonl").write_bytes(b"".join(lines[:-2]) + lines[-2][:40])
    code, again, err = qdpi("eval", "--presses", "16", "--blind", "--out", out, "--json")

    assert code == 0
    assert [line for line in err.splitlines() if " of 16 (" in line][-1].startswith("offline: 16 of 16 (")
    assert err.count(" of 16 (") == 2
    columns = {column["name"]: column for column in json.loads(again)["columns"]}
    assert columns["offline"]["pages"] == 16
    assert columns["offline"]["figures"]["form"] == {"value": 1.0, "error": 0.0, "count": 16}
    assert columns["offline"]["models"] == ["offline"]
    assert json.loads((out / "results.json").read_text(encoding="utf-8")) == json.loads(again)

    key = json.loads((out / "blind-key.json").read_text(encoding="utf-8"))
    exported = tmp_path / "tally.json"
    exported.write_text(json.dumps({"reading": key["reading"], "choices": {"pair-1": "left"}}), encoding="utf-8")
    code, told, _ = qdpi("eval", "--tally", exported, "--out", out, "--json")
    assert code == 0
    assert [duel["first_chosen"] + duel["second_chosen"] for duel in json.loads(told)] == [1]


def test_eval_without_presses_prepares_the_edition(qdpi: Call, tmp_path: Path):
    """Before any press there is an edition that any server ingests, and figures of the canon and of chance."""
    code, out, _ = qdpi("eval", "--score", "--out", tmp_path / "run", "--json")

    assert code == 0
    assert [column["kind"] for column in json.loads(out)["columns"]] == ["canon", "chance"]
    done = json.loads(qdpi("ingest-canon", tmp_path / "run" / "edition", "--json").out)
    assert (done["pages"], done["ring_closed"]) == (
        json.loads(out)["split"]["loci"] + json.loads(out)["split"]["learn"],
        True,
    )


@pytest.mark.process
def test_eval_that_is_ended_keeps_its_pages(start: Callable[..., Process], tmp_path: Path):
    """SIGTERM ends everything that was started for the evaluation, in order, and every page so far is kept."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = start(
        "eval", "--with", "offline", "--presses", "4000", "--out", str(tmp_path / "run"), TMPDIR=str(temporary)
    )
    assert process.child.stderr is not None
    assert any("offline: 3 of 4000" in line for line in process.child.stderr)

    code, err = process.end()

    assert code == 130
    assert "the same command goes on" in err
    lines = (tmp_path / "run" / "offline.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["number"] for line in lines[1:4]] == [0, 1, 2]
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--with", "QDPI_NOTHING=1"), "QDPI_NOTHING is no setting"),
        (("--with", "offline", "--with", "offline"), "Two writers are named 'offline'"),
        (("--score", "--with", "offline"), "takes no --with"),
        (("--asks", "/nowhere/asks.txt"), "cannot be read"),
        (("--tally", "/nowhere/tally.json"), "cannot be read"),
    ],
)
def test_eval_refuses_wrong_input(qdpi: Call, tmp_path: Path, arguments: tuple[str, ...], says: str):
    code, out, err = qdpi("eval", *arguments, "--out", tmp_path / "run")

    assert (code, out) == (2, "")
    assert says in err
