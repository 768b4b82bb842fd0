from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from qdpi.cluster import NodeFiles
from qdpi.cluster.processes import exclusive, launch, pid_of, send, stop, wait_until_gone
from qdpi.cluster.readiness import last_error, last_lines
from qdpi.errors import ServicesFailed

pytestmark = pytest.mark.process


@pytest.fixture
def files(tmp_path: Path) -> Iterator[NodeFiles]:
    there = NodeFiles(tmp_path / "node")
    there.directory.mkdir()
    yield there
    send(there, signal.SIGKILL)


def shell(*lines: str) -> list[str]:
    return ["/bin/sh", "-c", "\n".join(lines)]


async def said(files: NodeFiles, word: str) -> None:
    async with asyncio.timeout(60):
        while word not in last_lines(files.log, 9):  # noqa: ASYNC110 # another process writes it
            await asyncio.sleep(0.01)


def test_launched_process_has_its_own_session(files: NodeFiles):
    launch(files, ["/bin/sleep", "60"])

    pid = pid_of(files)
    assert pid is not None
    assert os.getsid(pid) == pid
    assert files.pid_file.read_text() == f"{pid}\n"


async def test_ended_process_is_not_found(files: NodeFiles):
    launch(files, ["/bin/sleep", "60"])
    assert send(files, signal.SIGKILL)
    assert await wait_until_gone(files)
    assert pid_of(files) is None

    launch(files, ["/bin/true"])
    assert await wait_until_gone(files)
    assert not send(files, signal.SIGKILL)


def test_unrelated_process_is_never_signalled(files: NodeFiles):
    """A process that reused the id in the pid file is never signalled."""
    files.pid_file.write_text(f"{os.getpid()}\n")  # ours: the test would not survive it

    assert pid_of(files) is None
    assert not send(files, signal.SIGKILL)


async def test_output_is_appended_to_the_log(files: NodeFiles):
    for word in ("one", "two"):
        launch(files, shell(f"echo {word}", "echo to standard error >&2"))
        await wait_until_gone(files)

    assert last_lines(files.log, 9) == ["one", "to standard error", "two", "to standard error"]
    assert last_lines(files.log, 1) == ["to standard error"]
    assert last_lines(files.directory / "none", 1) == []


async def test_paused_process_is_stopped_gracefully(files: NodeFiles):
    launch(files, shell("trap 'echo farewell; exit' TERM", "echo ready", "while :; do sleep 0.05; done"))
    await said(files, "ready")
    send(files, signal.SIGSTOP)

    await stop(files)

    assert last_lines(files.log, 1) == ["farewell"]


async def test_wait_until_gone_times_out(files: NodeFiles):
    launch(files, shell("trap '' TERM", "echo ready", "while :; do sleep 0.05; done"))
    await said(files, "ready")
    send(files, signal.SIGTERM)

    assert not await wait_until_gone(files, timeout=0.2)
    assert pid_of(files) is not None


def test_missing_program_is_reported(files: NodeFiles):
    with pytest.raises(ServicesFailed, match=r"/no/such/java cannot be started: .*No such file"):
        launch(files, ["/no/such/java"])

    assert pid_of(files) is None


async def test_changes_of_a_cluster_are_exclusive(tmp_path: Path):
    order: list[str] = []
    entered = asyncio.Event()

    async def change(name: str) -> None:
        async with exclusive(tmp_path / "lock"):
            order.append(f"{name} in")
            entered.set()
            await asyncio.sleep(0)
            order.append(f"{name} out")

    async with asyncio.timeout(60):
        await asyncio.gather(change("a"), change("b"))

    assert order == ["a in", "a out", "b in", "b out"]


def test_last_error_of_a_log(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("fine\nERROR first\nException: the disk is full\n\tat somewhere\n", encoding="utf-8")

    assert last_error(log) == "Exception: the disk is full"
    log.write_text("only this\n", encoding="utf-8")
    assert last_error(log) == "only this"
    assert last_error(tmp_path / "none") == "no output"
