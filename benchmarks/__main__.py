"""The measurements of the documentation: `make bench`. Figures are printed, nothing is asserted on time.

The author's canon is read where QDPI_CANON names it or where it lies beside the checkout; else a synthetic
book of the same size. Every figure comes from this machine and this run: compare within one run. What needs
Kafka and Cassandra starts them, where Java and Maven are there.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import cluster, embedded, ingest, load, readers, takeover

ON_SERVICES: dict[str, Callable[[dict[str, str]], None]] = {
    "cluster": cluster.measure,
    "readers": readers.measure,
    "load": load.measure,
    "takeover": takeover.measure,
    "ingest": ingest.measure,
}
"""What is measured on Kafka and Cassandra, by its name."""


def main() -> None:
    """Measure, and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["embedded", *ON_SERVICES], help="only these parts")
    parts = parser.parse_args().parts or ["embedded", *ON_SERVICES]
    if "embedded" in parts:
        embedded.measure()
    if wanted := [part for part in parts if part in ON_SERVICES]:
        asyncio.run(_on_services(wanted))


async def _on_services(parts: list[str]) -> None:
    from qdpi.cluster import Options, running
    from qdpi.cluster.cassandra import PERIODIC

    with tempfile.TemporaryDirectory(prefix="qdpi-bench-servers-") as folder:
        # As the nodes of a cluster; a lone one of ours waits for its disk, so that killing it loses nothing.
        async with running(Path(folder), options=Options(cassandra=PERIODIC)) as servers:
            for part in parts:
                await asyncio.to_thread(ON_SERVICES[part], servers.environment)


if __name__ == "__main__":
    main()
