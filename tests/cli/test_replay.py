"""`qdpi replay --with` as a shell calls it: presses run again beside their journey."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Call
from tests.support.flow import working
from tests.support.scripted import ScriptedModel

from qdpi.program import QDPIProgram
from qdpi.program.dials import Dials
from qdpi.program.saved import learnt_by
from qdpi.settings import Settings
from qdpi.symbols import Trajectory

PRESSES = 4


async def read(directory: Path) -> None:
    async with working(directory) as flow:
        first = await flow.press("alice", "an-author:XU", words="who lit <the> lamp?")
        assert first.page is not None
        await flow.save("alice", first.page.page_id)
        await flow.press("alice", "london-fox:AP", wish=Trajectory.FORK)
        await flow.ask("alice", "and then?")
        await flow.press("alice", "an-author:ZS", first.page.page_id)
        await flow.press("bob", "an-author:XC")
        await flow.all_read_by("recorder")


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("read")
    asyncio.run(read(directory))
    return directory


@pytest.fixture
def data(read_once: Path, tmp_path: Path) -> Path:
    """A copy of the journeys' data directory, where the commands look for it."""
    copy = tmp_path / "data"
    shutil.copytree(read_once, copy)
    return copy


def held(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in data.iterdir() if path.is_file()}


def presses(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_same_writer_writes_the_same_pages(qdpi: Call, data: Path) -> None:
    """A writer that draws nothing at random writes every page again as it is, and no file of the data changes."""
    before = held(data)
    code, out, err = qdpi("replay", "--with", "", "alice", "bob", "--json")
    assert code == 0, err
    assert [(press["journey"], press["seq"], press["differs"]) for press in presses(out)] == [
        *(("alice", seq, []) for seq in range(1, PRESSES + 1)),
        ("bob", 1, []),
    ]
    assert all(press["shadow"]["text"] == press["original"]["text"] != "" for press in presses(out))
    assert held(data) == before
    assert "at random" not in err


def test_another_policy_in_the_terminal_and_as_a_file(qdpi: Call, data: Path, tmp_path: Path) -> None:
    """Pages stand side by side, with what differs and the sums; the file has no journey's id and no script."""
    page = tmp_path / "pages.html"
    code, out, err = qdpi("replay", "--with", "policy=max_branch_depth=0", "alice", "--html", page, "--limit", "2")
    assert code == 0, err
    assert "Journey alice" in out
    assert "1  an-author:XU at S01-P0001 “who lit <the> lamp?”" in out
    assert "2  london-fox:AP at the page of press 1, each its own, T2 wished" in out
    assert "T2 by wish" in out
    assert "T1 by ttl" in out
    assert "differs: trajectory, rule" in out
    assert "alice: 2 presses, 0 the same; differ in trajectory 2" in out
    assert "Press 2 of 2: london-fox:AP at the page of press 1" in err
    html = page.read_text(encoding="utf-8")
    assert "max_branch_depth=0" in html
    assert "who lit &lt;the&gt; lamp?" in html
    assert "alice" not in html
    assert "<script" not in html


def test_saved_program(qdpi: Call, data: Path, tmp_path: Path) -> None:
    """Its pages are its own, and name it."""
    program = QDPIProgram(dials=Dials(demos=0))
    (tmp_path / "tuned.json").write_text(json.dumps(learnt_by(program).as_json()), encoding="utf-8")
    code, out, err = qdpi("replay", "--with", f"program={tmp_path / 'tuned.json'}", "bob", "--json")
    assert code == 0, err
    (press,) = presses(out)
    assert (press["original"]["program"], press["shadow"]["program"]) == (None, "tuned.json")
    assert press["differs"][-1] == "text"


def test_random_writer_is_said_to_be_one(qdpi: Call, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen(monkeypatch, ScriptedModel(lambda prompt: "She went on up the stair. " * 12))
    code, out, err = qdpi("replay", "--with", "openai/NAME", "alice", "--limit", "1", "--json")
    assert code == 0, err
    assert "scripted draws its words at random" in err
    (press,) = presses(out)
    assert (press["shadow"]["model"], press["original"]["model"]) == ("scripted", "offline")


def test_interrupted_shows_what_there_is(
    qdpi: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the second page ends with the first, also in the file, and the store stays as it was."""
    before = held(data)

    async def waiting() -> AsyncIterator[str]:
        yield "It began, and "
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    model = ScriptedModel(lambda prompt: waiting() if len(model.prompts) > 3 else "She went on up the stair. " * 12)
    chosen(monkeypatch, model)
    page = tmp_path / "pages.html"
    code, out, err = qdpi("replay", "--with", "openai/NAME", "alice", "--html", page)
    assert code == 130
    assert "Interrupted after 1 press." in err
    assert "alice: 1 press" in out
    assert "Interrupted after 1 press." in page.read_text(encoding="utf-8")
    assert held(data) == before


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["--with", "offline", "nobody"], 2, "'nobody' has no presses in this store"),
        (["--with", "offline", "--all"], 2, "--with takes the ids of journeys, not --all"),
        (["--with", "offline", "--check", "alice"], 2, "--with takes the ids of journeys, not --check"),
        (["--with", "offline"], 2, "Give the ids of journeys"),
        (["--limit", "2", "alice"], 2, "--limit is for --with"),
        (["--html", "pages.html", "alice"], 2, "--html is for --with"),
        (["--with", "offline", "--limit", "0", "alice"], 2, "0 is not in the range"),
        (["--with", "magic", "alice"], 2, "QDPI_MODEL is 'magic'"),
        (["--with", "policy=max_depth=1", "alice"], 2, "is neither policy/1 nor a limit"),
        (["--with", "offline", "--html", "/no/such/folder/pages.html", "alice"], 2, "cannot be written"),
        (["--with", "ollama_chat/NAME OLLAMA_BASE_URL=http://127.0.0.1:9", "alice"], 1, "No press was run again"),
        (["--with", "offline", "--data-dir", "/no/such/folder", "alice"], 2, "store.db does not exist"),
    ],
)
def test_what_cannot_be_run_again(qdpi: Call, data: Path, args: list[str], code: int, says: str) -> None:
    """It is refused before any press is run, in a sentence, and nothing is written."""
    before = held(data)
    answer = qdpi("replay", *args)
    assert answer.code == code, answer.err
    assert says in answer.err
    assert answer.out == ""
    assert held(data) == before


def test_secret_in_a_variant_is_not_shown(qdpi: Call, data: Path) -> None:
    key = "sk-secret-1234567890"
    answer = qdpi(
        "replay", "--with", f"openai/NAME OPENAI_API_KEY={key} OPENAI_BASE_URL=http://{key}@127.0.0.1:9", "bob"
    )
    assert answer.code != 0
    assert key not in answer.err + answer.out


def chosen(monkeypatch: pytest.MonkeyPatch, model: ScriptedModel) -> None:
    async def build(settings: Settings) -> ScriptedModel:
        return model

    monkeypatch.setattr("qdpi.bootstrap.build_model", build)
