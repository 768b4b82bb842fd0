"""`qdpi optimize`: from its candidates to a saved program that writes better pages, and its judgement."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Call
from tests.support.model_server import ModelServer, serving
from tests.support.replies import DEGENERATE, obliging

from qdpi.optimization.loop_thread import LoopThread

pytestmark = pytest.mark.slow
LEARNT = "Begin with the lamp."


@contextmanager
def model_of(reply: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Serve a scripted model in OpenAI's protocol, and have the settings name it."""
    with LoopThread() as loop:
        context = serving(ModelServer(models=("storyteller",), reply=reply))
        server = loop.run(context.__aenter__())
        monkeypatch.setenv("QDPI_MODEL", "openai/storyteller")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        try:
            yield server
        finally:
            loop.run(context.__aexit__(None, None, None))


def written_by_saved(qdpi: Call, program: str) -> dict[str, Any]:
    page: dict[str, Any] = json.loads(qdpi("run-symbol", "london-fox:ZC", "--program", program, "--json").out)
    return page


def test_dials_are_searched_saved_judged_and_gone_on_with(qdpi: Call, tmp_path: Path) -> None:
    """On the offline writer; a second start makes no press again, and gives the same results."""
    given = ("optimize", "--candidates", "3", "--presses", "2", "--judge", "2", "--at-once", "2", "--seed", "4")
    out = tmp_path / "out"
    code, said, err = qdpi(*given, "--out", out, "--json")
    assert code == 0, err
    done = json.loads(said)
    assert [each["number"] for each in done["candidates"]] == list(range(4))
    assert "Candidate 3 of 3, 1 pages: " in err
    assert done["best"]["score"]["value"] >= done["before"]["score"]["value"]
    assert done["improved"] == (done["best"]["number"] != 0)
    if done["improved"]:
        assert [column["name"] for column in done["judged"]["columns"][2:]] == ["before", "after"]
        assert "half B" in done["judged"]["split"]["sentence"]
    assert written_by_saved(qdpi, done["program"]["path"])["program"]["sha256"] == done["program"]["sha256"]
    assert json.loads((out / "results.json").read_text(encoding="utf-8")) == done

    trials = (out / "trials.jsonl").read_bytes()
    again = json.loads(qdpi(*given, "--out", out, "--json").out)
    assert (out / "trials.jsonl").read_bytes() == trials
    assert again["candidates"] == done["candidates"]

    code, _, err = qdpi(*given[:-1], "5", "--out", out)
    assert code == 2
    assert "another optimisation: seed differ" in err


def test_demos_of_pages_that_passed_help_the_others(
    qdpi: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scripted model writes a page for an ask only when it is shown how."""

    def reply(prompt: str) -> str:
        return DEGENERATE if "<user_intent>" in prompt and prompt.count("<render>") < 2 else obliging(prompt)

    with model_of(reply, monkeypatch):
        given = ("optimize", "--by", "bootstrap", "--candidates", "1", "--presses", "4", "--learn", "4", "--judge", "2")
        code, said, err = qdpi(*given, "--demos", "1", "--out", tmp_path / "out", "--json")
        assert code == 0, err
        done = json.loads(said)
        assert done["improved"]
        assert done["best"]["predictors"] == {"receive": {"instructions": None, "demos": 1}}
        assert done["judged"]["changes"]
        figures = {column["name"]: column["figures"] for column in done["judged"]["columns"]}
        assert figures["before"]["passed"]["value"] < figures["after"]["passed"]["value"] == 1.0


def test_gepa_rewrites_the_instruction_by_what_the_checks_say(
    qdpi: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scripted model is its own editor: shown the reasons, it proposes the instruction that it needs.

    A second start goes on where the first one ended.
    """
    reflected: list[str] = []

    def reply(prompt: str) -> str:
        if "new_instruction" in prompt:
            reflected.append(prompt)
            return json.dumps({"new_instruction": LEARNT})
        return obliging(prompt) if LEARNT in prompt or prompt.startswith("A. Plan") else DEGENERATE

    with model_of(reply, monkeypatch):
        given = ("optimize", "--by", "gepa", "--calls", "14", "--presses", "2", "--learn", "3", "--judge", "0")
        flags = (*given, "--reflection", "openai/storyteller", "--out", tmp_path / "out", "--json")
        code, said, err = qdpi(*flags)
        assert code == 0, err
        done = json.loads(said)
        assert done["best"]["predictors"] == {"receive": {"instructions": LEARNT, "demos": 0}}
        assert done["judged"] is None
        assert "form: " in reflected[0]
        proposed, again = len(reflected), json.loads(qdpi(*flags).out)
        assert again["best"] == done["best"]
        assert len(reflected) == proposed
        assert written_by_saved(qdpi, done["program"]["path"])["validation"]["passed"]


def test_reflection_is_for_gepa(qdpi: Call, tmp_path: Path) -> None:
    code, _, err = qdpi("optimize", "--reflection", "openai/large", "--out", tmp_path / "out")
    assert code == 2
    assert "--by gepa" in err
    assert not (tmp_path / "out").exists()


def test_model_that_does_not_answer_is_not_optimised_for(
    qdpi: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    code, _, err = qdpi("optimize", "--model", "openai/none", "--out", tmp_path / "out")
    assert code == 1
    assert "openai/none cannot be optimised for." in err
