from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tests.support.inner import run_pytest

MARKED = """
import os, pytest
pytestmark = pytest.mark.{mark}
@pytest.mark.parametrize("number", range(3))
def test_it(number):
    with open("ran", "a") as file:
        file.write(f"{mark} {{os.getpid()}}\\n")
"""


def test_tests_on_servers_share_one_process_and_those_of_a_file_do(tmp_path: Path):
    marks = ("kafka", "cassandra", "slow", "canon")
    (tmp_path / "pytest.ini").write_text("\n  ".join(("[pytest]\nmarkers =", *marks)), encoding="utf-8")
    for mark in marks:
        (tmp_path / f"test_{mark}.py").write_text(MARKED.format(mark=mark), encoding="utf-8")

    ended = run_pytest(tmp_path, "tests.support.parallel", "-n", "3", "--dist", "loadgroup")

    ran: dict[str, set[str]] = defaultdict(set)
    for line in (tmp_path / "ran").read_text(encoding="utf-8").splitlines():
        mark, process = line.split()
        ran[mark].add(process)
    assert ended.returncode == 0, ended.stdout
    assert {mark: len(processes) for mark, processes in ran.items()} == dict.fromkeys(marks, 1)
    assert ran["kafka"] == ran["cassandra"]
    assert len(set.union(*ran.values())) == 3
