"""The page of model servers, `docs/models.md`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qdpi.settings import SETTINGS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("package", "lock"),
    [("xllamacpp", "local"), ("llama-cpp-python", "llama-cpp-python"), ("litellm", "witnesses")],
)
def test_versions_that_were_tried_are_those_that_are_locked(package: str, lock: str):
    locked = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    version = re.search(rf"^{package}==(\S+)", locked, re.MULTILINE)
    assert version
    (row,) = re.findall(r"^\| version \|.*$", PAGE, re.MULTILINE)
    assert version[1] in row


def test_settings_of_the_page_exist():
    named = set(re.findall(r"`((?:QDPI|OPENAI|ANTHROPIC|OLLAMA)_[A-Z_]+)", PAGE)) - OF_SERVERS
    assert len(named) > 5
    assert named - {setting.variable for setting in SETTINGS} == set()


OF_SERVERS = {"OLLAMA_CONTEXT_LENGTH"}
"""Variables that a server reads itself."""
