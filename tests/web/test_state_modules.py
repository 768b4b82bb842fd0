"""The pure modules of the page, run by Node on the vectors of the server: `tests/web/state/*.test.mjs`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.process

STATE: Final = Path(__file__).parent / "state"
OLDEST: Final = (20, 19)
"""The first Node that reads a module by what is in it; the page's files end in .js, as browsers want them."""
ABSENT: Final = "no Node 20.19 or newer here (Debian: apt-get install nodejs), which runs tests/web/state"


def node() -> str:
    """Return Node's program; skips the test where there is none, or an older one."""
    program = shutil.which("node")
    if program is None:
        pytest.skip(ABSENT)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    if tuple(int(part) for part in said.strip().removeprefix("v").split(".")[:2]) < OLDEST:
        pytest.skip(f"{ABSENT}: it is {said.strip()}")
    return program


def test_state_modules_pass_in_node():
    """Every file is run; Node's own report says what failed."""
    files = sorted(STATE.glob("*.test.mjs"))
    assert files

    command = [node(), "--no-warnings", "--test", "--test-reporter=spec", *map(str, files)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "tests 0" not in ended.stdout
