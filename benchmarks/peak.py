"""Run a qdpi command and print, after all it says, the most memory that it held, in MB."""

from __future__ import annotations

import resource
import sys

from qdpi.cli import main

if __name__ == "__main__":
    code = main(sys.argv[1:])
    print(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    sys.exit(code)
