"""`qdpi run` in a child process that tests kill and restart at the same address."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from pathlib import Path

from tests.faults.evidence import PATIENCE
from tests.faults.forked_workers import ENVIRONMENT, ROOT
from tests.support.ports import LOOPBACK, kept_port


class QdpiProcess:
    """`qdpi run` or another command. `lives` counts the starts."""

    def __init__(self, directory: Path, command: str = "run", environment: Mapping[str, str] | None = None) -> None:
        self.directory, self.port, self.lives = directory, kept_port(), 0
        self._command, self._environment = command, dict(environment or {})
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start the process and return once it prints its address."""
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
        """Send a signal and return the exit code once the process has ended."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(by)
        await asyncio.wait_for(self._process.communicate(), PATIENCE)
        assert self._process.returncode is not None
        return self._process.returncode
