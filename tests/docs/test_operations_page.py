"""What the page on operations names is there: metrics, commands, settings, and sums that come out."""

from __future__ import annotations

import re
from pathlib import Path

from qdpi.cli import COMMANDS
from qdpi.observability.metrics import Metrics
from qdpi.settings import SETTINGS

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_metric_that_it_names_is_measured():
    samples = {sample for family in Metrics().registry.collect() for sample in (family.name, f"{family.name}_total")}
    named = set(re.findall(r"`(qdpi_[a-z_]+)", PAGE))
    assert named - samples == set()
    assert len(named) > 5


def test_every_command_that_it_names_is_there():
    named = {name for name in re.findall(r"qdpi ([a-z]+(?:-[a-z]+)*)", PAGE) if name != "with"}
    assert named - COMMANDS.keys() == set()


def test_every_setting_that_it_names_is_one():
    named = set(re.findall(r"\b((?:QDPI|KAFKA|CASSANDRA)_[A-Z_]+)\b", PAGE))
    assert named - {setting.variable for setting in SETTINGS} == set()


def test_the_arithmetic_comes_out():
    (readers,) = re.findall(r"\| readers at a time \|(.*)\|", PAGE)
    assert readers.split("|") == [" 1,000 ", " 100,000 ", " 10 million "]
    for number, rate, pages in ((1_000, 17, 170), (100_000, 1_700, 17_000), (10_000_000, 170_000, 1_700_000)):
        assert abs(number / 60 - rate) < rate * 0.03
        assert pages == rate * 10
