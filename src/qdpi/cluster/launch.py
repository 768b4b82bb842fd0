"""The launcher of a server: `python -I -S launch.py PID_FILE LOG COMMAND…`, a program that stands alone.

It becomes the server: in a session of its own, away from the terminal, its output appended to LOG. Before
that it locks PID_FILE and writes its process id there. The lock goes with the process, however that ends, so
whoever finds the file locked finds the server's id in it, and never that of a stranger who got it later.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path


def main(pid_file: Path, log: Path, command: list[str]) -> None:
    """Start a command detached; return when it runs, or end with its trouble on standard error."""
    heard, told = os.pipe()  # closed by a successful exec
    child = os.fork()
    if child == 0:
        os.close(heard)
        _become(pid_file, log, command, told)
    os.close(told)
    with os.fdopen(heard) as report:
        trouble = report.read()
    if trouble:
        os.waitpid(child, 0)  # it holds its lock until it is gone
    sys.exit(trouble or 0)


def _become(pid_file: Path, log: Path, command: list[str], told: int) -> None:
    try:
        os.setsid()
        _claim(pid_file)
        _redirect(log)
        os.execv(command[0], command)  # noqa: S606 # no shell is wanted
    except BaseException as error:
        os.write(told, f"{error}".encode())
    finally:
        os._exit(1)


def _claim(pid_file: Path) -> None:
    held = os.open(pid_file, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.ftruncate(held, 0)
    os.write(held, f"{os.getpid()}\n".encode())
    os.set_inheritable(held, True)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    writing = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream, target in ((0, nothing), (1, writing), (2, writing)):
        os.dup2(target, stream)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
