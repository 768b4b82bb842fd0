from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.support.inner import run_pytest
from tests.support.skips import LISTED, allowed_reasons, unlisted

pytestmark = pytest.mark.process


def run(directory: Path, *, allowed: str, reason: str) -> subprocess.CompletedProcess[str]:
    """Run a test that skips for a reason, where only some reasons are allowed."""
    (directory / "allowed.txt").write_text(allowed, encoding="utf-8")
    (directory / "test_it.py").write_text(
        f"import pytest\ndef test_a():\n    pytest.skip({reason!r})\ndef test_b():\n    pass\n", encoding="utf-8"
    )
    where = ("-c", "none.ini", "--rootdir", ".", ".")
    return run_pytest(directory, "tests.support.skips", *where, "--allowed-skips", "allowed.txt")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "none.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


def test_unlisted_skip_fails_the_run(directory: Path):
    ended = run(directory, allowed="# comments are no reasons\nthe canon\n", reason="no network today")

    assert ended.returncode == 1
    assert "no network today (list it in allowed.txt, or have it run)" in ended.stdout
    assert "1 passed, 1 skipped" in ended.stdout.splitlines()[-1]


def test_listed_skip_passes(directory: Path):
    ended = run(directory, allowed="the c.non\n", reason="the canon is not here")

    assert ended.returncode == 0
    assert "not allowed" not in ended.stdout


def test_empty_list_allows_no_skip():
    assert unlisted(["b", "a", "b"], allowed_reasons("\n# a\n")) == ["a", "b"]


def test_allowed_skips_of_the_project():
    """The project allows only the skips for an absent canon and for Docker."""
    allowed = allowed_reasons(LISTED.read_text(encoding="utf-8"))

    assert unlisted(["Skipped: the author's canon is not here: set QDPI_CANON to its folder"], allowed) == []
    assert unlisted(["Skipped: docker compose is not here"], allowed) == []
    assert unlisted(["no Java 17 and Maven here"], allowed) == ["no Java 17 and Maven here"]
    assert unlisted(["no wheels of the small model"], allowed) == ["no wheels of the small model"]
