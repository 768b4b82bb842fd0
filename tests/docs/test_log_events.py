"""docs/operations.md lists the log events of the code, and no others."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
EVENT = r"[a-z_]+\.[a-z_]+"
LISTED = dict(re.findall(rf"^\| `({EVENT})` \| (\w+) \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE))
RENAMED = re.findall(r"^\| `[^`]+` \| `([^`]+)` \|$", CHANGELOG, re.MULTILINE)
LEVELS = {name: name for name in ("debug", "info", "warning", "error", "critical")} | {"exception": "error"}


def logged() -> dict[str, set[str]]:
    """Return the first argument of every call that logs, as it is written in the code, with the call's level."""
    found = defaultdict(set)
    for path in (ROOT / "src" / "qdpi").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"log", "logger", "_log"}
            ):
                first = node.args[0]
                name = first.value if isinstance(first, ast.Constant) else f"{ast.unparse(first)} in {path.name}"
                found[str(name)].add(LEVELS[node.func.attr])
    return dict(found)


def test_events_are_named_component_event():
    assert [name for name in logged() if not re.fullmatch(EVENT, name)] == []


def test_events_are_listed_with_their_levels():
    """The list and the code have the same events, in both directions."""
    assert {name: {level} for name, level in LISTED.items()} == logged()


def test_list_of_events_is_ordered():
    assert list(LISTED) == sorted(LISTED)
    assert len(LISTED) > 30


def test_new_names_in_the_changelog_are_logged():
    assert len(RENAMED) > 30
    assert sorted(set(RENAMED) - LISTED.keys()) == []
