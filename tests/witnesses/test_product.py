"""The whole product with a real server: `qdpi run`, a press, and `qdpi doctor`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cli.conftest import Process
from tests.support.ports import kept_port
from tests.witnesses.servers import KEY, MODEL, PATIENCE, llama_cpp

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("witnesses")]


def openai(port: int) -> dict[str, str]:
    """Return the variables of a server with OpenAI's protocol, on this machine."""
    url = f"http://127.0.0.1:{port}/v1"
    return {"QDPI_MODEL": f"openai/{MODEL}", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY}


@contextmanager
def qdpi_run(folder: Path, environ: dict[str, str]) -> Iterator[str]:
    """Run `qdpi run` with a model; give its address."""
    process = Process("run", "--port", "0", QDPI_DATA_DIR=str(folder / "data"), QDPI_RUN_TIMEOUT="180", **environ)
    try:
        yield process.url()
    finally:
        process.end()


def press(url: str) -> dict[str, Any]:
    """Press a symbol and wait for its page."""
    body = {"page_id": "S01-P0001"}
    answer = httpx.post(f"{url}/api/v1/pipeline/run/symbol/an-author:XC", json=body, timeout=PATIENCE, trust_env=False)
    assert answer.status_code == httpx.codes.OK, answer.text
    page: dict[str, Any] = answer.json()
    return page


def doctor(folder: Path, environ: dict[str, str]) -> str:
    """Return what `qdpi doctor` prints."""
    command = [sys.executable, "-m", "qdpi", "doctor"]
    given = os.environ | environ | {"QDPI_DATA_DIR": str(folder / "data"), "QDPI_PORT": "0"}
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=PATIENCE, check=False).stdout


def test_press_while_the_model_loads(tmp_path: Path) -> None:
    """A press made while llama.cpp loads its model waits for it and becomes a page."""
    port = kept_port()
    environ = openai(port)
    with qdpi_run(tmp_path, environ) as url, llama_cpp(tmp_path, port=port, ready=False):
        page = press(url)
        told = doctor(tmp_path, environ)
    assert page["text"]
    assert page["model"] == f"openai/{MODEL}"
    assert page["receipt"]["failures"]
    assert all("Loading model" in failure for failure in page["receipt"]["failures"])
    assert page["receipt"]["calls"][-1]["completion_tokens"] > 0
    assert f"openai/{MODEL} answers" in told
