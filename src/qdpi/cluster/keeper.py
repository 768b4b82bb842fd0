"""A process that brings a cluster down when the one that started it is gone, however that went."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom
from typing import Final

from qdpi.cluster.cluster import Cluster

_PROGRAM: Final = "import sys; from pathlib import Path; from qdpi.cluster.keeper import keep; keep(Path(sys.argv[1]))"


@contextmanager
def keeper(directory: Path) -> Iterator[None]:
    """Have a directory's servers brought down at the end of a block, or of this process."""
    # A session of its own: Ctrl-C is for us, and it must outlive us.
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _PROGRAM, directory],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        start_new_session=True,
    ):
        yield  # leaving closes its standard input, and waits for it


def keep(directory: Path) -> None:
    """Read standard input to its end, and bring the servers of a directory down."""
    sys.stdin.buffer.read()
    if directory.is_dir():
        asyncio.run(Cluster(directory, os.environ, random=SystemRandom()).down())
