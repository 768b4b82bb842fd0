"""A child process that serves at an address, kept alive."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0


class ServerProcess:
    """Runs `command`, whose first line of output is `{"address": ...}`, and runs it again when it ends.

    A thread of its own starts and awaits the child: the kernel ends the child with the thread that
    started it, so that thread must be one that lasts. Pauses between attempts double up to half a minute
    and begin anew when the child got as far as an address.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self._address: str | None = None
        self._trouble = "It has not been started."

    @property
    def address(self) -> str | None:
        """Where the child serves; None while it does not."""
        return self._address

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._child.pid if self._child else None

    @property
    def trouble(self) -> str | None:
        """Why there is no address."""
        return None if self._address else self._trouble

    def start(self) -> None:
        """Begin to keep the child alive; does nothing when that was begun. Never blocks."""
        with self._lock:
            if self._thread is None:
                self._stopping = threading.Event()
                self._trouble = "It is being started."
                self._thread = threading.Thread(
                    target=self._supervise, args=(self._stopping,), name="local-model", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """End the child and await its end (a blocking call); it can be started again."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
            if self._child:
                self._child.kill()
        if thread:
            thread.join()
        self._trouble = "It has been stopped."

    def _supervise(self, stopping: threading.Event) -> None:
        pause = _FIRST_PAUSE
        while not stopping.is_set():
            served = self._run_once(stopping)
            pause = _FIRST_PAUSE if served else min(2 * pause, _LONGEST_PAUSE)
            stopping.wait(pause)

    def _run_once(self, stopping: threading.Event) -> bool:
        """One life of the child; whether it served."""
        try:
            child = self._spawn(stopping)
        except OSError as error:
            self._trouble = f"It cannot be started: {error}."
            return False
        if child is None:
            return False
        with child:
            report = _report(child)
            self._address = report.get("address")
            if self._address is None:
                child.kill()
            code = child.wait()
        served, self._address, self._child = self._address is not None, None, None
        why = report.get("error") or f"its process ended with code {code}"
        self._trouble = f"It is being started again: {why}."
        return served

    def _spawn(self, stopping: threading.Event) -> subprocess.Popen[str] | None:
        """A new child; None when there is to be none."""
        with self._lock:
            if stopping.is_set():
                return None
            # A session of its own: Ctrl-C is for us, who end it when the last page is written.
            self._child = subprocess.Popen(  # noqa: S603
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            return self._child


def _report(child: subprocess.Popen[str]) -> dict[str, str]:
    if child.stdout is None:
        return {}
    try:
        report = json.loads(child.stdout.readline())
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}
