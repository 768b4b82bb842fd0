"""`python -m tests.simulation [--seeds N] [--from N] [--seed N] [--log]`: the pipeline in simulated time."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.simulation.runs import Total, description, quiet, reports
from tests.simulation.scenario import run


def main() -> int:
    """Run the seeds of the command line; return 1 if a fault was found."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many seeds (10000)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (0)")
    parser.add_argument("--seed", type=int, help="run one seed, and show its trace's hash")
    parser.add_argument("--processors", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--log", action="store_true", help="show what the parts log (with --seed)")
    given = parser.parse_args()
    if given.seed is not None:
        return _one(given.seed, log=given.log)
    return _many(range(given.first, given.first + given.seeds), given.processors)


def _one(seed: int, *, log: bool) -> int:
    if not log:
        quiet()
    report, total = run(seed), Total()
    total.add(report)
    sys.stdout.write(f"{total}\ntrace {report.trace}\n")
    if report.wrong:
        sys.stdout.write(description(report) + "\n")
    return 1 if report.wrong else 0


def _many(seeds: range, processors: int) -> int:
    total, began, shown = Total(), time.monotonic(), 0.0
    for report in reports(seeds, processors):
        total.add(report)
        if report.wrong:
            sys.stdout.write(f"\n{description(report)}\n")
        if time.monotonic() - shown > 1 or total.seeds == len(seeds):
            shown = time.monotonic()
            sys.stdout.write(f"\r{total.seeds} of {len(seeds)} seeds, {total.seeds / (shown - began):.0f} a second ")
            sys.stdout.flush()
    sys.stdout.write(f"\n{total}\n{time.monotonic() - began:.0f} seconds on {processors} processors\n")
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
