"""The servers that the tests of this folder share: each starts once, for the first test that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.ports import kept_port
from tests.witnesses.servers import MODEL, Server, litellm, llama_cpp, llama_cpp_python

from qdpi.settings import SETTINGS


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)


@pytest.fixture(scope="session")
def llama_cpp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """llama.cpp's server."""
    with llama_cpp(tmp_path_factory.mktemp("llama-cpp")) as server:
        yield server


@pytest.fixture(scope="session")
def llama_cpp_python_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """llama-cpp-python's server."""
    with llama_cpp_python(tmp_path_factory.mktemp("llama-cpp-python")) as server:
        yield server


@pytest.fixture(scope="session")
def doomed_port() -> int:
    """The port of the server behind LiteLLM that tests start and kill."""
    return kept_port()


@pytest.fixture(scope="session")
def litellm_server(
    llama_cpp_server: Server, doomed_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """LiteLLM's proxy before llama.cpp's server, and before another that may not be there."""
    models = {MODEL: llama_cpp_server.url, "doomed": f"http://127.0.0.1:{doomed_port}"}
    with litellm(Path(tmp_path_factory.mktemp("litellm")), models) as server:
        yield server
