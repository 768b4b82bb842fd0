"""docs/operations.md agrees with the code: its metrics, commands and settings exist, and its sums are right."""

from __future__ import annotations

import re
from pathlib import Path

from qdpi.cli import COMMANDS
from qdpi.observability.metrics import Metrics
from qdpi.settings import SETTINGS

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_metrics_of_the_page_exist():
    samples = {sample for family in Metrics().registry.collect() for sample in (family.name, f"{family.name}_total")}
    named = set(re.findall(r"`(qdpi_[a-z_]+)", PAGE))
    assert named - samples == set()
    assert len(named) > 5


def test_commands_of_the_page_exist():
    named = {name for name in re.findall(r"qdpi ([a-z]+(?:-[a-z]+)*)", PAGE) if name != "with"}
    assert named - COMMANDS.keys() == set()


def test_settings_of_the_page_exist():
    named = set(re.findall(r"\b((?:QDPI|KAFKA|CASSANDRA)_[A-Z_]+)\b", PAGE))
    assert named - {setting.variable for setting in SETTINGS} == set()


def test_arithmetic_of_the_page():
    """Presses a second and pages in flight follow from the number of readers."""
    (readers,) = re.findall(r"\| readers at a time \|(.*)\|", PAGE)
    assert readers.split("|") == [" 1,000 ", " 100,000 ", " 10 million "]
    for number, rate, pages in ((1_000, 17, 170), (100_000, 1_700, 17_000), (10_000_000, 170_000, 1_700_000)):
        assert abs(number / 60 - rate) < rate * 0.03
        assert pages == rate * 10
