"""The tiers add up to the whole suite, and the tier `check` needs only its own process."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from tests.support.inner import run_pytest
from tests.support.tiers import COLLECTED, Tier, taken_by

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def tiers_run_by(target: str) -> list[Tier]:
    """Return the tiers that a target of the Makefile names, in the lines of its recipe."""
    found = re.search(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)+)", MAKEFILE, re.MULTILINE)
    assert found is not None, f"the Makefile has no target {target}"
    return [Tier(name) for names in re.findall(r"--tier (\S+)", found[1]) for name in names.split(",")]


def test_every_collected_test_is_taken_once(pytestconfig: pytest.Config):
    """The tiers that `make test` and `make test-long` run add up to every collected test, each exactly once."""
    tiers = pytestconfig.stash[COLLECTED]
    runs = [frozenset(tiers_run_by(target)) for target in ("test", "test-long")]

    taken = Counter(test for wanted in runs for test in taken_by(wanted, tiers))

    assert taken == Counter(dict.fromkeys(tiers, 1))


def test_check_is_part_of_test():
    assert tiers_run_by("check") == [Tier.CHECK]
    assert Tier.CHECK in tiers_run_by("test")


def test_continuous_integration_runs_both_targets():
    called = re.findall(r"\bmake (?:--\S+ )*([a-z-]+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert called == ["test", "test-long"]


FILE = """
import subprocess, sys, pytest

def test_alone(): pass

def test_with_a_child(): subprocess.run([sys.executable, "-c", ""])

@pytest.mark.process
def test_with_a_child_that_is_marked(): subprocess.run([sys.executable, "-c", ""])

@pytest.mark.long
def test_at_length(): pass
"""
MARKS = "[pytest]\nmarkers =\n  process\n  long\n"


@pytest.mark.process
@pytest.mark.parametrize(
    ("tier", "counted"),
    [("check", "1 failed, 1 passed, 2 deselected"), ("test", "1 passed, 3 deselected"), ("long", "1 passed, 3 dese")],
)
def test_tier_selects_its_tests_and_refuses_unmarked_children(tier: str, counted: str, tmp_path: Path):
    (tmp_path / "pytest.ini").write_text(MARKS, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(FILE, encoding="utf-8")

    ended = run_pytest(tmp_path, "tests.support.tiers", "--tier", tier)

    assert counted in ended.stdout
    assert ("test_with_a_child starts a process" in ended.stdout) == (tier == "check")


@pytest.mark.process
def test_unknown_tier_is_refused(tmp_path: Path):
    ended = run_pytest(tmp_path, "tests.support.tiers", "--tier", "quick")

    assert ended.returncode != 0
    assert "the tiers are check, test, long" in ended.stderr
