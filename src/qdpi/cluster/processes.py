"""Processes that outlive us: launched, found again, signalled, and seen to be gone."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from qdpi.cluster.setup import Place
from qdpi.errors import ServicesFailed

_LAUNCHER: Final = Path(__file__).with_name("launch.py")
_LOOK_EVERY: Final = 0.02
FAREWELL: Final = 30.0
"""How many seconds a server may take to stop in order before it is killed."""


def launch(place: Place, command: Sequence[str]) -> None:
    """Start a command in a session of its own, its output in the place's log. Raises `ServicesFailed`."""
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(place.pid_file), str(place.log)]
    done = subprocess.run([*launcher, *command], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        trouble = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise ServicesFailed(f"{command[0]} cannot be started: {trouble[0]}", next_step="Mend that and try again.")


def pid_of(place: Place) -> int | None:
    """Return the process id of what runs there, None where nothing does: it locks the file it wrote its id into."""
    try:
        opened = os.open(place.pid_file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _lock(opened, fcntl.LOCK_SH) else int(os.read(opened, 20) or 0) or None
    finally:
        os.close(opened)


def send(place: Place, number: signal.Signals) -> bool:
    """Send a signal to what runs there; tell whether something did."""
    pid = pid_of(place)
    if pid is None:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


async def stop(place: Place) -> None:
    """Ask what runs there to end in order, kill it where it does not, and return when it is gone."""
    if send(place, signal.SIGTERM):
        send(place, signal.SIGCONT)  # a paused one hears nothing
        if not await gone(place):
            send(place, signal.SIGKILL)
            await gone(place)


async def gone(place: Place, patience: float = FAREWELL) -> bool:
    """Wait, so many seconds at the most, until nothing runs there; tell whether that came."""
    try:
        async with asyncio.timeout(patience):
            while pid_of(place) is not None:  # noqa: ASYNC110 # it is no child of ours, whom we could await
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def alone(file: Path) -> AsyncIterator[None]:
    """Hold a lock for a block, so that no two commands change the same cluster at the same time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while not _lock(opened, fcntl.LOCK_EX):  # noqa: ASYNC110 # a blocking flock could not be cancelled
            await asyncio.sleep(_LOOK_EVERY)
        yield
    finally:
        os.close(opened)


def _lock(opened: int, how: int) -> bool:
    try:
        fcntl.flock(opened, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
