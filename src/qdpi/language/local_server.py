"""The child process of the small local model: `python -P local_server.py WEIGHTS`, a stand-alone program.

Serves OpenAI's protocol on a free loopback port, writes one line of JSON to its standard output,
`{"address": ...}` or `{"error": ...}`, and ends when its standard input does.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

SLOTS = 4
CONTEXT_TOKENS = 4_096
_PR_SET_PDEATHSIG = 1


def main(weights: Path) -> None:
    """Load the model, report the address, serve until standard input ends."""
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp may print to standard output, which is for the report
    _die_with_parent()
    try:
        server = _serve(weights)
    except Exception as error:  # the parent reports every failure
        _say(report, error=f"{type(error).__name__}: {error}")
        os._exit(1)
    _say(report, address=server.listening_address)
    sys.stdin.buffer.read()
    os._exit(0)  # at once: there is nothing to save


def _serve(weights: Path) -> Any:
    import xllamacpp

    return xllamacpp.Server(_parameters(weights))


def _parameters(weights: Path) -> Any:
    """Return llama.cpp's settings for a small model that shares the machine.

    Sampling is set here, not per call: without the penalties a small model repeats itself.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.port = 0
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * CONTEXT_TOKENS
    params.cache_ram_mib = 0  # its default takes a gigabyte
    params.cache_prompt = False
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 2
    params.sampling.temp = 0.9
    params.sampling.min_p = 0.05
    params.sampling.penalty_repeat = 1.15
    params.sampling.dry_multiplier = 0.8
    return params


def _say(report: Any, **line: str) -> None:
    report.write(json.dumps(line) + "\n")
    report.flush()


def _die_with_parent() -> None:
    """On Linux, have the kernel kill this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
