"""The launcher of a server, a standalone program: `python -I -S launch.py PID_FILE LOG COMMAND…`.

The launched process locks PID_FILE, writes its process id there, and becomes the server, in a session of its own and
with its output appended to LOG. The lock is released when the process ends. So a locked file always holds the
server's id, and never that of an unrelated process that reused the id.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path


def main(pid_file: Path, log: Path, command: list[str]) -> None:
    """Start a command detached, and exit: with status 0 once it runs, else with its error on standard error."""
    reading, writing = os.pipe()  # closed by a successful exec
    child = os.fork()
    if child == 0:
        os.close(reading)
        _become(pid_file, log, command, writing)
    os.close(writing)
    with os.fdopen(reading) as report:
        error = report.read()
    if error:
        os.waitpid(child, 0)  # it holds its lock until it has ended
    sys.exit(error or 0)


def _become(pid_file: Path, log: Path, command: list[str], report: int) -> None:
    try:
        os.setsid()
        _claim(pid_file)
        _redirect(log)
        os.execv(command[0], command)  # noqa: S606 # without a shell
    except BaseException as error:
        os.write(report, f"{error}".encode())
    finally:
        os._exit(1)


def _claim(pid_file: Path) -> None:
    held = os.open(pid_file, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.ftruncate(held, 0)
    os.write(held, f"{os.getpid()}\n".encode())
    os.set_inheritable(held, True)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    writing = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream, target in ((0, nothing), (1, writing), (2, writing)):
        os.dup2(target, stream)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
