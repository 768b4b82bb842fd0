"""`python -m qdpi` is `qdpi`."""

from __future__ import annotations

import sys

from qdpi.cli import main

if __name__ == "__main__":
    sys.exit(main())
