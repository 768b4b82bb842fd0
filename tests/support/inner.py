"""A nested pytest run, for tests of our plugins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_pytest(directory: Path, plugin: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a directory's tests with one of our plugins."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", plugin, *args],
        cwd=directory,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
