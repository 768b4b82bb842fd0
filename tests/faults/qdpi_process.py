"""`qdpi run` in a process of its own, killed and started again at the same address."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from pathlib import Path

from tests.faults.evidence import PATIENCE
from tests.faults.forked_workers import ENVIRONMENT, ROOT


class Running:
    """The product, or its gateway alone, with settings of its own. `lives` counts how often it was started."""

    def __init__(self, directory: Path, command: str = "run", environment: Mapping[str, str] | None = None) -> None:
        self.directory, self.port, self.lives = directory, _free_port(), 0
        self._command, self._environment = command, dict(environment or {})
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process that is alive now."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it, and return when it answers."""
        settings = {
            "QDPI_DATA_DIR": str(self.directory),
            "QDPI_MODEL": "offline",
            "QDPI_PORT": str(self.port),
            "QDPI_LOG_LEVEL": "error",
        }
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "qdpi", self._command),
            cwd=ROOT,
            env=os.environ | ENVIRONMENT | settings | self._environment,
            stdin=DEVNULL,
            stdout=PIPE,
        )
        self.lives += 1
        assert self._process.stdout is not None
        said = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        assert self.url.encode() in said, f"It said {said!r}, and its reasons on standard error."

    async def end(self, by: signal.Signals) -> int:
        """Send it a signal and return its exit code once it is gone."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(by)
        await asyncio.wait_for(self._process.communicate(), PATIENCE)
        assert self._process.returncode is not None
        return self._process.returncode


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
