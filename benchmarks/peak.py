"""Runs a qdpi command, then prints its peak resident memory in MB."""

from __future__ import annotations

import resource
import sys

from qdpi.cli import main

if __name__ == "__main__":
    code = main(sys.argv[1:])
    print(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    sys.exit(code)
