"""The benchmarks of docs/measurements.md, run by `make bench`. They print figures and assert nothing.

The book is the author's canon if QDPI_CANON names it or it is beside the checkout, else a synthetic book of the same
size. Compare figures only within one run on one machine. The parts that need Kafka and Cassandra start them, which
takes Java and Maven.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import cluster, embedded, ingest, load, local, measures, readers, takeover, web

ON_SERVICES: dict[str, Callable[[dict[str, str]], None]] = {
    "cluster": cluster.measure,
    "readers": readers.measure,
    "load": load.measure,
    "takeover": takeover.measure,
    "ingest": ingest.measure,
}
"""The parts that run on Kafka and Cassandra, by name."""
ALONE: dict[str, Callable[[], None]] = {
    "embedded": embedded.measure,
    "measures": measures.measure,
    "web": web.measure,
    "local": local.measure,
}
"""The parts that need no server of others; `web` needs Chromium, `local` the small model and a quarter of an hour."""


def main() -> None:
    """Run the parts that the command line names, or all; print a line for each figure."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*ALONE, *ON_SERVICES], help="only these parts")
    parts = parser.parse_args().parts or [*ALONE, *ON_SERVICES]
    for name, measure in ALONE.items():
        if name in parts:
            measure()
    if wanted := [part for part in parts if part in ON_SERVICES]:
        asyncio.run(_on_services(wanted))


async def _on_services(parts: list[str]) -> None:
    from qdpi.cluster import Options, running
    from qdpi.cluster.cassandra import PERIODIC

    with tempfile.TemporaryDirectory(prefix="qdpi-bench-servers-") as folder:
        # The commit log syncs as on the nodes of a cluster; by default our single node syncs at every write.
        async with running(Path(folder), options=Options(cassandra=PERIODIC)) as servers:
            for part in parts:
                await asyncio.to_thread(ON_SERVICES[part], servers.environment)


if __name__ == "__main__":
    main()
