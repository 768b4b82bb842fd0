"""docs/reading-in-the-terminal.md agrees with the reader: its scripts run, its commands and keys exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from qdpi.terminal.app import KEYS, ReaderApp
from qdpi.terminal.commands import COMMANDS

pytestmark = pytest.mark.process

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reading-in-the-terminal.md").read_text(encoding="utf-8")
SHELL = re.findall(r"^\$ (.* \| qdpi read.*)$", PAGE, re.MULTILINE)
NAMED = {"→": "right", "←": "left", "esc": "escape", "^C": "ctrl+c", "^K": "ctrl+k", "=": "equals_sign"} | {
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    "/": "slash",
    ":": "colon",
}
BY_ITSELF = {"↑", "↓", "space"}


@pytest.mark.parametrize("line", SHELL)
def test_script_of_the_page_runs(line: str, tmp_path: Path):
    printed = subprocess.run(
        ["/bin/sh", "-c", line.replace("qdpi read", f"{sys.executable} -m qdpi read")],
        env={**os.environ, "QDPI_DATA_DIR": str(tmp_path), "QDPI_MODEL": "offline"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert printed.returncode == 0, printed.stderr
    assert "Saved: " in printed.stdout
    assert printed.stdout.count("the first") >= 2


def test_number_of_scripts():
    """The page has one script, which is run above."""
    assert len(SHELL) == 1


def test_commands_are_on_the_page():
    assert [each.names[0] for each in COMMANDS if not re.search(rf"`{each.names[0]}[` ]", PAGE)] == []


def test_keys_are_bound_and_on_the_page():
    bound = {key for binding in ReaderApp.BINDINGS for key in binding.key.split(",")}  # type: ignore[union-attr]
    for key in {key for keys, _ in KEYS for key in re.split(r"[ ,]+", keys)} - BY_ITSELF:
        assert NAMED.get(key, key) in bound, key
        assert f"`{key}`" in PAGE or NAMED.get(key, key) in {"escape", "ctrl+c", "ctrl+k"}, key
