"""The child process of a local model: `python -P local_server.py WEIGHTS [--prose]`, a stand-alone program.

With `--prose` the turns of a chat are one running text, for a model that knows no chat.

Reads the key that its callers must send from the first line of its standard input: a command line can be read by
every user of the machine. Serves OpenAI's protocol on a free loopback port, writes one line of JSON to its standard
output, `{"address": ...}` or `{"error": ...}`, and ends when its standard input does.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

PROSE = "--prose"
SLOTS = 4
CONTEXT_TOKENS = 4_096
_PR_SET_PDEATHSIG = 1
_RUNNING_TEXT = "{% for m in messages %}{% if m.role != 'system' %}{{ m.content }}\n\n{% endif %}{% endfor %}"


def main(weights: Path, *, prose: bool) -> None:
    """Load the model, report the address, serve until standard input ends."""
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp may print to standard output, which is for the report
    _die_with_parent()
    try:
        server = _serve(weights, prose, _key())
    except Exception as error:  # the parent reports every failure
        _say(report, error=f"{type(error).__name__}: {error}")
        os._exit(1)
    _say(report, address=server.listening_address)
    sys.stdin.buffer.read()
    os._exit(0)  # at once: there is nothing to save


def _key() -> str:
    """Return the key that callers must send. Raises ValueError where there is none: no server is open to all."""
    key = sys.stdin.buffer.readline().decode().strip()
    if not key:
        raise ValueError("the first line of its standard input has no key")
    return key


def _serve(weights: Path, prose: bool, key: str) -> Any:
    import xllamacpp

    params = _parameters(weights, prose)
    _close(params, key)
    return xllamacpp.Server(params)


def _close(params: Any, key: str) -> None:
    """Serve only callers that send the key: no web page, and no view of what others ask."""
    params.api_keys = [key]
    params.cors_origins = params.cors_methods = params.cors_headers = ""
    params.cors_credentials = False
    params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = params.ui = False


def _parameters(weights: Path, prose: bool) -> Any:
    """Return llama.cpp's settings for a small model that shares the machine.

    Sampling is set here, not per call: without the penalties a small model repeats itself. One thread reads prompts,
    as one writes: two would spin at a barrier where the machine has other work, and pages would take minutes.
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
    params.cpuparams_batch.n_threads = 1
    if prose:
        params.use_jinja = True
        params.chat_template = _RUNNING_TEXT
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
    main(Path(sys.argv[1]), prose=PROSE in sys.argv[2:])
