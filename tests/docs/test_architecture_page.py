"""docs/architecture.md agrees with the code: its borders are those that imports are held against."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.borders import ALLOWED, BASE, CORE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## The borders")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| (`[^|]+) \| [^|]+ \| ([^|]+) \|$", TABLE, re.MULTILINE)
COMMANDS = {"cli", "__main__"}


def parts_in(cell: str) -> frozenset[str]:
    """Return the parts that a cell names, as imports name them."""
    named = frozenset(re.sub(r"\.py$|/$", "", name) for name in re.findall(r"`([^`]+)`", cell))
    return named.union(CORE if "the core" in cell else (), BASE if "the helpers" in cell else ())


def test_borders_of_the_page():
    """The table of the page is the one that imports are held against."""
    borders = {part: parts_in(imported) for importers, imported in ROWS for part in parts_in(importers)}
    assert borders == {part: allowed for part, allowed in ALLOWED.items() if part not in COMMANDS}
