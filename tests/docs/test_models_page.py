"""docs/models.md agrees with the table of families and with what is held back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qdpi.language.answer import BEGINNING, Hold, tidy
from qdpi.language.markup import FAMILIES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
ROWS = [re.split(r"(?<!\\)\|", line)[1:-1] for line in PAGE.splitlines() if line.startswith("| ")]
MARKS = {name.strip(): re.findall(r"`([^`]+)`", " ".join(cells).replace("\\|", "|")) for name, *cells in ROWS}


def test_families_are_those_of_the_table():
    assert {family.name for family in FAMILIES} <= MARKS.keys()


@pytest.mark.parametrize("family", [family.name for family in FAMILIES])
def test_marks_of_a_family_are_taken_off(family: str):
    """Every token that is quoted in a family's row is taken off an answer, or ends it."""
    for mark in MARKS[family]:
        assert not mark.startswith(("<", "[", "◁")) or mark not in tidy(f"{mark}\n\nThe lamp."), mark


def test_held_characters_are_named():
    assert f"the first {BEGINNING} characters" in PAGE
    assert len(Hold) == 4
