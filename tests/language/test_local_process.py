"""A supervised child process; the children here are a few lines of Python."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qdpi.language.local import ServerProcess
from qdpi.settings import SETTINGS

SERVES = """
import json, os, sys
print(json.dumps({"address": f"http://127.0.0.1:{os.getpid()}"}), flush=True)
sys.stdin.read()
"""
REFUSES = 'import json; print(json.dumps({"error": "ImportError: no such wheel"}), flush=True)'
TELLS = """
import json, sys
key = sys.stdin.readline().strip()
print(json.dumps({"address": key}), flush=True)
sys.stdin.read()
"""
CRASHES = "import os; os._exit(7)"
BABBLES = "print('llama'); print('x' * 100_000)"

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits on processes as Linux allows it"),
]


@pytest.fixture
def serve() -> Iterator[Callable[[str], ServerProcess]]:
    started: list[ServerProcess] = []

    def start(code: str) -> ServerProcess:
        process = ServerProcess([sys.executable, "-c", code])
        started.append(process)
        process.start()
        return process

    yield start
    for process in started:
        process.stop()


def until(condition: Callable[[], object]) -> None:
    """Wait for an effect of another thread, at most ten seconds."""
    pause = threading.Event()
    for _ in range(1_000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("It did not happen.")


def gone(pid: int) -> bool:
    """Whether the process ends within ten seconds."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 10)[0])
    finally:
        os.close(watched)


def test_start_once(serve: Callable[[str], ServerProcess]) -> None:
    """The child's address is the one that it reports."""
    process = serve(SERVES)
    process.start()
    until(lambda: process.address)
    assert process.address == f"http://127.0.0.1:{process.pid}"
    assert process.down_reason is None


def test_killed_child_is_restarted(serve: Callable[[str], ServerProcess]) -> None:
    process = serve(SERVES)
    until(lambda: process.address)
    first, address = process.pid, process.address
    assert first
    os.kill(first, signal.SIGKILL)
    until(lambda: process.address not in {None, address})
    assert process.pid != first


@pytest.mark.parametrize(
    ("code", "why"), [(REFUSES, "no such wheel"), (CRASHES, "ended with code 7"), (BABBLES, "ended with code -9")]
)
def test_child_that_does_not_serve_is_retried(serve: Callable[[str], ServerProcess], code: str, why: str) -> None:
    """The reason is kept."""
    process = serve(code)
    until(lambda: why in (process.down_reason or ""))
    assert process.address is None


def test_stop_and_start_again(serve: Callable[[str], ServerProcess]) -> None:
    process = serve(SERVES)
    until(lambda: process.address)
    first = process.pid
    assert first
    process.stop()
    assert gone(first)
    assert (process.address, process.pid, process.down_reason) == (None, None, "It has been stopped.")
    process.start()
    until(lambda: process.address)
    assert process.pid != first


def test_stop_before_the_child_serves(
    serve: Callable[[str], ServerProcess],
) -> None:
    ServerProcess([sys.executable, "-c", SERVES]).stop()
    serve(CRASHES).stop()
    silent = serve("import sys; sys.stdin.read()")
    until(lambda: silent.pid)
    silent.stop()
    assert silent.pid is None


def test_missing_command_is_reported() -> None:
    process = ServerProcess(["/nonexistent/python"])
    process.start()
    until(lambda: "nonexistent" in (process.down_reason or ""))
    process.stop()


def test_child_ends_with_its_parent(tmp_path: Path) -> None:
    parent_code = f"""
import sys
from qdpi.language.local import ServerProcess
process = ServerProcess([sys.executable, "-c", {SERVES!r}])
process.start()
while not process.address:
    pass
print(process.pid, flush=True)
sys.stdin.read()
"""
    env = {"PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", parent_code]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
    assert gone(child)


def test_every_start_has_a_new_key_that_no_command_line_shows(serve: Callable[[str], ServerProcess]) -> None:
    process = serve(TELLS)
    until(lambda: process.address)
    first, pid = process.key, process.pid
    assert process.address == first
    assert len(first) >= 32
    assert first.encode() not in proc(pid, "cmdline") + proc(pid, "environ")
    process.stop()
    process.start()
    until(lambda: process.address)
    assert process.address == process.key != first


def test_child_inherits_no_secret(serve: Callable[[str], ServerProcess], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever holds one: our settings, and whatever else is in the environment of a server."""
    secrets = [setting.variable for setting in SETTINGS] + ["AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "LD_PRELOAD_KEY"]
    for variable in secrets:
        monkeypatch.setenv(variable, "planted-secret")
    process = serve(TELLS)
    until(lambda: process.address)
    held = proc(process.pid, "environ")
    assert b"planted-secret" not in held
    assert b"PATH=" in held


def proc(pid: int | None, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()
