"""`make chaos`: the long form on one node and on three, unless the options choose otherwise."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.chaos import End, chaos
from tests.chaos.terms import LONG, SHORT, Terms

from qdpi.cluster import SHORT_LIVED, Options, running


def main() -> int:
    """Run, print, and return 1 if there is a violation."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the form that `make test` runs")
    parser.add_argument("--nodes", type=int, choices=(1, 3), help="nodes of each server")
    parser.add_argument("--seed", type=int, help="another seed")
    given = parser.parse_args()
    terms = SHORT if given.short else LONG
    if given.seed is not None:
        terms = terms._replace(seed=given.seed)
    results = [_run(terms._replace(nodes=nodes)) for nodes in ([given.nodes] if given.nodes else [1, 3])]
    return int(any(results))


def _run(terms: Terms) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="qdpi-chaos-") as directory:
        end = asyncio.run(_on_servers(terms, Path(directory)))
    _print(f"{end.summary()}\n{time.monotonic() - began:.0f} s")
    for violation in end.found[:50]:
        _print(f"BROKEN: {violation}")
    return bool(end.found or end.unequal)


async def _on_servers(terms: Terms, directory: Path) -> End:
    # Servers that are killed and restarted are too short-lived for the optimizing compiler.
    async with running(directory / "servers", nodes=terms.nodes, options=Options(java=SHORT_LIVED)) as servers:
        return await chaos(terms, servers, directory, _print)


def _print(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
