"""Fork server: a process that imports everything once and forks workers, so that each starts quickly.

It has one thread and no event loop when it forks. It reads orders from standard input, one JSON object a line
(`{"environment": …, "workers": […], "fault": …, "seed": N, "calls": whether to report the calls made}`; the fault
is a name for `tests.faults.witness.plan_of`), and writes each worker's events to standard output:
`{"pid": …, "event": "born" | "ready" | "ended" | "dead", …}`. When its standard input ends, it ends and kills its
workers. The workers are real processes, killed by real signals.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, Final

from tests.faults.witness import plan_of
from tests.faults.worker_process import emit, quiet, work

from qdpi.language.dspy_loader import load_dspy
from qdpi.language.offline import OfflineWriter
from qdpi.search.vectors import Embedder
from qdpi.settings import load_settings

SINGLE_THREADED: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Environment variables that keep libraries from starting threads."""


def main() -> None:
    """Import everything, then fork workers on order until standard input ends."""
    quiet()
    embedder = _warmed()
    _refuse_threads()
    wakeup, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wake)
    emit({"event": "fork_server"})
    alive: set[int] = set()
    buffer = b""
    while True:
        readable, _, _ = select.select([0, wakeup], [], [])
        if wakeup in readable:
            os.read(wakeup, 4_096)
            _reap(alive)
        if 0 in readable:
            given = os.read(0, 65_536)
            if not given:
                break
            *orders, buffer = (buffer + given).split(b"\n")
            for order in orders:
                alive.add(_fork(json.loads(order), embedder, (wakeup, wake)))
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def _warmed() -> Embedder:
    """Load everything that loads on first use."""
    import qdpi.program  # noqa: F401 (loaded once, here)

    load_dspy()
    _ = OfflineWriter().lm
    embedder = Embedder()
    embedder.embed(["A lamp on a stair."])
    return embedder


def _refuse_threads() -> None:
    tasks = Path("/proc/self/task")
    if tasks.is_dir() and len(list(tasks.iterdir())) > 1:
        raise RuntimeError("A process with threads must not fork: set SINGLE_THREADED in its environment.")


def _reap(alive: set[int]) -> None:
    while alive:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        alive.discard(pid)
        emit({"event": "dead", "pid": pid, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None})


def _fork(order: dict[str, Any], embedder: Embedder, pipe: tuple[int, int]) -> int:
    pid = os.fork()
    if pid:
        emit({"event": "born", "pid": pid, "order": order["order"]})
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (0, *pipe):
            os.close(descriptor)
        _live(order, embedder)
        code = 0
    except BaseException:  # nothing of the parent's may run in the child
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def _live(order: dict[str, Any], embedder: Embedder) -> None:
    pid = os.getpid()
    calls = asyncio.run(
        work(
            load_settings(order["environment"]),
            workers=order["workers"],
            plan=plan_of(order["fault"], random.Random(order["seed"])),
            embedder=embedder,
            on_ready=lambda: emit({"event": "ready", "pid": pid}),
        )
    )
    # a line longer than one write to a pipe would be mixed with other workers' lines
    emit({"event": "ended", "pid": pid, "calls": calls if order["calls"] else []})


if __name__ == "__main__":
    main()
