"""The command line, called as from a shell: in this process or in a child process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import structlog

from qdpi.cli import main
from qdpi.settings import SETTINGS

PATIENCE = 60.0
"""The longest that a test waits for a process, in seconds."""


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for setting in SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.setenv("QDPI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("QDPI_MODEL", "offline")
    yield
    structlog.reset_defaults()  # a command sets up logging on a standard error that ends with its test


@pytest.fixture
def qdpi(capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*args: str | Path) -> Answer:
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        result = capsys.readouterr()
        return Answer(code, result.out, result.err)

    return call


class Process:
    """A `qdpi` process that runs until a signal ends it."""

    def __init__(self, *args: str, **environ: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "qdpi", *args],
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line_with(self, words: str) -> str:
        """Read standard output up to the line with these words."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            if words in line:
                return line
        raise AssertionError(f"it ended without saying {words!r}: {self.child.stderr and self.child.stderr.read()}")

    def url(self) -> str:
        """Return the gateway's address once it answers."""
        return self.line_with("answers at").split()[-1]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit code and the rest of standard error."""
        self.child.send_signal(number)
        _, err = self.child.communicate(timeout=PATIENCE)
        return self.child.returncode, err

    def error_after(self) -> tuple[int, str]:
        """Wait until the process ends by itself; return the exit code and standard error."""
        _, err = self.child.communicate(timeout=PATIENCE)
        return self.child.returncode, err


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    processes: list[Process] = []

    def begin(*args: str, **environ: str) -> Process:
        processes.append(Process(*args, **environ))
        return processes[-1]

    yield begin
    for process in processes:
        if process.child.poll() is None:
            process.child.kill()
        process.child.communicate(timeout=PATIENCE)


class Reader:
    """A reader with a journey, over HTTP."""

    def __init__(self, url: str, journey: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=PATIENCE)
        self.journey = journey

    def press(self, symbol: int | str = 0) -> str:
        """Press a symbol; return the press's id."""
        answer = self.client.post("/api/v1/event/ui/symbol", json={"session_id": self.journey, "symbol_code": symbol})
        assert answer.status_code == 200, answer.text
        event_id: str = answer.json()["event_id"]
        return event_id

    def answers(self, count: int) -> list[dict[str, Any]]:
        """Follow the journey from its beginning until `count` pages are done; return them."""
        with self.client.stream(
            "GET", "/api/v1/event/stream", params={"session_id": self.journey, "after": 0}
        ) as stream:
            done: list[dict[str, Any]] = []
            event = ""
            for line in stream.iter_lines():
                name, _, value = line.partition(": ")
                event = value if name == "event" else event
                if name == "data" and event == "generate.page.done":
                    done.append(json.loads(value))
                if len(done) == count:
                    return done
        raise AssertionError(f"the stream ended after {len(done)} pages")


@pytest.fixture
def reader() -> Iterator[Callable[[str, str], Reader]]:
    readers: list[Reader] = []

    def begin(url: str, journey: str) -> Reader:
        readers.append(Reader(url, journey))
        return readers[-1]

    yield begin
    for each in readers:
        each.client.close()
