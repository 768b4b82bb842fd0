from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from qdpi.cluster import Place
from qdpi.cluster.processes import alone, gone, launch, pid_of, send, stop
from qdpi.cluster.readiness import last_lines, trouble
from qdpi.errors import ServicesFailed

pytestmark = pytest.mark.process


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    there = Place(tmp_path / "node")
    there.directory.mkdir()
    yield there
    send(there, signal.SIGKILL)


def shell(*lines: str) -> list[str]:
    return ["/bin/sh", "-c", "\n".join(lines)]


async def said(place: Place, word: str) -> None:
    async with asyncio.timeout(60):
        while word not in last_lines(place.log, 9):  # noqa: ASYNC110 # another process writes it
            await asyncio.sleep(0.01)


def test_what_is_launched_is_found_again_in_a_session_of_its_own(place: Place):
    launch(place, ["/bin/sleep", "60"])

    pid = pid_of(place)
    assert pid is not None
    assert os.getsid(pid) == pid
    assert place.pid_file.read_text() == f"{pid}\n"


async def test_killed_or_ended_it_is_gone(place: Place):
    launch(place, ["/bin/sleep", "60"])
    assert send(place, signal.SIGKILL)
    assert await gone(place)
    assert pid_of(place) is None

    launch(place, ["/bin/true"])
    assert await gone(place)
    assert not send(place, signal.SIGKILL)


def test_a_stranger_who_got_the_old_process_id_is_never_signalled(place: Place):
    place.pid_file.write_text(f"{os.getpid()}\n")  # ours: the test would not survive it

    assert pid_of(place) is None
    assert not send(place, signal.SIGKILL)


async def test_what_it_says_is_in_the_log_after_what_was_said_before(place: Place):
    for word in ("one", "two"):
        launch(place, shell(f"echo {word}", "echo to standard error >&2"))
        await gone(place)

    assert last_lines(place.log, 9) == ["one", "to standard error", "two", "to standard error"]
    assert last_lines(place.log, 1) == ["to standard error"]
    assert last_lines(place.directory / "none", 1) == []


async def test_a_paused_process_is_stopped_in_order(place: Place):
    launch(place, shell("trap 'echo farewell; exit' TERM", "echo ready", "while :; do sleep 0.05; done"))
    await said(place, "ready")
    send(place, signal.SIGSTOP)

    await stop(place)

    assert last_lines(place.log, 1) == ["farewell"]


async def test_one_that_does_not_end_when_asked_is_waited_for_no_longer_than_that(place: Place):
    launch(place, shell("trap '' TERM", "echo ready", "while :; do sleep 0.05; done"))
    await said(place, "ready")
    send(place, signal.SIGTERM)

    assert not await gone(place, patience=0.2)
    assert pid_of(place) is not None


def test_a_program_that_is_not_there_is_said(place: Place):
    with pytest.raises(ServicesFailed, match=r"/no/such/java cannot be started: .*No such file"):
        launch(place, ["/no/such/java"])

    assert pid_of(place) is None


async def test_two_do_not_change_a_cluster_at_the_same_time(tmp_path: Path):
    order: list[str] = []
    entered = asyncio.Event()

    async def change(name: str) -> None:
        async with alone(tmp_path / "lock"):
            order.append(f"{name} in")
            entered.set()
            await asyncio.sleep(0)
            order.append(f"{name} out")

    async with asyncio.timeout(60):
        await asyncio.gather(change("a"), change("b"))

    assert order == ["a in", "a out", "b in", "b out"]


def test_the_trouble_of_a_log_is_its_last_line_that_tells_of_some(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("fine\nERROR first\nException: the disk is full\n\tat somewhere\n", encoding="utf-8")

    assert trouble(log) == "Exception: the disk is full"
    log.write_text("only this\n", encoding="utf-8")
    assert trouble(log) == "only this"
    assert trouble(tmp_path / "none") == "it said nothing"
