"""Detached server processes: launch, find, signal and stop them."""

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

from qdpi.cluster.setup import NodeFiles
from qdpi.errors import ServicesFailed

_LAUNCHER: Final = Path(__file__).with_name("launch.py")
_POLL_INTERVAL: Final = 0.02
STOP_TIMEOUT: Final = 30.0
"""Seconds that a server may take to stop before it is killed."""


def launch(files: NodeFiles, command: Sequence[str]) -> None:
    """Start a command in a session of its own, with its output in the log. Raises `ServicesFailed`."""
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(files.pid_file), str(files.log)]
    done = subprocess.run([*launcher, *command], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        error = done.stderr.strip().splitlines()[-1:] or ["no output"]
        raise ServicesFailed(f"{command[0]} cannot be started: {error[0]}", next_step="Fix the cause and try again.")


def pid_of(files: NodeFiles) -> int | None:
    """Return the process id of the running server, None if it does not run. The server locks its pid file."""
    try:
        opened = os.open(files.pid_file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _lock(opened, fcntl.LOCK_SH) else int(os.read(opened, 20) or 0) or None
    finally:
        os.close(opened)


def send(files: NodeFiles, number: signal.Signals) -> bool:
    """Send a signal to the server; return whether it runs."""
    pid = pid_of(files)
    if pid is None:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


async def stop(files: NodeFiles) -> None:
    """Stop the server with SIGTERM, or with SIGKILL after a timeout; return when it has ended."""
    if send(files, signal.SIGTERM):
        send(files, signal.SIGCONT)  # a paused process does not handle SIGTERM
        if not await wait_until_gone(files):
            send(files, signal.SIGKILL)
            await wait_until_gone(files)


async def wait_until_gone(files: NodeFiles, timeout: float = STOP_TIMEOUT) -> bool:
    """Wait up to `timeout` seconds until the server has ended; return whether it has."""
    try:
        async with asyncio.timeout(timeout):
            while pid_of(files) is not None:  # noqa: ASYNC110 # not a child process, so it cannot be awaited
                await asyncio.sleep(_POLL_INTERVAL)
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def exclusive(file: Path) -> AsyncIterator[None]:
    """Hold a lock for a block, so that commands change a cluster one after another."""
    file.parent.mkdir(parents=True, exist_ok=True)
    opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _lock(opened, fcntl.LOCK_EX):  # noqa: ASYNC110 # a blocking flock could not be cancelled
            await asyncio.sleep(_POLL_INTERVAL)
        yield
    finally:
        os.close(opened)


def _lock(opened: int, how: int) -> bool:
    try:
        fcntl.flock(opened, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
