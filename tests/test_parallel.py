"""Which tests share a process of a run."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from tests.support.inner import run_pytest
from tests.support.parallel import turn_of
from tests.support.tiers import Tier

MARKED = """
import os, pytest
pytestmark = {marks}
@pytest.mark.parametrize("number", range(2))
def test_it(number):
    with open("ran", "a") as file:
        file.write(f"{name} {{os.getpid()}}\\n")
"""
FILES = {
    "kafka": ("kafka",),
    "more_kafka": ("kafka",),
    "cassandra": ("cassandra",),
    "both": ("kafka", "cassandra"),
    "long_kafka": ("kafka", "long"),
    "long_cassandra": ("cassandra", "long"),
    "web": ("web",),
    "more_web": ("web",),
    "neither": (),
}


@pytest.mark.process
def test_tests_on_a_server_share_a_process(tmp_path: Path):
    """Those on the shared Kafka share one, those on the shared Cassandra one, those in the browser one, and so on."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  kafka\n  cassandra\n  web\n  long\n", encoding="utf-8")
    for name, marks in FILES.items():
        marked = "[" + ", ".join(f"pytest.mark.{mark}" for mark in marks) + "]"
        (tmp_path / f"test_{name}.py").write_text(MARKED.format(marks=marked, name=name), encoding="utf-8")

    ended = run_pytest(tmp_path, "tests.support.parallel", "-n", "4", "--dist", "loadgroup")

    ran: dict[str, set[str]] = defaultdict(set)
    for line in (tmp_path / "ran").read_text(encoding="utf-8").splitlines():
        name, process = line.split()
        ran[name].add(process)
    assert ended.returncode == 0, ended.stdout
    assert {name: len(processes) for name, processes in ran.items()} == dict.fromkeys(FILES, 1)
    assert ran["kafka"] == ran["more_kafka"] != ran["cassandra"] == ran["both"]
    assert ran["web"] == ran["more_web"]
    assert ran["long_kafka"] == ran["long_cassandra"]


def test_what_takes_longest_begins_first():
    """A process of its own for the servers and the browser, then what takes seconds, then what takes a moment."""
    groups = {
        "tests/bus/test_worker.py": {Tier.CHECK},
        "tests/flow/test_order.py": {Tier.TEST},
        "kafka": {Tier.TEST},
        "tests/export/test_epub.py": {Tier.CHECK, Tier.TEST},
        "cassandra": {Tier.TEST},
        "web": {Tier.TEST},
    }

    ordered = sorted(groups, key=lambda group: turn_of(group, groups[group]))

    assert ordered[:3] == ["cassandra", "web", "kafka"]
    assert set(ordered[3:5]) == {"tests/flow/test_order.py", "tests/export/test_epub.py"}
